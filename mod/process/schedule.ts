/**
 * Scheduling, set on a process from outside: what raises a priority needs
 * CAP_SYS_NICE, which the launcher has and the gofer may not.
 *
 * Runs in: launcher.
 *
 * @module
 */

import { IOPRIO } from "../../ffi/abi/ioprio.ts";
import { POLICY, SCHED_FLAG } from "../../ffi/abi/scheduler.ts";
import { perform } from "../../ffi/call.ts";
import { SyscallError } from "../../ffi/errno.ts";
import { local } from "../../ffi/local.ts";
import {
  ioprioSet,
  schedSetaffinity,
  schedSetattr,
} from "../../ffi/schedule.ts";
import { RuntimeError } from "../errors.ts";
import type { Context } from "../gofer/context.ts";
import { goferOf } from "../gofer/context.ts";
import type { IoPriorityStep, SchedulerStep } from "./attribute.ts";
import { parseNumberList } from "./attribute.ts";

/** The kernel's number of each policy of the spec; it has no SCHED_ISO. */
const POLICY_OF: Readonly<Record<SchedulerStep["policy"], number | undefined>> =
  {
    SCHED_OTHER: POLICY.SCHED_NORMAL,
    SCHED_FIFO: POLICY.SCHED_FIFO,
    SCHED_RR: POLICY.SCHED_RR,
    SCHED_BATCH: POLICY.SCHED_BATCH,
    SCHED_ISO: undefined,
    SCHED_IDLE: POLICY.SCHED_IDLE,
    SCHED_DEADLINE: POLICY.SCHED_DEADLINE,
  };

/** Why the kernel refuses, as far as can be told. */
function hintFor(step: SchedulerStep, code: string): string | undefined {
  if (code === "EPERM" && /FIFO|RR/.test(step.policy)) {
    return "CAP_SYS_NICE, and on cgroup v1 a cpu.rt_runtime_us, are needed";
  }
  if (code === "EPERM") return "CAP_SYS_NICE is needed";
  if (code === "EBUSY") return "no processor has so much time left";
  return undefined;
}

/**
 * Sets the scheduling policy of the container's process: sched_setattr(2).
 *
 * @throws {RuntimeError} for SCHED_ISO, and what the kernel refuses
 */
export function setScheduler(step: SchedulerStep, context: Context): void {
  const policy = POLICY_OF[step.policy];
  if (policy === undefined) {
    throw new RuntimeError(
      `process.scheduler: Linux has no policy ${step.policy}`,
    );
  }
  const flags = step.flags.reduce((all, name) => all | SCHED_FLAG[name], 0);
  const call = schedSetattr(goferOf(context).pid, {
    sched_policy: policy,
    sched_flags: flags,
    sched_nice: step.nice,
    sched_priority: step.priority,
    sched_runtime: BigInt(step.runtime),
    sched_deadline: BigInt(step.deadline),
    sched_period: BigInt(step.period),
  }, step.policy);
  try {
    perform(local, call);
  } catch (cause) {
    const code = cause instanceof SyscallError ? cause.code : "";
    const hint = hintFor(step, code);
    throw new RuntimeError("process.scheduler", {
      cause,
      ...hint === undefined ? {} : { hint },
    });
  }
}

/** Sets the priority at block devices of the container's process. */
export function setIoPriority(step: IoPriorityStep, context: Context): void {
  const object = `${step.class} ${step.priority}`;
  const { pid } = goferOf(context);
  perform(local, ioprioSet(pid, IOPRIO[step.class], step.priority, object));
}

/**
 * Sets on which CPUs a process may run: `process.execCPUAffinity`, whose
 * `initial` is for before the process enters the cgroup, `final` for after.
 * Nothing where the list is empty or missing. Runs in: launcher, by pid.
 *
 * @throws {RuntimeError} for a list that is none, or has no CPU of this host
 */
export function setCpuAffinity(
  pid: number,
  cpus: string | undefined,
  field: "initial" | "final",
): void {
  const name = `process.execCPUAffinity.${field}`;
  const list = parseNumberList(cpus ?? "", name);
  if (list.length === 0) return;
  try {
    perform(local, schedSetaffinity(pid, list, cpus ?? ""));
  } catch (cause) {
    throw new RuntimeError(name, {
      cause,
      hint: "no such CPU is online, or the cgroup's cpuset has it not",
    });
  }
}
