/**
 * Which namespaces are made, which are joined, and in which order. Pure.
 *
 * @module
 */

import { SCHED } from "../../ffi/abi/sched.ts";
import { RuntimeError } from "../errors.ts";
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

/** Sets the clocks of a new time namespace, from outside, before the fork. */
export interface TimeOffsetsStep {
  readonly kind: "time-offsets";
  /** Lines of /proc/PID/timens_offsets: clock, seconds, nanoseconds. */
  readonly lines: readonly string[];
}

/** Makes a user namespace that serves to map the ids of mounts. */
export interface IdMappingStep {
  readonly kind: "id-mapping";
  /** Which, for the mounts that use it. */
  readonly mapping: number;
  readonly uidMappings: readonly IdMapping[];
  readonly gidMappings: readonly IdMapping[];
  /** The user namespace of others, which is taken as it is. */
  readonly path?: string;
}

/**
 * Goes on in a child that is born in the v2 cgroup: once in a user namespace,
 * the gofer has no right to that any more.
 */
export interface EnterUnifiedStep {
  readonly kind: "enter-unified";
}

/** Any step on namespaces. */
export type NamespaceStep =
  | EnterUnifiedStep
  | TimeOffsetsStep
  | IdMappingStep
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
 * The steps up to those that make namespaces: joins with the rights we have,
 * the user namespace, what is left to join.
 */
export function planEntry(spec: Spec): NamespaceStep[] {
  const user = namespaceOf(spec, "user");
  const steps: NamespaceStep[] = user === undefined
    ? []
    : [{ kind: "enter-unified" }];
  // A mount namespace of others comes last: the paths of the rest are ours.
  const joined = (spec.linux?.namespaces ?? [])
    .filter(({ path }) => path !== undefined)
    .sort((a, b) => rank(a.type) - rank(b.type));
  for (const { type, path = "" } of joined) {
    steps.push({ kind: "join-namespace", type, path });
  }
  if (user === undefined) return steps;
  if (user.path === undefined) {
    steps.push({
      kind: "new-user-namespace",
      uidMappings: spec.linux?.uidMappings ?? [],
      gidMappings: spec.linux?.gidMappings ?? [],
    });
  }
  steps.push({ kind: "join-deferred" });
  return steps;
}

/**
 * The steps that make namespaces, up to the container's first process. `staged`
 * where the mount namespace that is there already is the container's.
 */
export function planMaking(spec: Spec, staged: boolean): NamespaceStep[] {
  const made = (spec.linux?.namespaces ?? []).filter(({ type, path }) =>
    path === undefined && type !== "user" && type !== "cgroup" &&
    (type !== "mount" || !staged)
  ).map(({ type }) => type);
  const steps: NamespaceStep[] = [];
  if (made.length > 0) steps.push({ kind: "unshare", namespaces: made });
  const lines = timeLines(spec);
  // The clocks of a time namespace stand still once a process is in it.
  if (lines.length > 0) steps.push({ kind: "time-offsets", lines });
  steps.push({ kind: "fork" }, { kind: "new-session" });
  if (isNew(spec, "cgroup")) steps.push({ kind: "unshare-cgroup" });
  if (isNew(spec, "network")) steps.push({ kind: "loopback-up" });
  return steps;
}

/**
 * The lines of /proc/PID/timens_offsets: time_namespaces(7).
 *
 * @throws {RuntimeError} where the time namespace is not ours to set
 */
function timeLines(spec: Spec): string[] {
  const offsets = spec.linux?.timeOffsets ?? {};
  const lines = (["monotonic", "boottime"] as const).flatMap((clock) => {
    const offset = offsets[clock];
    if (offset === undefined) return [];
    const { secs = 0, nanosecs = 0 } = offset;
    return [`${clock} ${secs} ${nanosecs}`];
  });
  if (lines.length > 0 && !isNew(spec, "time")) {
    throw new RuntimeError(
      "linux.timeOffsets: the clocks of a joined time namespace are set",
      { hint: 'take "path" off the "time" namespace, or the offsets away' },
    );
  }
  return lines;
}

/** User before mount, both behind the others. */
function rank(type: NamespaceType): number {
  return type === "mount" ? 2 : type === "user" ? 1 : 0;
}
