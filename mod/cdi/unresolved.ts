/**
 * Why devices cannot be had, in one line: what was read, what was dropped and
 * why, and what may have been meant. Pure.
 *
 * @module
 */

import { RuntimeError } from "../errors.ts";
import { isQualifiedName, nearestNames, splitKind } from "./name.ts";
import type { DroppedFile, FoundDirectory, Registry } from "./registry.ts";

/** Says what became of a directory. */
export function directoryLine(
  { path, state, error, files }: FoundDirectory,
): string {
  switch (state) {
    case "read":
      return `"${path}" (${files.length} file${files.length === 1 ? "" : "s"})`;
    case "missing":
      return `"${path}" (missing)`;
    case "failed":
      return `"${path}" (${error})`;
    case "unread":
      return `"${path}" (not read: an earlier one failed)`;
    default:
      return state satisfies never;
  }
}

/**
 * The dropped files that may have held a device: those that speak of its kind;
 * where no file does, all of them.
 */
function suspects(registry: Registry, name: string): readonly DroppedFile[] {
  const kind = name.slice(0, Math.max(0, name.indexOf("=")));
  const vendor = splitKind(kind)?.vendor ?? name;
  const about = registry.dropped.filter(({ path, text }) =>
    text.includes(kind === "" ? vendor : kind) ||
    path.slice(path.lastIndexOf("/")).includes(vendor)
  );
  const isKnown = registry.files.some(({ file }) => file.kind === kind);
  return about.length > 0 || isKnown ? about : registry.dropped;
}

/** Says why one device cannot be had. */
export function unresolvedReason(registry: Registry, name: string): string {
  const told = JSON.stringify(name);
  const between = registry.conflicts.get(name);
  if (between !== undefined) {
    const files = between.map((path) => `"${path}"`).join(" and ");
    return `${told} is in ${files}, of the same priority: neither counts`;
  }
  const [near, ...others] = nearestNames(name, registry.devices.keys());
  const meant = near === undefined
    ? ""
    : `, did you mean ${
      [near, ...others].map((n) => JSON.stringify(n)).join(" or ")
    }`;
  if (!isQualifiedName(name)) {
    return `${told} is not of the form vendor/class=name${meant}`;
  }
  const dropped = suspects(registry, name)
    .map(({ path, reason }) => `, "${path}" was dropped: ${reason}`).join("");
  const nothing = registry.devices.size === 0
    ? "no file that counts"
    : "no file";
  return `${told}: ${nothing} defines it${meant}${dropped}`;
}

/**
 * The error of devices that cannot be had. Its beginning is the library's, for
 * callers match it.
 */
export function unresolvedError(
  registry: Registry,
  names: readonly string[],
): RuntimeError {
  const failed = registry.directories.some(({ state }) => state === "failed");
  const read = registry.directories.map(directoryLine).join(", ");
  const parts = [...new Set(names)].map((name) =>
    unresolvedReason(registry, name)
  );
  return new RuntimeError(
    `unresolvable CDI devices ${names.join(", ")}: ` +
      [...parts, `read ${read}`].join("; "),
    {
      hint:
        failed || registry.directories.every(({ files }) => files.length === 0)
          ? "--cdi-spec-dir names other directories"
          : "`burrow cdi doctor` tells more",
    },
  );
}
