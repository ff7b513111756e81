/**
 * Hands a container's v2 cgroup to the user of its program, so that it can
 * divide it further: systemd in a container, and runtimes in it.
 *
 * @see https://github.com/opencontainers/runtime-spec/blob/v1.3.0/config-linux.md#cgroup-ownership
 * @module
 */

import { RuntimeError } from "../errors.ts";
import type { Spec } from "../spec/config.ts";
import { namespaceOf } from "../spec/rule.ts";
import type { CgroupPlan } from "./plan.ts";

/** Changes the owner of the container's cgroup. */
export interface DelegateCgroupStep {
  readonly kind: "delegate-cgroup";
  readonly directory: string;
  /** On the host. */
  readonly uid: number;
}

/** The id on the host of the program's user; undefined: it is not known. */
function hostUid(spec: Spec): number | undefined {
  const uid = spec.process?.user.uid ?? 0;
  if (namespaceOf(spec, "user") === undefined) return uid;
  const range = spec.linux?.uidMappings?.find(({ containerID, size }) =>
    uid >= containerID && uid < containerID + size
  );
  return range === undefined
    ? undefined
    : range.hostID + uid - range.containerID;
}

/** Does the spec mount the container's own cgroup so that it can be written? */
function isWritable(spec: Spec): boolean {
  const namespace = namespaceOf(spec, "cgroup");
  if (namespace === undefined || namespace.path !== undefined) return false;
  return (spec.mounts ?? []).some(({ destination, type = "", options = [] }) =>
    destination === "/sys/fs/cgroup" && type.startsWith("cgroup") &&
    options.findLast((word) => word === "ro" || word === "rw") !== "ro"
  );
}

/**
 * The step that delegates, where the spec says so: on a host with v2 alone, a
 * cgroup namespace of the container's own, and a mount that is not read-only.
 */
export function planDelegation(
  spec: Spec,
  plan: CgroupPlan,
): DelegateCgroupStep[] {
  if (plan.mode !== "unified" || plan.dispensable || !isWritable(spec)) {
    return [];
  }
  const directory = plan.directories.find(({ version }) => version === 2);
  const uid = hostUid(spec);
  // They are root's already.
  if (directory === undefined || uid === undefined || uid === 0) return [];
  return [{ kind: "delegate-cgroup", directory: directory.path, uid }];
}

/** The files that are delegated where the kernel does not list them. */
const USUAL = ["cgroup.procs", "cgroup.threads", "cgroup.subtree_control"];

/** The files that the kernel says are safe to delegate: since 4.15. */
function delegated(): string[] {
  try {
    return Deno.readTextFileSync("/sys/kernel/cgroup/delegate").split("\n")
      .filter((name) => /^[\w.]+$/.test(name));
  } catch {
    return USUAL;
  }
}

/**
 * Hands the cgroup over: the directory and the files that are safe, but no
 * limit. Runs in: launcher.
 */
export function delegateCgroup(step: DelegateCgroupStep): void {
  const { directory, uid } = step;
  for (const path of ["", ...delegated().map((name) => `/${name}`)]) {
    try {
      Deno.chownSync(directory + path, uid, null);
    } catch (cause) {
      // A controller that is off has no files.
      if (path !== "" && cause instanceof Deno.errors.NotFound) continue;
      throw new RuntimeError(`hand cgroup "${directory + path}" over`, {
        cause,
      });
    }
  }
}
