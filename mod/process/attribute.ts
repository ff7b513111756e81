/**
 * Attributes that the kernel keeps with a process: scheduling, keyring, labels,
 * personality, memory policy. Which, and in which order. Pure.
 *
 * @module
 */

import { RuntimeError } from "../errors.ts";
import type { Linux, MemoryPolicy } from "../spec/linux.ts";
import { toUint64 } from "../spec/number.ts";
import type { IoPriority, Process, Scheduler } from "../spec/process.ts";

/** Sets how the process is scheduled: from outside. */
export interface SchedulerStep {
  readonly kind: "scheduler";
  readonly policy: Scheduler["policy"];
  readonly flags: readonly NonNullable<Scheduler["flags"]>[number][];
  readonly nice: number;
  readonly priority: number;
  /** Nanoseconds, as text: they do not fit into a number. */
  readonly runtime: string;
  readonly deadline: string;
  readonly period: string;
}

/** Sets the priority of the process at block devices: from outside. */
export interface IoPriorityStep {
  readonly kind: "io-priority";
  readonly class: IoPriority["class"];
  readonly priority: number;
}

/** Gives the process a session keyring of the container's own. */
export interface SessionKeyringStep {
  readonly kind: "session-keyring";
  readonly name: string;
  /** In a user namespace of the container, whose root others may be. */
  readonly mapped: boolean;
}

/** Sets the label that the program's execve takes on. */
export interface LabelStep {
  readonly kind: "label";
  readonly module: "apparmor" | "selinux";
  readonly label: string;
}

/** Sets the execution domain: what uname(2) answers. */
export interface PersonalityStep {
  readonly kind: "personality";
  readonly domain: "LINUX" | "LINUX32";
}

/** Sets from which NUMA nodes memory comes. */
export interface MemoryPolicyStep {
  readonly kind: "memory-policy";
  readonly mode: MemoryPolicy["mode"];
  readonly flags: readonly NonNullable<MemoryPolicy["flags"]>[number][];
  readonly nodes: readonly number[];
}

/** Any of these steps. */
export type AttributeStep =
  | SchedulerStep
  | IoPriorityStep
  | SessionKeyringStep
  | LabelStep
  | PersonalityStep
  | MemoryPolicyStep;

/** The largest number in a list of CPUs or nodes: the kernel's own is less. */
const MOST = 0xffff;

/**
 * Reads a list such as "0-3,7": cpuset(7), List Format. Sorted, each once.
 *
 * @throws {RuntimeError} for what is no such list; `field` names it
 */
export function parseNumberList(text: string, field: string): number[] {
  const found = new Set<number>();
  const words = text.split(",").map((word) => word.trim());
  for (const word of words.filter((word) => word !== "")) {
    const match = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(word);
    const first = Number(match?.[1]);
    const last = Number(match?.[2] ?? match?.[1]);
    if (match === null || last < first || last > MOST) {
      throw new RuntimeError(`${field}: ${JSON.stringify(text)}`, {
        hint: 'a list such as "0-3,7" is wanted',
      });
    }
    for (let n = first; n <= last; n++) found.add(n);
  }
  return [...found].sort((a, b) => a - b);
}

/** The steps that the launcher performs on the process, from outside. */
export function planScheduling(process: Process): AttributeStep[] {
  const { scheduler, ioPriority } = process;
  const steps: AttributeStep[] = [];
  if (ioPriority !== undefined) {
    const { class: ioClass, priority } = ioPriority;
    steps.push({ kind: "io-priority", class: ioClass, priority });
  }
  if (scheduler !== undefined) {
    const { policy, flags = [], nice = 0, priority = 0 } = scheduler;
    const time = (value: Scheduler["period"]) =>
      String(value === undefined ? 0 : toUint64(value));
    steps.push({
      kind: "scheduler",
      policy,
      flags,
      nice,
      priority,
      runtime: time(scheduler.runtime),
      deadline: time(scheduler.deadline),
      period: time(scheduler.period),
    });
  }
  return steps;
}

/**
 * The session keyring: of the container's name, as with runc, so that `exec`
 * joins the same. Without it the program would have the caller's.
 */
export function planKeyring(id: string, mapped: boolean): SessionKeyringStep {
  return { kind: "session-keyring", name: `_ses.${id}`, mapped };
}

/** The labels of the program. The next execve uses them up. */
export function planLabels(process: Process): LabelStep[] {
  const { apparmorProfile = "", selinuxLabel = "" } = process;
  const steps: LabelStep[] = [];
  if (selinuxLabel !== "") {
    steps.push({ kind: "label", module: "selinux", label: selinuxLabel });
  }
  if (apparmorProfile !== "") {
    steps.push({ kind: "label", module: "apparmor", label: apparmorProfile });
  }
  return steps;
}

/**
 * What the process sets on itself, last of all: our own memory is not to come
 * from the program's nodes.
 *
 * @throws {RuntimeError} for a list of nodes that is none
 */
export function planExecution(linux: Linux | undefined): AttributeStep[] {
  const steps: AttributeStep[] = [];
  const { personality, memoryPolicy } = linux ?? {};
  if (personality !== undefined) {
    const flags = personality.flags ?? [];
    if (flags.length > 0) {
      throw new RuntimeError(
        `linux.personality.flags: "${flags[0]}" is not known`,
        { hint: "the specification has no flag yet" },
      );
    }
    steps.push({ kind: "personality", domain: personality.domain });
  }
  if (memoryPolicy !== undefined) {
    const { mode, flags = [], nodes = "" } = memoryPolicy;
    const list = parseNumberList(nodes, "linux.memoryPolicy.nodes");
    steps.push({ kind: "memory-policy", mode, flags, nodes: list });
  }
  return steps;
}
