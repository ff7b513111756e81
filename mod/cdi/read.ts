/**
 * Reads the directories of CDI files, and the host's device nodes.
 *
 * @module
 */

import { resolve } from "@std/path";
import { errnoText } from "../../ffi/errno.ts";
import type { HostNode } from "./edit.ts";
import { parseCdiFile } from "./parse.ts";
import type { FoundDirectory, FoundFile, Registry } from "./registry.ts";
import { CDI_SPEC_DIRS, makeRegistry } from "./registry.ts";

/** A larger file is no CDI file. */
const MOST_BYTES = 8 * 1024 * 1024;

/** Why a file operation of Deno failed, in the C library's words. */
function reason(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  const errno = /\(os error (\d+)\)/.exec(message)?.[1];
  return errno === undefined ? message : errnoText(Number(errno));
}

/** Reads one file; a symlink to a file is a file. */
export function readCdiText(path: string): FoundFile {
  try {
    const { isFile, isDirectory, size } = Deno.statSync(path);
    // A fifo would make us wait for whoever holds its other end.
    if (!isFile) {
      const error = isDirectory ? "is a directory" : "not a regular file";
      return { path, error };
    }
    if (size > MOST_BYTES) {
      return { path, error: `${size} bytes, more than ${MOST_BYTES}` };
    }
    const bytes = Deno.readFileSync(path);
    const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    return { path, text };
  } catch (error) {
    if (error instanceof TypeError) return { path, error: "not UTF-8" };
    return { path, error: reason(error) };
  }
}

/** Reads one directory, not those in it. */
function readDirectory(path: string): FoundDirectory {
  let names: string[];
  try {
    names = [...Deno.readDirSync(path)]
      .filter(({ isDirectory }) => !isDirectory)
      .map(({ name }) => name).sort();
  } catch (error) {
    const nothing = { path, files: [], ignored: [] };
    if (error instanceof Deno.errors.NotFound) {
      return { ...nothing, state: "missing" };
    }
    return { ...nothing, state: "failed", error: reason(error) };
  }
  const isSpec = (name: string) => /\.(json|yaml)$/.test(name);
  return {
    path,
    state: "read",
    files: names.filter(isSpec).map((name) => readCdiText(`${path}/${name}`)),
    ignored: names.filter((name) => !isSpec(name)),
  };
}

/**
 * Reads directories in their order. One that is missing is no matter; one that
 * cannot be read ends the search, as in the library: what it would have defined
 * could have been there to win over all before.
 *
 * Runs in: launcher.
 */
export function readDirectories(
  paths: readonly string[] = CDI_SPEC_DIRS,
): FoundDirectory[] {
  const found: FoundDirectory[] = [];
  for (const path of paths.map((path) => resolve(path))) {
    if (found.some(({ state }) => state === "failed")) {
      found.push({ path, state: "unread", files: [], ignored: [] });
    } else found.push(readDirectory(path));
  }
  return found;
}

/** Reads the registry of some directories; none: the default ones. */
export function readRegistry(paths: readonly string[] = []): Registry {
  const directories = readDirectories(paths.length === 0 ? undefined : paths);
  return makeRegistry(directories, parseCdiFile);
}

/**
 * Looks at a device node of this host, without following a symlink.
 *
 * Runs in: launcher.
 */
export function lookUpNode(path: string): HostNode {
  let status: Deno.FileInfo;
  try {
    status = Deno.lstatSync(path);
  } catch (error) {
    return { error: reason(error) };
  }
  const { isCharDevice, isBlockDevice, isFifo, mode, rdev } = status;
  const type = isCharDevice ? "c" : isBlockDevice ? "b" : isFifo ? "p" : "";
  if (type === "" || mode === null) return { error: "not a device node" };
  // gnu_dev_major(3) and its like: each number in two pieces.
  const number = BigInt(rdev ?? 0);
  const major = (number >> 8n & 0xfffn) | (number >> 32n & 0xfffff000n);
  const minor = (number & 0xffn) | (number >> 12n & 0xffffff00n);
  return {
    type,
    major: Number(major),
    minor: Number(minor),
    fileMode: mode & 0o7777,
  };
}
