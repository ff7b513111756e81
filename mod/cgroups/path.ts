/**
 * Where a container's cgroup lies: the rules of `linux.cgroupsPath`.
 *
 * @see https://github.com/opencontainers/runtime-spec/blob/v1.3.0/config-linux.md#cgroups-path
 * @module
 */

import { RuntimeError } from "../errors.ts";
import { type Hierarchy, joinPath } from "./detect.ts";

/** A cgroupsPath that has been read. */
export interface CgroupsPath {
  /** Names joined by "/", without one at either end; never empty. */
  readonly path: string;
  /** From the mount's root, and not from where the runtime is. */
  readonly absolute: boolean;
}

/**
 * Reads a `cgroupsPath`; where there is none, the container's id stands for it,
 * relative to the runtime's own cgroup, as with runc.
 *
 * @throws {RuntimeError} for "..", the root itself, and systemd's form
 */
export function parseCgroupsPath(
  cgroupsPath: string | undefined,
  id: string,
): CgroupsPath {
  const text = cgroupsPath === undefined || cgroupsPath === ""
    ? id
    : cgroupsPath;
  const quoted = `cgroupsPath ${JSON.stringify(text)}`;
  if (/^[^/:]*:[^/:]*:[^/:]*$/.test(text)) {
    throw new RuntimeError(`${quoted} is in systemd's form`, {
      hint: "systemd cgroups need --systemd-cgroup",
    });
  }
  const names = text.split("/").filter((name) => name !== "" && name !== ".");
  if (names.includes("..")) {
    throw new RuntimeError(`${quoted} has ".." in it`);
  }
  // The kernel refuses newlines, and state files and /proc are lines.
  if (/[\n\0]/.test(text)) {
    throw new RuntimeError(`${quoted} has a newline or NUL in it`);
  }
  if (names.length === 0) {
    throw new RuntimeError(`${quoted} is the root of the cgroup tree`);
  }
  return { path: names.join("/"), absolute: text.startsWith("/") };
}

/**
 * The directory of a path in one hierarchy. A relative path begins at our own
 * cgroup on v1; on v2 at its parent, because our own has a process in it (us),
 * and a cgroup with processes cannot hand controllers down.
 *
 * @throws {RuntimeError} for a relative path where the mount does not show us
 */
export function cgroupDirectory(
  version: 1 | 2,
  hierarchy: Hierarchy,
  { path, absolute }: CgroupsPath,
): string {
  const { mountPoint, own } = hierarchy;
  if (absolute) return joinPath(mountPoint, path);
  if (own === undefined) {
    throw new RuntimeError(
      `relative cgroupsPath "${path}": the mount "${mountPoint}" does not ` +
        `show the runtime's own cgroup`,
      { hint: "an absolute cgroupsPath begins at the mount" },
    );
  }
  if (version === 1 || own === mountPoint) return joinPath(own, path);
  return joinPath(own.slice(0, own.lastIndexOf("/")), path);
}
