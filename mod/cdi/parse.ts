/**
 * The text of a CDI file, JSON or YAML whatever its name, to its checked
 * content. Pure. This is where zod and YAML are loaded.
 *
 * The reference library has one YAML reader for both, and then a strict one of
 * JSON: so keys match whatever their case, a trailing comma passes, a key given
 * twice does not, of several YAML documents the first counts. Plain `yes` and
 * `no` are text here, as in YAML 1.2, except where a truth value is wanted.
 *
 * @module
 */

import { parse as parseYaml } from "@std/yaml";
import { RuntimeError } from "../errors.ts";
import { jsonPath, valueText } from "../spec/fault.ts";
import { nearestNames } from "./name.ts";
import { type CdiFile, cdiFileSchema } from "./schema.ts";
import { type CdiFault, faultsOfFile, oddities } from "./validate.ts";
import { faultOfVersion } from "./version.ts";

/** A file's content, and what is odd in it. */
export interface ParsedFile {
  readonly file: CdiFile;
  readonly warnings: readonly string[];
}

/** The fields there are, as they are spelt; no two differ in case alone. */
const FIELDS: readonly string[] = [
  ...["cdiVersion", "kind", "annotations", "devices", "containerEdits"],
  ...["name", "env", "deviceNodes", "netDevices", "hooks", "mounts"],
  ...["intelRdt", "additionalGids", "path", "hostPath", "type", "major"],
  ...["minor", "fileMode", "permissions", "uid", "gid", "containerPath"],
  ...["options", "hookName", "args", "timeout", "closID", "l3CacheSchema"],
  ...["memBwSchema", "schemata", "enableMonitoring", "hostInterfaceName"],
];

/** Fields that were, and what became of them. */
const GONE: Readonly<Record<string, string>> = {
  enableCMT: "it was taken out in 1.1.0: use enableMonitoring",
  enableMBM: "it was taken out in 1.1.0: use enableMonitoring",
};

/** Nodes of a document that aliases have not blown up. */
const MOST_NODES = 200_000;
const MOST_DEPTH = 32;

/** Renders a fault; `got` undefined: nothing is there. */
function faultLine({ path, got, expected }: CdiFault): string {
  const what = got === undefined ? "is missing" : `got ${valueText(got)}`;
  return `${path === "" ? "" : `${path}: `}${what}, expected ${expected}`;
}

/** Refuses JSON in which an object has a key twice. */
function refuseTwins(text: string): void {
  const open: (Set<string> | undefined)[] = [];
  let last: string | undefined;
  for (const [token] of text.matchAll(/"(?:[^"\\]|\\.)*"|[{}[\]:,]/gs)) {
    if (token === "{") open.push(new Set());
    else if (token === "[") open.push(undefined);
    else if (token === "}" || token === "]") open.pop();
    else if (token === ":" && last !== undefined) {
      const key: unknown = JSON.parse(last);
      const keys = open.at(-1);
      if (keys?.has(String(key))) {
        throw new RuntimeError(`field ${last} is there twice`);
      }
      keys?.add(String(key));
    }
    last = token.startsWith('"') ? token : undefined;
  }
}

/** The first of the YAML documents in a text: all up to its end marker. */
function firstDocument(text: string): string {
  const markers = [...text.matchAll(/^(---|\.\.\.)(?=\s|$)/gm)];
  for (const { index } of markers) {
    const before = text.slice(0, index).replace(/^\s*([#%].*)?$|^---/gm, "");
    if (before.trim() !== "") return text.slice(0, index);
  }
  return text;
}

/** Reads JSON or YAML to plain values. */
function readDocument(text: string): unknown {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    const first = firstDocument(text);
    try {
      // Merge keys are in the schema that takes dates for more than text.
      const schema = first.includes("<<") ? "default" : "core";
      return parseYaml(first, { schema });
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      const [line = ""] = message.split("\n");
      throw new RuntimeError(
        `neither JSON nor YAML: ${line.replace(/:$/, "").toLowerCase()}`,
      );
    }
  }
  refuseTwins(text);
  return value;
}

/** Is this an object, and no list? */
function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/**
 * Spells the keys as the spec does, and drops what is null: null is nothing,
 * as in Go, and in a list it is an empty item.
 */
function normalize(document: unknown): unknown {
  let nodes = 0;
  const visit = (value: unknown, path: PropertyKey[]): unknown => {
    if (++nodes > MOST_NODES || path.length > MOST_DEPTH) {
      throw new RuntimeError("too large a document, or too deep");
    }
    if (Array.isArray(value)) {
      return value.map((item, i) => visit(item ?? {}, [...path, i]));
    }
    if (!isObject(value)) return value;
    const verbatim = path.at(-1) === "annotations";
    // Without a prototype: the keys are the file's.
    const fields: Record<string, unknown> = Object.create(null);
    for (const [key, field] of Object.entries(value)) {
      const lower = key.toLowerCase();
      const known = verbatim
        ? key
        : FIELDS.find((name) => name.toLowerCase() === lower) ?? key;
      // The library takes the one that is written last.
      if (known in fields) {
        throw new RuntimeError(
          `${jsonPath([...path, known])}: is there twice, expected once`,
        );
      }
      if (field === null || field === undefined) continue;
      fields[known] = visit(field, [...path, known]);
    }
    return { ...fields };
  };
  return visit(document, []);
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

/** Says that a field is not one of CDI's. */
function unknownField(path: readonly PropertyKey[], key: string): string {
  const [near] = nearestNames(key, FIELDS);
  const told = Object.hasOwn(GONE, key)
    ? GONE[key]
    : near === undefined
    ? "CDI has no such field"
    : `did you mean "${near}"`;
  return `${jsonPath([...path, key])}: unknown field (${told})`;
}

/**
 * Reads, and checks in the library's order: structure, version, kind, edits,
 * devices. The file is good as a whole or not at all.
 *
 * @throws {RuntimeError} saying the first thing that is wrong; the caller adds
 * which file it is
 */
export function parseCdiFile(text: string): ParsedFile {
  const document = normalize(readDocument(text) ?? null);
  if (document === null) {
    throw new RuntimeError("is empty, expected a CDI file");
  }
  const declared = at(document, ["cdiVersion"]);
  // What a later version has added must not be the first complaint.
  if (typeof declared === "string" || typeof declared === "number") {
    const expected = faultOfVersion(String(declared));
    if (expected !== undefined) {
      throw new RuntimeError(
        faultLine({ path: "cdiVersion", got: declared, expected }),
      );
    }
  }
  const result = cdiFileSchema().safeParse(document, { jitless: true });
  if (!result.success) {
    const [issue] = result.error.issues;
    if (issue === undefined) throw new RuntimeError("is not valid");
    if (issue.code === "unrecognized_keys") {
      throw new RuntimeError(unknownField(issue.path, issue.keys[0] ?? ""));
    }
    throw new RuntimeError(faultLine({
      path: jsonPath(issue.path),
      got: at(document, issue.path),
      expected: issue.message,
    }));
  }
  for (const fault of faultsOfFile(result.data)) {
    throw new RuntimeError(faultLine(fault));
  }
  return { file: result.data, warnings: oddities(result.data) };
}
