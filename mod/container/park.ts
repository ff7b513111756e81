/**
 * The end of `create`: the gofer has the whole rest of its life loaded, answers
 * for the last time, and waits in `read` on a fifo. It needs nobody any more:
 * no socket, no launcher, no path.
 *
 * Runs in: launcher.
 *
 * @module
 */

import { SCHED } from "../../ffi/abi/sched.ts";
import type { Call, Memory } from "../../ffi/call.ts";
import { tolerate } from "../../ffi/call.ts";
import { IOVEC } from "../../ffi/abi/layout.ts";
import {
  close,
  closeRange,
  dup3,
  lseek,
  memfdCreate,
  write,
} from "../../ffi/file.ts";
import { clone, execve, exitGroup, getpid, prctl } from "../../ffi/process.ts";
import { pack } from "../../ffi/struct.ts";
import { RuntimeError } from "../errors.ts";
import { goferOf } from "../gofer/context.ts";
import type { Hook } from "../spec/hook.ts";
import type { ParkStep } from "../process/plan.ts";
import { closeOthers } from "./launch.ts";
import type { Run } from "./run_context.ts";
import { stateFor } from "./run_context.ts";
import type { CloseDescriptorsStep } from "./step.ts";

/** What a frame of the report says. */
export const FRAME = {
  /** A startContainer hook could not be executed: -errno. */
  hookExec: 1,
  /** A startContainer hook ended: its wait status. */
  hookStatus: 2,
  /** The program is about to be executed. */
  executing: 3,
  /** It could not be: -errno. */
  failed: 4,
  /** `exec` has forked: the process id, or -errno. */
  forked: 5,
  /** `exec` cannot load the filter: -errno. */
  refused: 6,
} as const;

/** Size of a frame in bytes: a kind and a value. */
export const FRAME_SIZE = 16;

/** A frame: eight bytes of its kind, eight of a value found in the gofer. */
function report(fd: number, kind: number, value: Memory["pointers"]): Call {
  const iov = new Uint8Array(2 * IOVEC.size);
  iov.set(pack(IOVEC, { iov_len: 8 }), 0);
  iov.set(pack(IOVEC, { iov_len: 8 }), IOVEC.size);
  const tag = new Uint8Array(BigInt64Array.of(BigInt(kind)).buffer);
  return {
    syscall: "writev",
    args: [fd, { bytes: iov, pointers: new Map([[0, tag], ...value]) }, 2],
    object: "report",
    tolerant: true,
  };
}

/** A frame whose value is the result of a call. */
export function reportResult(fd: number, kind: number, call: Call): Call {
  return report(fd, kind, new Map([[IOVEC.size, { slotOf: call }]]));
}

/** Waits for a byte on the start fifo. */
function awaitByte(fd: number): Call {
  return {
    syscall: "read",
    args: [fd, { output: 8 }, 1],
    object: "start fifo",
  };
}

/**
 * The calls that run one startContainer hook: its failure to execute, then its
 * status, are reported; `start` answers with a byte, or kills.
 */
function hookCalls(
  hook: Hook,
  stdin: number,
  fds: { start: number; report: number; output: number },
): Call[] {
  const argv = hook.args === undefined || hook.args.length === 0
    ? [hook.path]
    : hook.args;
  const exec = execve(hook.path, argv, hook.env ?? []);
  const child = clone(SCHED.CLONE_VM | SCHED.CLONE_VFORK, {
    calls: [
      dup3(stdin, 0),
      dup3(fds.output, 1),
      dup3(fds.output, 2),
      closeRange(3, 0xffffffff),
      exec,
    ],
    ending: "abort",
  });
  const waited = tolerate({
    syscall: "wait4",
    args: [child, { output: 8 }, 0, 0],
    object: "hook",
  });
  return [
    child,
    reportResult(fds.report, FRAME.hookExec, exec),
    waited,
    report(
      fds.report,
      FRAME.hookStatus,
      new Map([[IOVEC.size, { outputOf: waited }]]),
    ),
    awaitByte(fds.start),
  ];
}

/** Puts HOME into an environment that has none. */
export function withHome(
  env: readonly string[],
  home: string | undefined,
): string[] {
  if (home === undefined) return [...env];
  return [...env.filter((entry) => !entry.startsWith("HOME=")), `HOME=${home}`];
}

/**
 * Closes what is not the program's, and writes the state documents of
 * startContainer hooks, with the pid that the hook itself would see. Nothing of
 * this is left to do when the filter is loaded.
 */
export function closeDescriptors(step: CloseDescriptorsStep, run: Run): void {
  const gofer = goferOf(run);
  // From here to the end a launcher that dies is noticed by its socket.
  closeOthers(run, run.foreground ? [] : [prctl("PR_SET_PDEATHSIG", 0)]);
  if (step.states === 0) return;
  const own = getpid();
  const pid = gofer.run(own).value(own);
  const text = stateFor(run.record, "startContainer", pid);
  run.states = Array.from({ length: step.states }, () => {
    const fd = memfdCreate("state", 1);
    return gofer.run(fd, write(fd, text), lseek(fd, 0)).value(fd);
  });
}

/** Loads the rest of the gofer's life, and lets go of it. */
export function park(step: ParkStep, run: Run): void {
  const gofer = goferOf(run);
  const [start = -1, reportFd = -1, output = -1] = run.fifos;
  const { executable } = run;
  if (executable === undefined) throw new RuntimeError("no executable");

  const exec: Call = execve(
    executable,
    step.args,
    withHome(step.env, run.home),
  );
  const loaded: Call[] = [
    {
      syscall: "write",
      args: [gofer.control, { answer: "address" }, { answer: "size" }],
      object: "control socket",
    },
    close(gofer.control),
    awaitByte(start),
    ...step.hooks.flatMap((hook, i) =>
      hookCalls(hook, run.states[i] ?? -1, { start, report: reportFd, output })
    ),
  ];
  gofer.finish(...loaded, ...lastCalls(reportFd, exec));
  gofer.hangUp();
}

/** Tells that the program comes, and becomes it; or tells why not. */
function lastCalls(reportFd: number, exec: Call): Call[] {
  const executing = new Uint8Array(FRAME_SIZE);
  executing[0] = FRAME.executing;
  const tolerant = tolerate(exec);
  return [
    // By write(2), which every filter has to allow; writev(2) it need not.
    tolerate(write(reportFd, executing, "report")),
    // Returns only where it failed.
    tolerant,
    reportResult(reportFd, FRAME.failed, tolerant),
    exitGroup(1),
  ];
}
