/**
 * Every step of a plan, and in which process each happens.
 *
 * @module
 */

import type { DelegateCgroupStep } from "../cgroups/delegate.ts";
import type { CgroupPlan } from "../cgroups/plan.ts";
import type { ConsoleStep } from "../console/plan.ts";
import type { HookStep } from "../hooks/run.ts";
import type { NamespaceStep } from "../namespaces/plan.ts";
import type { NetDeviceStep } from "../network/plan.ts";
import type { ExecOwnStep } from "../process/exec_plan.ts";
import type { NativeHookStep } from "./native_hook.ts";
import type { ProcessStep } from "../process/plan.ts";
import type { ResctrlStep } from "../resctrl/plan.ts";
import type { RootfsStep } from "../rootfs/step.ts";
import type { LoadSeccompStep } from "../seccomp/plan.ts";

/** Makes the container's directory in the state directory. */
export interface CreateStateStep {
  readonly kind: "create-state";
  readonly id: string;
}

/** Makes the cgroup, with the limits that may be set before it is used. */
export interface CreateCgroupStep {
  readonly kind: "create-cgroup";
  readonly plan: CgroupPlan;
}

/** Starts the gofer. */
export interface SpawnGoferStep {
  readonly kind: "spawn-gofer";
  /** Descriptors behind stdio that the program gets. */
  readonly preserved: number;
}

/** Moves the gofer into the cgroup. */
export interface EnterCgroupStep {
  readonly kind: "enter-cgroup";
}

/** Opens the fifos on which the parked process waits and reports. */
export interface OpenFifosStep {
  readonly kind: "open-fifos";
  /** One more, for the output of startContainer hooks. */
  readonly output: boolean;
}

/** Closes in the gofer what is not the program's, before a filter forbids it. */
export interface CloseDescriptorsStep {
  readonly kind: "close-descriptors";
  /** How many state documents startContainer hooks will want. */
  readonly states: number;
}

/** Sets the limits that our own work would have exceeded. */
export interface LimitCgroupStep {
  readonly kind: "limit-cgroup";
  readonly plan: CgroupPlan;
}

/** Writes the record: from here on the container exists. */
export interface RecordStep {
  readonly kind: "record";
}

/** Lets the parked process go on. */
export interface ReleaseStep {
  readonly kind: "release";
}

/** Waits until the program is executed. */
export interface ExecuteStep {
  readonly kind: "execute";
}

/** A step of any kind. */
export type Step =
  | NativeHookStep
  | CreateStateStep
  | CreateCgroupStep
  | SpawnGoferStep
  | EnterCgroupStep
  | OpenFifosStep
  | CloseDescriptorsStep
  | LoadSeccompStep
  | LimitCgroupStep
  | RecordStep
  | ReleaseStep
  | ExecuteStep
  | NamespaceStep
  | NetDeviceStep
  | DelegateCgroupStep
  | ResctrlStep
  | RootfsStep
  | ConsoleStep
  | ProcessStep
  | ExecOwnStep
  | HookStep;

/** Which process does it: by its own hands, or by the launcher's for it. */
export type Actor = "launcher" | "gofer" | "hook";

/** The steps that the launcher does itself; all others the gofer does. */
const LAUNCHER: ReadonlySet<Step["kind"]> = new Set<Step["kind"]>([
  "create-state",
  "create-cgroup",
  "spawn-gofer",
  "enter-cgroup",
  "limit-cgroup",
  "record",
  "rlimit",
  "oom-score-adj",
  "io-priority",
  "time-offsets",
  "delegate-cgroup",
  "resctrl",
  "net-device",
  "scheduler",
  "release",
  "spawn-exec",
  "cpu-affinity",
  "join-cgroup",
]);

/** Which process does a step. */
export function actorOf(step: Step): Actor {
  if (step.kind === "hook") return "hook";
  return LAUNCHER.has(step.kind) ? "launcher" : "gofer";
}

/** A step as `plan --json` prints it and `--trace` repeats it. */
export interface StepLine {
  /** Its kind. */
  readonly name: string;
  /** Which process does it. */
  readonly process: Actor;
  /** All else that is decided about it. */
  readonly args: Readonly<Record<string, unknown>>;
}

/** The line of a step. */
export function stepLine(step: Step): StepLine {
  const { kind, ...args } = step;
  return { name: kind, process: actorOf(step), args };
}

/**
 * What a step is done to: `--break NAME:SUBJECT` stops after that one, and
 * errors name it.
 */
export function subjectOf(step: Step): string {
  switch (step.kind) {
    case "mount":
      return step.destination;
    case "open-source":
      return step.source;
    case "hook":
    case "native-hook":
      return `${step.point}:${step.index}`;
    case "join-namespace":
      return step.type;
    case "sysctl":
      return step.key;
    case "rlimit":
      return step.type;
    case "net-device":
      return step.device;
    case "label":
      return step.module;
    case "find-executable":
    case "hostname":
    case "domainname":
      return step.name;
    case "device":
    case "link":
    case "open-root":
    case "attach-root":
    case "remount-read-only":
    case "read-only-path":
    case "mask-path":
    case "make-directory":
    case "enter-cwd":
    case "try-cwd":
    case "check-cwd":
      return step.path;
    default:
      return "";
  }
}
