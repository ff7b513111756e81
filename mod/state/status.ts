/**
 * Where a container is in its life, from what the kernel says of its process.
 *
 * Runs in: launcher.
 *
 * @module
 */

import { attempt } from "../../ffi/call.ts";
import { STATX_BUFFER } from "../../ffi/abi/layout.ts";
import { tolerate } from "../../ffi/call.ts";
import { AT_FDCWD, statx } from "../../ffi/file.ts";
import { local } from "../../ffi/local.ts";
import { kill } from "../../ffi/process.ts";
import { unpack } from "../../ffi/struct.ts";
import type { Status } from "../spec/state.ts";
import type { ContainerRecord } from "./store.ts";

/** A process as proc(5) shows it. */
export interface ProcessStat {
  /** One letter, such as `Z`. */
  readonly state: string;
  /** Field 22: when it started, in clock ticks since boot. */
  readonly startTime: number;
}

/** Reads /proc/PID/stat; undefined where there is no such process. */
export function readStat(pid: number): ProcessStat | undefined {
  try {
    const text = Deno.readTextFileSync(`/proc/${pid}/stat`);
    // The name is in brackets, and may hold brackets and blanks.
    const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
    return { state: fields[0] ?? "", startTime: Number(fields[19]) };
  } catch {
    return undefined;
  }
}

/** Is the container's process alive, and not another of the same number? */
export function isAlive(record: ContainerRecord): boolean {
  if (record.pid <= 0 || attempt(local, kill(record.pid, 0)) === -3) {
    return false;
  }
  const stat = readStat(record.pid);
  return stat !== undefined && stat.startTime === record.startTime &&
    stat.state !== "Z" && stat.state !== "X";
}

/**
 * Does the process still execute the gofer? The file is compared, never a
 * name: its device and inode.
 */
function executesGofer(record: ContainerRecord): boolean {
  const call = tolerate(statx(AT_FDCWD, `/proc/${record.pid}/exe`));
  const results = local.run(call);
  if (results.value(call) < 0) return false;
  const exe = unpack(STATX_BUFFER, results.output(call));
  return exe.stx_ino === record.executable.inode &&
    `${exe.stx_dev_major}:${exe.stx_dev_minor}` === record.executable.device;
}

/** The status; `frozen` is what its cgroup says. */
export function statusOf(record: ContainerRecord, frozen: boolean): Status {
  if (!isAlive(record)) return "stopped";
  if (frozen) return "paused";
  if (record.creating) return "creating";
  return executesGofer(record) ? "created" : "running";
}
