/**
 * Reads config.json and its like. This is where zod is loaded: commands that
 * read no spec must not import this file.
 *
 * @module
 */
import { parse as parseJsonc } from "@std/jsonc";
import { errnoText } from "../../ffi/errno.ts";
import { RuntimeError } from "../errors.ts";
import { type Spec, specSchema } from "./config.ts";
import { type Fault, faultError, jsonPath } from "./fault.ts";
import {
  hasLongIntegers,
  markChangedIntegers,
  unmarkIntegers,
} from "./number.ts";
import { type Process, processSchema } from "./process.ts";
import { resolveSpec } from "./resolve.ts";
import { type Resources, resourcesSchema } from "./resources.ts";
import type { Schema } from "./schema.ts";
import { checkProcess, checkResources, checkSpec } from "./validate.ts";

/** A larger file is no config.json. */
const MOST_BYTES = 8 * 1024 * 1024;

/** A bundle's config.json, read, checked and resolved. */
export interface Bundle {
  /** The bundle's directory: absolute, without symlinks. */
  readonly path: string;
  /** The spec, with paths resolved against the bundle. */
  readonly spec: Spec;
  /** What was odd but is no error, one line each. */
  readonly warnings: readonly string[];
}

/**
 * Reads `<bundle>/config.json`.
 *
 * Runs in: launcher.
 *
 * @throws {RuntimeError} where the bundle or the file cannot be read, is not
 * JSON (comments and trailing commas pass), or breaks the spec
 */
export function loadSpec(bundle: string): Bundle {
  const path = openBundle(bundle);
  const file = `${path}/config.json`;
  const spec = parseSpec(readSpecFile(file, bundle), file);
  const warnings = checkSpec(spec, file);
  return { path, spec: resolveSpec(spec, path), warnings };
}

/** The bundle's real path; says what is wrong where it is no directory. */
function openBundle(bundle: string): string {
  try {
    const path = Deno.realPathSync(bundle);
    if (Deno.statSync(path).isDirectory) return path;
  } catch (error) {
    throw new RuntimeError(`bundle "${bundle}": ${reason(error)}`);
  }
  throw new RuntimeError(`bundle "${bundle}": not a directory`);
}

/** Reads config.json, with a hint where there is none. */
function readSpecFile(file: string, bundle: string): string {
  return readText(
    file,
    `\`burrow spec --bundle ${bundle}\` makes one`,
  );
}

/**
 * Reads the text of a JSON document.
 *
 * @throws {RuntimeError} where it cannot be read, is no regular file, is larger
 * than 8 MiB or not UTF-8; with `hint` where it does not exist
 */
export function readText(file: string, hint?: string): string {
  let bytes: Uint8Array;
  try {
    const { isFile, isDirectory, size } = Deno.statSync(file);
    // A fifo would make us wait for whoever holds its other end.
    if (!isFile) {
      const what = isDirectory ? "is a directory" : "not a regular file";
      throw new RuntimeError(`open "${file}": ${what}`);
    }
    bytes = size > MOST_BYTES ? new Uint8Array(size) : Deno.readFileSync(file);
  } catch (error) {
    if (error instanceof RuntimeError) throw error;
    const missing = error instanceof Deno.errors.NotFound;
    throw new RuntimeError(
      `open "${file}": ${reason(error)}`,
      missing && hint !== undefined ? { hint } : {},
    );
  }
  if (bytes.length > MOST_BYTES) {
    throw new RuntimeError(
      `read "${file}": ${bytes.length} bytes, more than ${MOST_BYTES}`,
    );
  }
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new RuntimeError(`read "${file}": not UTF-8`);
  }
}

/** Why a file operation of Deno failed, in Go's words. */
function reason(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  const errno = /\(os error (\d+)\)/.exec(message)?.[1];
  return errno === undefined ? message : errnoText(Number(errno));
}

/**
 * Parses the text of a config.json by its schema; the rules of `validate.ts`
 * are not applied. `file` names it in errors.
 *
 * @throws {RuntimeError} naming the first fault
 */
export function parseSpec(text: string, file: string): Spec {
  return parseBy(specSchema(), text, file);
}

/**
 * Parses and checks the document of `exec --process`.
 *
 * @throws {RuntimeError} naming the first fault
 */
export function parseProcess(text: string, file: string): Process {
  const process = parseBy(processSchema(), text, file);
  checkProcess(process, file);
  return process;
}

/**
 * Parses and checks the document of `update --resources`.
 *
 * @throws {RuntimeError} naming the first fault
 */
export function parseResources(text: string, file: string): Resources {
  const resources = parseBy(resourcesSchema(), text, file);
  checkResources(resources, file);
  return resources;
}

/**
 * Parses JSON, with comments and trailing commas too, by a schema. `null`
 * stands for a missing field, as everywhere in Go.
 *
 * @throws {RuntimeError} where it is not JSON (line and column), or not what
 * the schema says (JSON path, value, expected)
 */
export function parseBy<T>(schema: Schema<T>, text: string, file: string): T {
  let document = parseJson(text, file);
  if (text.includes("null")) document = withoutNull(document);
  const long = hasLongIntegers(text);
  if (long) document = markChangedIntegers(document, text);
  const result = schema.safeParse(document, { jitless: true });
  if (result.success) return long ? unmarkIntegers(result.data) : result.data;
  const faults = result.error.issues.map(({ path, message }): Fault => {
    const got = at(document, path);
    const exact = typeof got === "bigint" ? " that a double holds exactly" : "";
    return { path: jsonPath(path), got, expected: `${message}${exact}` };
  });
  const [first, ...rest] = faults;
  if (first === undefined) throw new RuntimeError(`${file}: is not valid`);
  throw faultError(file, [first, ...rest]);
}

/** Parses JSON; only what is not JSON costs the slower JSONC parser. */
function parseJson(text: string, file: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    try {
      return parseJsonc(text);
    } catch (error) {
      throw new RuntimeError(`${file}: ${jsonFault(error, text)}`);
    }
  }
}

/** Where the text stops being JSON, and what is there. */
function jsonFault(error: unknown, text: string): string {
  const message = error instanceof Error ? error.message : String(error);
  const found = /position (\d+)/.exec(message)?.[1];
  const offset = Math.min(Number(found ?? text.length), text.length);
  const before = text.slice(0, offset).split("\n");
  const line = before.length;
  const column = (before.at(-1)?.length ?? 0) + 1;
  const character = text.codePointAt(offset);
  const what = character === undefined
    ? "the end"
    : JSON.stringify(String.fromCodePoint(character));
  return `not JSON: unexpected ${what} at line ${line}, column ${column}`;
}

/** Drops the fields that are null, in place; list items stay as they are. */
function withoutNull(value: unknown): unknown {
  if (Array.isArray(value)) value.forEach(withoutNull);
  else if (typeof value === "object" && value !== null) {
    const fields = value as Record<string, unknown>;
    for (const key of Object.keys(fields)) {
      if (fields[key] === null) delete fields[key];
      else withoutNull(fields[key]);
    }
  }
  return value;
}

/** The value at a JSON path, undefined where the path ends early. */
function at(document: unknown, path: readonly PropertyKey[]): unknown {
  let value = document;
  for (const key of path) {
    if (typeof value !== "object" || value === null) return undefined;
    value = (value as Record<PropertyKey, unknown>)[key];
  }
  return value;
}
