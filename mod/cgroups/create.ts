/**
 * Making a container's cgroup.
 *
 * Runs in: launcher.
 *
 * @module
 */

import { SyscallError } from "../../ffi/errno.ts";
import { RuntimeError } from "../errors.ts";
import { toSyscallError } from "./file.ts";
import { freezerOf } from "./freezer.ts";
import { type CgroupManager, openCgroup } from "./manager.ts";
import { type CgroupDirectory, type CgroupPlan, recordOf } from "./plan.ts";
import {
  assertDomain,
  enableControllers,
  inheritCpuset,
  makeCgroup,
  pidsBelow,
  removeCgroup,
} from "./tree.ts";

/**
 * Refuses a cgroup that is somebody's: its processes would share the
 * container's limits and die with it.
 */
function assertEmpty(path: string): void {
  const { length } = pidsBelow(path);
  if (length === 0) return;
  throw new RuntimeError(
    `container's cgroup is not empty: ${length} process(es) found`,
    { hint: `in "${path}"` },
  );
}

/** Refuses one that is frozen, in which our own process would stop. */
function assertThawed(plan: CgroupPlan): void {
  const freezer = freezerOf(recordOf(plan.mode, plan.directories));
  if (freezer?.frozen() !== true) return;
  throw new RuntimeError("container's cgroup unexpectedly frozen", {
    hint: `thaw or remove "${plan.directories[0]?.path ?? ""}"`,
  });
}

/** Makes one directory, readies it, and tells whether it was there. */
function prepare(
  { version, controllers, mountPoint, path }: CgroupDirectory,
  undo: DisposableStack,
): boolean {
  const made = makeCgroup(mountPoint, path);
  if (made) undo.defer(() => removeCgroup(path, 0));
  else assertEmpty(path);
  if (version === 2) {
    enableControllers(mountPoint, path);
    assertDomain(path);
  } else if (controllers.includes("cpuset")) inheritCpuset(mountPoint, path);
  return !made;
}

const REFUSED = ["EACCES", "EPERM", "EROFS"];

/**
 * Makes the directories of a plan. Where this fails, those made are removed.
 *
 * @throws {RuntimeError} for a cgroup with processes, a frozen one, or one that
 * we may not make
 */
export function createCgroup(plan: CgroupPlan): CgroupManager {
  using undo = new DisposableStack();
  let old = false;
  const made = plan.directories.filter((directory) => {
    try {
      if (prepare(directory, undo)) old = true;
      return true;
    } catch (error) {
      const cause = toSyscallError(error, "write", directory.path);
      const code = cause instanceof SyscallError ? cause.code : "";
      if (plan.dispensable && REFUSED.includes(code)) return false;
      if (cause instanceof RuntimeError) throw cause;
      throw new RuntimeError(`cannot make cgroup "${directory.path}"`, {
        cause,
        ...(REFUSED.includes(code)
          ? { hint: "as root, or in a cgroup that was delegated to this user" }
          : {}),
      });
    }
  });
  if (old) assertThawed(plan);
  undo.move();
  const mode = made.length === 0 ? "none" : plan.mode;
  return openCgroup(recordOf(mode, made));
}
