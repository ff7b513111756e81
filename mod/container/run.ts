/**
 * `run` in the foreground: signals are forwarded, and the program's exit status
 * is ours.
 *
 * Runs in: launcher.
 *
 * @module
 */

import { SIGNALFD_SIGINFO } from "../../ffi/abi/layout.ts";
import { SIGNAL } from "../../ffi/abi/signal.ts";
import { WAIT } from "../../ffi/abi/wait.ts";
import { POLL } from "../../ffi/abi/poll.ts";
import { attempt, perform, tolerate } from "../../ffi/call.ts";
import { read } from "../../ffi/file.ts";
import { local } from "../../ffi/local.ts";
import { blockSignals, ppollEach, signalfd } from "../../ffi/poll.ts";
import { kill, pidfdOpen, prctl, wait4 } from "../../ffi/process.ts";
import { unpack } from "../../ffi/struct.ts";
import type { Relay } from "../console/relay.ts";

/** Signals of our own faults, and those that cannot be caught. */
const NOT_OURS: readonly number[] = [
  SIGNAL.SIGKILL,
  SIGNAL.SIGSTOP,
  SIGNAL.SIGILL,
  SIGNAL.SIGTRAP,
  SIGNAL.SIGABRT,
  SIGNAL.SIGBUS,
  SIGNAL.SIGFPE,
  SIGNAL.SIGSEGV,
  SIGNAL.SIGSYS,
];

/** Signals that are taken, and not forwarded. */
const NOT_FORWARDED: readonly number[] = [
  SIGNAL.SIGCHLD,
  SIGNAL.SIGURG,
  SIGNAL.SIGPIPE,
];

/** Signals that end the wait for somebody to read the last output. */
const ENDING: readonly number[] = [
  SIGNAL.SIGHUP,
  SIGNAL.SIGINT,
  SIGNAL.SIGQUIT,
  SIGNAL.SIGTERM,
];

/** Signals taken by descriptor instead of by handler. */
export interface Signals {
  /** The signalfd. */
  readonly fd: number;
}

/**
 * Takes all signals from now on: before the container is made, so that none is
 * lost. Orphans of the container become our children.
 */
export function takeSignals(): Signals {
  const taken = Array.from({ length: 64 }, (_, i) => i + 1)
    .filter((signal) => !NOT_OURS.includes(signal));
  local.run(blockSignals(taken), prctl("PR_SET_CHILD_SUBREAPER", 1));
  return { fd: perform(local, signalfd(taken)) };
}

/** The signals that have come. */
function pending(fd: number): number[] {
  const signals: number[] = [];
  for (;;) {
    const call = tolerate(read(fd, SIGNALFD_SIGINFO.size));
    const results = local.run(call);
    if (results.value(call) !== SIGNALFD_SIGINFO.size) return signals;
    signals.push(unpack(SIGNALFD_SIGINFO, results.output(call)).ssi_signo);
  }
}

/** Reaps what has ended; the wait status of `pid`, if it is among them. */
function reap(pid: number): number | undefined {
  for (;;) {
    const call = tolerate(wait4(-1, WAIT.WNOHANG));
    const results = local.run(call);
    const got = results.value(call);
    if (got === pid) {
      return new DataView(results.output(call).buffer).getInt32(0, true);
    }
    if (got <= 0) return undefined;
  }
}

/** The exit status that a shell would show: 128 and the signal. */
export function exitStatus(waitStatus: number): number {
  const signal = waitStatus & 0x7f;
  return signal === 0 ? (waitStatus >> 8) & 0xff : 128 + signal;
}

/** Waits for descriptors, or for what the relay waits for, which is moved. */
function waitAndMove(fds: readonly number[], relay: Relay | undefined): void {
  const wanted = relay?.interests() ?? [];
  const own = fds.map((fd) => ({ fd, events: POLL.POLLIN }));
  const poll = ppollEach([...own, ...wanted], relay?.timeoutMs() ?? -1);
  if (attempt(local, poll.call) < 0) return;
  relay?.move(wanted, poll.came().slice(own.length));
}

/**
 * Passes on what the program has written before it ended. Where nobody reads
 * it, a signal ends the wait.
 */
function passRest(relay: Relay, fd: number): void {
  relay.end();
  while (!relay.isDrained()) {
    waitAndMove([fd], relay);
    if (pending(fd).some((signal) => ENDING.includes(signal))) return;
  }
}

/**
 * Waits for the container's process, forwarding signals to it, and input and
 * output where there is a relay.
 *
 * @returns the exit status: of the program, or 128 and the signal it died of
 */
export function attend(pid: number, { fd }: Signals, relay?: Relay): number {
  const pidfd = attempt(local, pidfdOpen(pid));
  const fds = pidfd < 0 ? [fd] : [fd, pidfd];
  for (;;) {
    const status = reap(pid);
    if (status !== undefined) {
      if (relay !== undefined) passRest(relay, fd);
      return exitStatus(status);
    }
    waitAndMove(fds, relay);
    for (const signal of pending(fd)) {
      if (NOT_FORWARDED.includes(signal)) continue;
      if (relay?.takeSignal(signal) === true) continue;
      attempt(local, kill(pid, signal));
    }
  }
}
