/**
 * `burrow cdi doctor`.
 *
 * @module
 */

import { diagnose } from "../../cdi/doctor.ts";
import { lookUpNode } from "../../cdi/read.ts";
import { directoryLine } from "../../cdi/unresolved.ts";
import { minimumVersion } from "../../cdi/version.ts";
import type { Globals } from "../globals.ts";
import type { Arguments } from "../option.ts";
import { printLines, registryOf } from "./cdi.ts";

/** Status of what is at a path, following symlinks; undefined for nothing. */
function statusOf(path: string): Deno.FileInfo | undefined {
  try {
    return Deno.statSync(path);
  } catch {
    return undefined;
  }
}

/** Why a hook's program cannot be run, or is nobody's to trust. */
function programFault(path: string): string | undefined {
  if (!path.startsWith("/")) return "is not absolute";
  const status = statusOf(path);
  if (status === undefined) return "is not there";
  const mode = status.mode ?? 0;
  if (!status.isFile || (mode & 0o111) === 0) return "is no program";
  if ((mode & 0o022) !== 0) return "can be written by others than its owner";
  return status.uid === 0 ? undefined : "does not belong to root";
}

/** Prints what is read, what counts, and what is wrong; 1 where something is. */
export function execute(args: Arguments, _globals: Globals): number {
  const registry = registryOf(args);
  const findings = diagnose(registry, {
    lookUp: lookUpNode,
    exists: (path) => statusOf(path) !== undefined,
    programFault,
  });
  const lines = registry.directories.map((directory, priority) =>
    `directory ${directoryLine(directory)}, priority ${priority}`
  );
  for (const { path, file } of registry.files) {
    const names = (file.devices ?? []).map(({ name }) => name).join(", ");
    lines.push(
      `file "${path}": ${file.kind}: ${names}; cdiVersion ${file.cdiVersion}, ` +
        `needs ${minimumVersion(file).version}`,
    );
  }
  for (const { level, subject, problem, suggestion } of findings) {
    lines.push(`${level} "${subject}": ${problem}; try: ${suggestion}`);
  }
  const errors = findings.filter(({ level }) => level === "error").length;
  lines.push(
    `devices: ${registry.devices.size}, errors: ${errors}, ` +
      `warnings: ${findings.length - errors}`,
  );
  printLines(lines);
  return errors === 0 ? 0 : 1;
}
