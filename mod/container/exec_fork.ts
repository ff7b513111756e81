/**
 * The end of `exec`: the gofer has the rest of its life loaded, waits for one
 * byte, forks into the container's pid namespace, and is gone; the child
 * executes at once.
 *
 * Runs in: launcher.
 *
 * @module
 */

import { ARCH } from "../../ffi/abi/arch.ts";
import { FCNTL } from "../../ffi/abi/fcntl.ts";
import { SCHED } from "../../ffi/abi/sched.ts";
import { SECCOMP } from "../../ffi/abi/seccomp.ts";
import { SIGNAL } from "../../ffi/abi/signal.ts";
import { attempt, tolerate } from "../../ffi/call.ts";
import type { Call } from "../../ffi/call.ts";
import { errnoText } from "../../ffi/errno.ts";
import {
  close,
  closeRange,
  fcntl,
  ioctl,
  pipe2,
  read,
  write,
} from "../../ffi/file.ts";
import { local } from "../../ffi/local.ts";
import { ppoll } from "../../ffi/poll.ts";
import { capset, clone, execve, exitGroup, wait4 } from "../../ffi/process.ts";
import { seccompSetFilter } from "../../ffi/seccomp.ts";
import { openCgroup } from "../cgroups/manager.ts";
import { RuntimeError } from "../errors.ts";
import { goferOf } from "../gofer/context.ts";
import { capabilityMask } from "../process/credentials.ts";
import { diagnose, openRootOf } from "../process/diagnose.ts";
import type { ExecFilter, LoadExecStep } from "../process/exec_plan.ts";
import { refusal } from "../seccomp/plan.ts";
import type { RemainingCall } from "../seccomp/remaining.ts";
import { refusedCall } from "../seccomp/remaining.ts";
import type { ExecRun } from "./exec_run.ts";
import { keep } from "./exec_run.ts";
import { FRAME, FRAME_SIZE, reportResult, withHome } from "./park.ts";

/** How long the program may take to be executed, in milliseconds. */
const EXECUTE_TIMEOUT_MS = 30_000;
const TIOCSCTTY = 0x540e;

/** Makes a pipe; both ends are close-on-exec. */
function pipe(run: ExecRun): { reading: number; writing: number } {
  const call = pipe2();
  const ends = new DataView(local.run(call).output(call).buffer);
  return {
    reading: keep(run, ends.getInt32(0, true)),
    writing: ends.getInt32(4, true),
  };
}

/** The call, whose failure is reported and ends the process. */
function orReport(call: Call, report: number): Call {
  const calls: Call[] = [];
  const guarded: Call = { ...call, onError: { calls, ending: "abort" } };
  calls.push(reportResult(report, FRAME.refused, guarded));
  return guarded;
}

/** The calls that load the container's filter, by the gofer or by the child. */
function filterCalls(
  by: ExecFilter["by"],
  { filter: plan }: LoadExecStep,
  { filter: program }: ExecRun,
  report: number,
): Call[] {
  if (plan?.by !== by) return [];
  if (program === undefined) throw new RuntimeError("no filter");
  const load = orReport(seccompSetFilter(program, plan.flags), report);
  if (by === "child") return [load];
  const [effective, permitted, inheritable] = [
    capabilityMask(plan.capabilities.effective),
    capabilityMask(plan.capabilities.permitted),
    capabilityMask(plan.capabilities.inheritable),
  ];
  const admin = capabilityMask(["CAP_SYS_ADMIN"]);
  return [
    capset({
      effective: effective | admin,
      permitted: permitted | admin,
      inheritable,
    }),
    load,
    capset({ effective, permitted, inheritable }),
  ];
}

/** What is still to be done under a filter that the gofer loads. */
const UNDER_FILTER: readonly RemainingCall[] = [
  { syscall: "capset" },
  {
    syscall: "clone",
    args: [SCHED.CLONE_PARENT | SIGNAL.SIGCHLD, 0, 0, 0, 0],
  },
  { syscall: "writev" },
  { syscall: "setsid", tolerant: true },
  { syscall: "write" },
  { syscall: "execve" },
  { syscall: "exit_group" },
];

/** Refuses a filter under which the program could not be executed. */
function checkFilter(plan: ExecFilter | undefined, run: ExecRun): void {
  if (plan === undefined || run.filter === undefined) return;
  if ((plan.flags & SECCOMP.SECCOMP_FILTER_FLAG_NEW_LISTENER) !== 0) {
    throw new RuntimeError(
      "linux.seccomp.listenerPath: not supported yet for programs of `exec`",
    );
  }
  const calls: readonly RemainingCall[] = plan.by === "child"
    ? [{ syscall: "execve" }]
    : UNDER_FILTER;
  const refused = refusedCall(run.filter, calls, ARCH);
  if (refused !== undefined) throw refusal(refused);
}

/** What the child does: as little as can be, in the container's sight. */
function childCalls(exec: Call, step: LoadExecStep, run: ExecRun, to: number) {
  const executing = new Uint8Array(FRAME_SIZE);
  executing[0] = FRAME.executing;
  return [
    tolerate({ syscall: "setsid", args: [], object: "" }),
    ...step.terminal ? [ioctl(0, TIOCSCTTY, 0)] : [],
    tolerate(write(to, executing, "report")),
    ...filterCalls("child", step, run, to),
    // Returns only where it failed.
    exec,
    reportResult(to, FRAME.failed, exec),
    exitGroup(255),
  ];
}

/**
 * Loads the gofer, which then waits for a byte, and lets go of it. Everything
 * that is not the program's is closed before the fork.
 */
export function loadExec(step: LoadExecStep, run: ExecRun): void {
  const gofer = goferOf(run);
  const { executable } = run;
  if (executable === undefined) throw new RuntimeError("no executable");
  checkFilter(step.filter, run);
  run.containerRoot = keep(run, openRootOf(gofer.pid));
  const go = pipe(run);
  const report = pipe(run);
  local.run(fcntl(report.reading, FCNTL.F_SETFL, FCNTL.O_NONBLOCK));
  const [goFd = -1, reportFd = -1] = gofer.give(go.reading, report.writing);
  local.run(close(report.writing));
  run.go = keep(run, go.writing);
  run.report = report.reading;

  const last = Math.max(goFd, reportFd);
  const between = Array.from(
    { length: last - gofer.self },
    (_, i) => gofer.self + 1 + i,
  ).filter((fd) => fd !== goFd && fd !== reportFd);
  gofer.run(...between.map((fd) => tolerate(close(fd))));
  const exec = tolerate(
    execve(executable, step.args, withHome(step.env, run.home)),
  );
  // CLONE_PARENT: the program is our child, and then our caller's subreaper's.
  const child = tolerate(clone(SCHED.CLONE_PARENT, {
    calls: childCalls(exec, step, run, reportFd),
    ending: "abort",
  }));
  gofer.finish(
    {
      syscall: "write",
      args: [gofer.control, { answer: "address" }, { answer: "size" }],
      object: "control socket",
    },
    close(gofer.control),
    close(gofer.self),
    closeRange(last + 1, 0xffffffff),
    {
      syscall: "read",
      args: [goFd, { output: 8 }, 1],
      object: "go",
      // End-of-file: the launcher is dead, and nobody wants the program.
      onZero: { calls: [], ending: "abort" },
    },
    close(goFd),
    ...filterCalls("gofer", step, run, reportFd),
    child,
    reportResult(reportFd, FRAME.forked, child),
    exitGroup(0),
  );
  gofer.hangUp();
}

/** Reads what has come; undefined at the end, null where nothing has. */
function nextFrame(
  report: number,
): { kind: number; value: number } | undefined | null {
  const call = tolerate(read(report, FRAME_SIZE));
  const results = local.run(call);
  const size = results.value(call);
  if (size === 0) return undefined;
  if (size !== FRAME_SIZE) return null;
  const frame = new DataView(results.output(call).buffer);
  return {
    kind: Number(frame.getBigInt64(0, true)),
    value: Number(frame.getBigInt64(8, true)),
  };
}

/** Is there still a process at work, or one that a frozen cgroup stops? */
function checkDeadline(run: ExecRun, deadline: number): number {
  const left = deadline - performance.now();
  if (left > 0) return left;
  if (openCgroup(run.record.cgroup).frozen()) return 1000;
  throw new RuntimeError("the program does not come to be executed");
}

/** The error of a program that could not be executed. */
function execError(run: ExecRun, errno: number): RuntimeError {
  const path = run.executable ?? "";
  const why = diagnose(run.containerRoot, run.cwd, path, errno);
  return new RuntimeError(
    `exec ${path}: ${errnoText(errno)}`,
    why === undefined ? {} : { hint: why },
  );
}

/**
 * Lets the gofer fork, and waits until the child has become the program.
 *
 * @throws {RuntimeError} where it has not: why; no process is left
 */
export function forkExec(run: ExecRun): number {
  local.run(write(run.go, "g"));
  const deadline = performance.now() + EXECUTE_TIMEOUT_MS;
  let executing = false;
  for (;;) {
    const frame = nextFrame(run.report);
    if (frame === undefined) break;
    if (frame === null) {
      const left = checkDeadline(run, deadline);
      attempt(local, ppoll([run.report], left));
      continue;
    }
    if (frame.kind === FRAME.executing) executing = true;
    if (frame.kind === FRAME.refused) {
      throw new RuntimeError(`linux.seccomp: ${errnoText(-frame.value)}`);
    }
    if (frame.kind === FRAME.forked) {
      if (frame.value < 0) {
        throw new RuntimeError(`fork: ${errnoText(-frame.value)}`, {
          hint: "the container may have as many processes as pids.max allows",
        });
      }
      run.pid = frame.value;
    }
    if (frame.kind === FRAME.failed) {
      if (run.pid === 0) awaitFork(run, deadline);
      attempt(local, wait4(run.pid, 0));
      throw execError(run, -frame.value);
    }
  }
  // The gofer is gone too, or its end of the pipe would be open.
  if (run.pid > 0 && executing) return run.pid;
  if (run.pid > 0) attempt(local, wait4(run.pid, 0));
  throw new RuntimeError("the container died, or the program with it");
}

/** The child can be quicker than its parent's word of it. */
function awaitFork(run: ExecRun, deadline: number): void {
  for (;;) {
    const frame = nextFrame(run.report);
    if (frame === undefined) return;
    if (frame?.kind === FRAME.forked) {
      run.pid = Math.max(0, frame.value);
      return;
    }
    const left = checkDeadline(run, deadline);
    attempt(local, ppoll([run.report], left));
  }
}
