/**
 * `pause` and `resume`.
 *
 * Runs in: launcher.
 *
 * @module
 */

import { openCgroup } from "../cgroups/manager.ts";
import { RuntimeError } from "../errors.ts";
import { statusOf } from "../state/status.ts";
import { readRecord } from "../state/store.ts";

/** Which container. */
export interface PauseOptions {
  /** The state directory. */
  readonly stateRoot: string;
  readonly id: string;
}

/**
 * Stops all processes of a container; returns when they stand still.
 *
 * @throws {RuntimeError} `container not running`
 */
export function pauseContainer({ stateRoot, id }: PauseOptions): void {
  const record = readRecord(stateRoot, id);
  const cgroup = openCgroup(record.cgroup);
  const status = statusOf(record, cgroup.frozen());
  if (status !== "running" && status !== "created") {
    throw new RuntimeError("container not running", {
      ...status === "paused" ? { hint: "it is paused already" } : {},
    });
  }
  cgroup.freeze();
}

/**
 * Lets the processes of a paused container go on.
 *
 * @throws {RuntimeError} `container not paused`
 */
export function resumeContainer({ stateRoot, id }: PauseOptions): void {
  const record = readRecord(stateRoot, id);
  const cgroup = openCgroup(record.cgroup);
  if (statusOf(record, cgroup.frozen()) !== "paused") {
    throw new RuntimeError("container not paused");
  }
  cgroup.thaw();
}
