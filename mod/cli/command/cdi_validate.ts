/**
 * `burrow cdi validate`.
 *
 * @module
 */

import { resolve } from "@std/path";
import { parseCdiFile } from "../../cdi/parse.ts";
import { readCdiText, readDirectories } from "../../cdi/read.ts";
import type { FoundDirectory, Registry } from "../../cdi/registry.ts";
import { makeRegistry } from "../../cdi/registry.ts";
import { minimumVersion } from "../../cdi/version.ts";
import { RuntimeError } from "../../errors.ts";
import type { Globals } from "../globals.ts";
import type { Arguments } from "../option.ts";
import { printLines } from "./cdi.ts";

/** A file or a directory that was named, as the registry takes it. */
function found(operand: string): FoundDirectory[] {
  const path = resolve(operand);
  let isDirectory: boolean;
  try {
    ({ isDirectory } = Deno.statSync(path));
  } catch (cause) {
    throw new RuntimeError(`CDI file "${path}"`, { cause });
  }
  if (isDirectory) return readDirectories([path]);
  const files = [readCdiText(path)];
  return [{ path, state: "read", files, ignored: [] }];
}

/** The lines of a report, and whether all is well. */
function report(registry: Registry): { lines: string[]; good: boolean } {
  const lines: string[] = [];
  for (const { path, file, warnings } of registry.files) {
    const { version } = minimumVersion(file);
    const { kind, devices = [], cdiVersion } = file;
    lines.push(
      `"${path}": valid: ${kind}, devices ${
        devices.map(({ name }) => name).join(", ")
      }; cdiVersion ${cdiVersion}, needs ${version}`,
    );
    lines.push(...warnings.map((warning) => `"${path}": warning: ${warning}`));
  }
  for (const { path, reason } of registry.dropped) {
    lines.push(`"${path}": not valid: ${reason}`);
  }
  for (const { path, state, error } of registry.directories) {
    if (state === "failed") lines.push(`"${path}": not read: ${error}`);
  }
  for (const [name, files] of registry.conflicts) {
    const both = files.map((path) => `"${path}"`).join(" and ");
    lines.push(`${name}: not valid: in ${both}, neither counts`);
  }
  const good = registry.dropped.length === 0 && registry.conflicts.size === 0 &&
    registry.directories.every(({ state }) => state !== "failed");
  return { lines, good };
}

/** Checks files; exits 1 where one is not valid. */
export function execute(args: Arguments, _globals: Globals): number {
  const [operand] = args.operands;
  const dirs = args.values("cdi-spec-dir");
  const directories = operand === undefined
    ? readDirectories(dirs.length === 0 ? undefined : dirs)
    : found(operand);
  const { lines, good } = report(makeRegistry(directories, parseCdiFile));
  printLines(lines);
  return good ? 0 : 1;
}
