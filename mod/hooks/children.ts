/**
 * The descendants of a process, and their end.
 *
 * Runs in: launcher.
 *
 * @module
 */

import { SIGNAL } from "../../ffi/abi/signal.ts";
import { WAIT } from "../../ffi/abi/wait.ts";
import { attempt } from "../../ffi/call.ts";
import type { Target } from "../../ffi/call.ts";
import { local } from "../../ffi/local.ts";
import { ppoll } from "../../ffi/poll.ts";
import { kill, wait4 } from "../../ffi/process.ts";

const ECHILD = -10;

/** The children of a process, by our pid namespace's numbers: proc(5). */
export function childrenOf(pid: number): number[] {
  try {
    const text = Deno.readTextFileSync(`/proc/${pid}/task/${pid}/children`);
    return text.split(" ").filter((word) => word !== "").map(Number);
  } catch {
    return []; // it is gone
  }
}

/** All descendants of a process, parents before children. */
export function descendantsOf(pid: number): number[] {
  const all: number[] = [];
  const queue = childrenOf(pid);
  for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
    all.push(next);
    queue.push(...childrenOf(next));
  }
  return all;
}

/** Waits, in milliseconds, without the event loop. */
export function pause(milliseconds: number): void {
  attempt(local, ppoll([], milliseconds));
}

/**
 * Kills and reaps all descendants of `parent`, a gofer that is the reaper of
 * its orphans, also those that called setsid. Gives up after two seconds: then
 * something cannot be killed.
 */
export function killDescendants(gofer: Target, parent: number): boolean {
  const deadline = performance.now() + 2000;
  for (let delay = 0.2; performance.now() < deadline; delay *= 2) {
    for (const pid of descendantsOf(parent)) {
      attempt(local, kill(pid, SIGNAL.SIGKILL));
    }
    for (let reaped = 1; reaped > 0;) {
      reaped = attempt(gofer, wait4(-1, WAIT.WNOHANG));
      if (reaped === ECHILD) return true;
    }
    pause(Math.min(delay, 20));
  }
  return false;
}
