/**
 * `ps`: the processes of a container, by the host's numbers.
 *
 * Runs in: launcher.
 *
 * @module
 */

import { openCgroup } from "../cgroups/manager.ts";
import { RuntimeError } from "../errors.ts";
import { readRecord } from "../state/store.ts";

/**
 * The processes in the container's cgroup and below it, in order.
 *
 * @throws {RuntimeError} where it has no cgroup that would tell them
 */
export function processesOf(stateRoot: string, id: string): number[] {
  const record = readRecord(stateRoot, id);
  if (record.cgroup.mode === "none") {
    throw new RuntimeError(
      `container ${JSON.stringify(id)} runs without a cgroup of its own, ` +
        "which would tell its processes",
    );
  }
  // One that our pid namespace does not show has no number here.
  return openCgroup(record.cgroup).pids().filter((pid) => pid > 0);
}

/**
 * The lines of ps(1) that are about some processes, and its heading.
 *
 * @throws {RuntimeError} where the output has no column of process ids
 */
export function selectLines(
  output: string,
  pids: readonly number[],
): string {
  const [heading = "", ...lines] = output.replace(/\n$/, "").split("\n");
  const column = heading.trim().split(/\s+/).indexOf("PID");
  if (column < 0) {
    throw new RuntimeError("couldn't find PID field in ps output");
  }
  const kept = lines.filter((line) =>
    pids.includes(Number(line.trim().split(/\s+/)[column]))
  );
  return [heading, ...kept].map((line) => `${line}\n`).join("");
}
