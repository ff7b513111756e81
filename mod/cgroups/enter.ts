/**
 * Moving a process into a cgroup.
 *
 * @module
 */

import { SyscallError } from "../../ffi/errno.ts";
import { RuntimeError } from "../errors.ts";
import { sleep, writeValue } from "./file.ts";
import type { CgroupRecord } from "./plan.ts";

/** What a process does to enter a container's cgroup by itself. */
export interface SelfEntry {
  /** v1 files to which it writes the value. */
  readonly writes: readonly { readonly path: string; readonly value: string }[];
  /** The v2 directory that a child is cloned into: clone3, CLONE_INTO_CGROUP. */
  readonly cloneInto?: string;
}

/**
 * How a process with a single thread enters without a wait. To move another
 * process, or all threads of one, the kernel stops every fork and exit of the
 * host, which begins with an RCU grace period: 7 to 25 ms were measured. The
 * thread that moves itself alone, and a child that is born in its cgroup, need
 * no such stop: 0.2 ms for nine hierarchies.
 *
 * Runs in: gofer, single-threaded, with the host's cgroup mounts in sight.
 */
export function selfEntry({ paths }: CgroupRecord): SelfEntry {
  const { "": tree, ...v1 } = paths;
  const writes = [...new Set(Object.values(v1))]
    .map((path) => ({ path: `${path}/tasks`, value: "0" }));
  return { writes, ...(tree === undefined ? {} : { cloneInto: tree }) };
}

/**
 * Moves a process into one cgroup.
 *
 * Runs in: launcher.
 *
 * @throws {RuntimeError} with the kernel's errno, and what to do
 */
export function enterCgroup(directory: string, pid: number): void {
  const file = `${directory}/cgroup.procs`;
  for (let tries = 1;; tries++) {
    try {
      return writeValue(file, `${pid}`);
    } catch (cause) {
      const code = cause instanceof SyscallError ? cause.code : "";
      // EINVAL: a process that is still being made cannot be moved yet.
      if (code === "EINVAL" && tries < 5) {
        sleep(10);
        continue;
      }
      const hint = code === "EBUSY"
        ? "it hands controllers down to children, and takes no process itself"
        : code === "ENOSPC"
        ? "its cpuset.cpus or cpuset.mems is empty"
        : undefined;
      throw new RuntimeError(
        `cannot move process ${pid} into cgroup "${directory}"`,
        { cause, ...(hint === undefined ? {} : { hint }) },
      );
    }
  }
}
