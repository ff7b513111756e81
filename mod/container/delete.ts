/**
 * `delete`: takes a container away, whatever is left of it.
 *
 * Runs in: launcher.
 *
 * @module
 */

import { SIGNAL } from "../../ffi/abi/signal.ts";
import { attempt } from "../../ffi/call.ts";
import { local } from "../../ffi/local.ts";
import { kill } from "../../ffi/process.ts";
import { openCgroup } from "../cgroups/manager.ts";
import type { CgroupManager } from "../cgroups/manager.ts";
import { renderError, RuntimeError } from "../errors.ts";
import { pause } from "../hooks/children.ts";
import { ownEnvironment, runHookHere } from "../hooks/run.ts";
import { log } from "../log.ts";
import { leaveResctrl } from "../resctrl/perform.ts";
import { isAlive, statusOf } from "../state/status.ts";
import type { ContainerRecord } from "../state/store.ts";
import {
  directoryOf,
  isThere,
  lock,
  notThere,
  readRecord,
  removeDirectory,
} from "../state/store.ts";
import { hookSteps } from "./plan.ts";
import { stateFor } from "./run_context.ts";

/** How long a killed process may take to go, in milliseconds. */
const KILL_TIMEOUT_MS = 10_000;

/** Sends a signal; a process that is gone is no error. */
export function sendSignal(pid: number, signal: number): void {
  attempt(local, kill(pid, signal));
}

/** Runs the poststop hooks; a failure is logged, and the rest run. */
export function runPoststop(record: ContainerRecord): void {
  for (const step of hookSteps(record.hooks, "poststop")) {
    try {
      runHookHere(step, {
        state: stateFor(record, "poststop", 0),
        cwd: record.bundle,
        env: ownEnvironment(),
      });
    } catch (error) {
      log("warning", `${renderError(error)}, ignoring`);
    }
  }
}

/** Kills the container's process, and those that would outlive it. */
function killAll(record: ContainerRecord, cgroup: CgroupManager): void {
  if (isAlive(record)) sendSignal(record.pid, SIGNAL.SIGKILL);
  // A frozen process does not die, and a shared pid namespace has others.
  if (cgroup.exists()) cgroup.kill(SIGNAL.SIGKILL, sendSignal);
  const deadline = performance.now() + KILL_TIMEOUT_MS;
  while (isAlive(record)) {
    if (performance.now() > deadline) {
      throw new RuntimeError("container init still running");
    }
    pause(5);
  }
}

/** Removes what a container has: processes, cgroup, hooks' last, directory. */
export function destroy(stateRoot: string, record: ContainerRecord): void {
  const cgroup = openCgroup(record.cgroup);
  killAll(record, cgroup);
  cgroup.remove();
  leaveResctrl(record.resctrl ?? []);
  // The directory first moves out of the way of a new container of this id.
  removeDirectory(stateRoot, record.id);
  runPoststop(record);
}

/**
 * Deletes a container that is stopped or was never started; with `force`, any,
 * also a half-made one, and one that is not there.
 *
 * @throws {RuntimeError}
 */
export function deleteContainer(
  options: { stateRoot: string; id: string; force: boolean },
): void {
  const { stateRoot, id, force } = options;
  let record: ContainerRecord;
  try {
    record = readRecord(stateRoot, id);
  } catch (error) {
    if (force) {
      // A directory without a record: what was being made is dead by now.
      removeDirectory(stateRoot, id);
      return;
    }
    if (isThere(stateRoot, id)) removeDirectory(stateRoot, id);
    throw error;
  }
  if (!force) {
    using _lock = lock(directoryOf(stateRoot, id));
    const frozen = openCgroup(record.cgroup).frozen();
    const status = statusOf(record, frozen);
    if (status !== "stopped" && status !== "created") {
      throw new RuntimeError(
        `cannot delete container ${JSON.stringify(id)} that is not stopped: ` +
          status,
        { hint: `\`burrow delete --force ${id}\` kills it first` },
      );
    }
  }
  if (!isThere(stateRoot, id)) throw notThere(id);
  destroy(stateRoot, record);
}
