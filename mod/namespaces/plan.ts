/**
 * Which namespaces are made, which are joined, and in which order. Pure.
 *
 * @module
 */

import { SCHED } from "../../ffi/abi/sched.ts";
import type { Spec } from "../spec/config.ts";
import type { NamespaceType } from "../spec/linux.ts";
import type { IdMapping } from "../spec/mount.ts";
import { namespaceOf } from "../spec/rule.ts";

/** The clone flag of each kind of namespace. */
export const CLONE_FLAG: Readonly<Record<NamespaceType, number>> = {
  mount: SCHED.CLONE_NEWNS,
  cgroup: SCHED.CLONE_NEWCGROUP,
  uts: SCHED.CLONE_NEWUTS,
  ipc: SCHED.CLONE_NEWIPC,
  user: SCHED.CLONE_NEWUSER,
  pid: SCHED.CLONE_NEWPID,
  network: SCHED.CLONE_NEWNET,
  time: SCHED.CLONE_NEWTIME,
};

/** The name of each kind in /proc/PID/ns. */
export const PROC_NAME: Readonly<Record<NamespaceType, string>> = {
  mount: "mnt",
  cgroup: "cgroup",
  uts: "uts",
  ipc: "ipc",
  user: "user",
  pid: "pid",
  network: "net",
  time: "time",
};

/** Joins a namespace by path. */
export interface JoinNamespaceStep {
  readonly kind: "join-namespace";
  readonly type: NamespaceType;
  readonly path: string;
}

/** Joins what only the container's user namespace may enter. */
export interface JoinDeferredStep {
  readonly kind: "join-deferred";
}

/** Makes a user namespace, with its maps. */
export interface NewUserNamespaceStep {
  readonly kind: "new-user-namespace";
  readonly uidMappings: readonly IdMapping[];
  readonly gidMappings: readonly IdMapping[];
}

/** Makes namespaces of all other kinds but cgroup. */
export interface UnshareStep {
  readonly kind: "unshare";
  readonly namespaces: readonly NamespaceType[];
}

/** Goes on in a child: the first process of a new pid namespace. */
export interface ForkStep {
  readonly kind: "fork";
}

/** A session of its own. */
export interface NewSessionStep {
  readonly kind: "new-session";
}

/** Makes a cgroup namespace: last, whose root is the container's cgroup. */
export interface UnshareCgroupStep {
  readonly kind: "unshare-cgroup";
}

/** Brings up the loopback interface of a new network namespace. */
export interface LoopbackStep {
  readonly kind: "loopback-up";
}

/** Any step on namespaces. */
export type NamespaceStep =
  | JoinNamespaceStep
  | JoinDeferredStep
  | NewUserNamespaceStep
  | UnshareStep
  | ForkStep
  | NewSessionStep
  | UnshareCgroupStep
  | LoopbackStep;

/** Is a namespace of this kind made new? */
export function isNew(spec: Spec, type: NamespaceType): boolean {
  const namespace = namespaceOf(spec, type);
  return namespace !== undefined && namespace.path === undefined;
}

/**
 * The steps up to the container's first process: joins with the host's rights,
 * the user namespace, what is left to join, the new ones, the fork.
 */
export function planNamespaces(spec: Spec): NamespaceStep[] {
  const steps: NamespaceStep[] = [];
  const all = spec.linux?.namespaces ?? [];
  // A mount namespace of others comes last: the paths of the rest are ours.
  const joined = all.filter(({ path }) => path !== undefined)
    .sort((a, b) => rank(a.type) - rank(b.type));
  for (const { type, path = "" } of joined) {
    steps.push({ kind: "join-namespace", type, path });
  }
  const user = namespaceOf(spec, "user");
  if (user !== undefined) {
    if (user.path === undefined) {
      steps.push({
        kind: "new-user-namespace",
        uidMappings: spec.linux?.uidMappings ?? [],
        gidMappings: spec.linux?.gidMappings ?? [],
      });
    }
    steps.push({ kind: "join-deferred" });
  }
  const made = all.filter(({ type, path }) =>
    path === undefined && type !== "user" && type !== "cgroup" &&
    // Without a user namespace, the staging one is the container's.
    (type !== "mount" || user !== undefined)
  ).map(({ type }) => type);
  if (made.length > 0) steps.push({ kind: "unshare", namespaces: made });
  steps.push({ kind: "fork" }, { kind: "new-session" });
  if (isNew(spec, "cgroup")) steps.push({ kind: "unshare-cgroup" });
  if (isNew(spec, "network")) steps.push({ kind: "loopback-up" });
  return steps;
}

/** User before mount, both behind the others. */
function rank(type: NamespaceType): number {
  return type === "mount" ? 2 : type === "user" ? 1 : 0;
}
