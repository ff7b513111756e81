/**
 * `kill`: a signal for the container's process, or for all of them.
 *
 * Runs in: launcher.
 *
 * @module
 */

import { SIGNAL } from "../../ffi/abi/signal.ts";
import { attempt, perform } from "../../ffi/call.ts";
import { close } from "../../ffi/file.ts";
import { local } from "../../ffi/local.ts";
import { pidfdOpen, pidfdSendSignal } from "../../ffi/process.ts";
import { openCgroup } from "../cgroups/manager.ts";
import { RuntimeError } from "../errors.ts";
import { isAlive } from "../state/status.ts";
import type { ContainerRecord } from "../state/store.ts";
import { readRecord } from "../state/store.ts";
import { sendSignal } from "./delete.ts";

/** The first real-time signal, as the kernel counts. */
const SIGRTMIN = 34;
const SIGRTMAX = 64;

/**
 * Reads a signal: a number, or a name with or without SIG, in any case.
 *
 * @throws {RuntimeError}
 */
export function parseSignal(text: string): number {
  if (/^\d+$/.test(text)) {
    const number = Number(text);
    if (number <= SIGRTMAX) return number;
  }
  const name = text.toUpperCase().replace(/^SIG/, "");
  const known: Readonly<Record<string, number>> = SIGNAL;
  const found = known[`SIG${name}`];
  if (found !== undefined) return found;
  const real = /^RT(MIN|MAX)(?:([+-])(\d+))?$/.exec(name);
  if (real !== null) {
    const base = real[1] === "MIN" ? SIGRTMIN : SIGRTMAX;
    const number = base + Number(`${real[2] ?? "+"}${real[3] ?? "0"}`);
    if (number >= SIGRTMIN && number <= SIGRTMAX) return number;
  }
  throw new RuntimeError(`unknown signal ${JSON.stringify(text)}`);
}

/** Signals the process through a pidfd, which cannot become another's. */
function signalInit(record: ContainerRecord, signal: number): void {
  const pidfd = attempt(local, pidfdOpen(record.pid));
  if (pidfd < 0 || !isAlive(record)) {
    throw new RuntimeError("container not running");
  }
  perform(local, pidfdSendSignal(pidfd, signal));
  local.run(close(pidfd));
}

/**
 * Signals a container. SIGKILL in a pid namespace that is not its own reaches
 * all its processes; `all` reaches them in any case, also those that a stopped
 * container has left.
 *
 * @throws {RuntimeError} `container not running`
 */
export function killContainer(
  options: { stateRoot: string; id: string; signal: number; all: boolean },
): void {
  const { stateRoot, id, signal, all } = options;
  const record = readRecord(stateRoot, id);
  const cgroup = openCgroup(record.cgroup);
  const everybody = all ||
    (signal === SIGNAL.SIGKILL && !record.ownPidNamespace);
  if (!isAlive(record)) {
    if (!all) throw new RuntimeError("container not running");
    if (cgroup.exists()) cgroup.kill(signal, sendSignal);
    return;
  }
  if (everybody && cgroup.exists()) cgroup.kill(signal, sendSignal);
  else signalInit(record, signal);
  // On cgroup v1 a frozen process dies only when it is thawed.
  if (signal === SIGNAL.SIGKILL && cgroup.exists() && cgroup.frozen()) {
    cgroup.thaw();
  }
}
