/**
 * The cgroup of one container, found by its record.
 *
 * Runs in: launcher.
 *
 * @module
 */

import { SyscallError } from "../../ffi/errno.ts";
import type { Target } from "../../ffi/call.ts";
import { RuntimeError } from "../errors.ts";
import { applyDevicesV1, applyWrites } from "./apply.ts";
import { attachDevicePolicy } from "./device_filter.ts";
import { enterCgroup } from "./enter.ts";
import { isDirectory, readValueIfThere, writeValue } from "./file.ts";
import { freezerOf } from "./freezer.ts";
import type {
  CgroupDirectory,
  CgroupRecord,
  PlacedDevicePolicy,
  PlacedWrite,
} from "./plan.ts";
import { pidsBelow, removeCgroup } from "./tree.ts";

const SIGKILL = 9;

/** How long processes may take to leave a cgroup, in milliseconds. */
const REMOVE_DEADLINE_MS = 5000;

/** kill(2): throws a {@link SyscallError} where it fails. */
export type SendSignal = (pid: number, signal: number) => void;

/** What can be done with a container's cgroup. */
export interface CgroupManager {
  /** Where it is; kept in the state file, and enough for {@link openCgroup}. */
  readonly record: CgroupRecord;
  /** Whether any of its directories is there. */
  exists(): boolean;
  /** Moves a process into it, in every hierarchy; `selfEntry` is faster. */
  enter(pid: number): void;
  /** Makes the plan's `early` or `late` writes, or those of an update. */
  apply(writes: readonly PlacedWrite[]): void;
  /** Applies device rules; on v2 by bpf(2) on `target`. */
  applyDevices(
    devices: PlacedDevicePolicy | undefined,
    target: Target,
  ): void;
  /** The processes in it and below it, in order. */
  pids(): number[];
  /** Stops its processes; returns when they have, or thaws and throws. */
  freeze(): void;
  /** Lets them go on. */
  thaw(): void;
  /** Whether they are stopped. */
  frozen(): boolean;
  /** Signals all its processes; with SIGKILL none gets away. */
  kill(signal: number, send: SendSignal): void;
  /** Removes it, waiting for killed processes to leave. */
  remove(deadlineMs?: number): void;
}

/** The distinct directories of a record. */
function directoriesOf({ paths }: CgroupRecord): string[] {
  return [...new Set(Object.values(paths))];
}

/** The directory in which processes are counted: the freezer's, if possible. */
function mainDirectory({ paths }: CgroupRecord): string | undefined {
  return paths.freezer ?? paths.devices ?? Object.values(paths)[0];
}

/** Sends a signal to each; those that are gone by now are no error. */
function signalEach(
  pids: readonly number[],
  signal: number,
  send: SendSignal,
): void {
  // 0 is a process that our pid namespace does not show, and to kill(2) means
  // our own group.
  for (const pid of pids.filter((pid) => pid > 0)) {
    try {
      send(pid, signal);
    } catch (error) {
      if (!(error instanceof SyscallError) || error.code !== "ESRCH") {
        throw error;
      }
    }
  }
}

/**
 * Signals all processes of a cgroup while they stand still, so that none forks
 * away from a list that was read before.
 */
function signalFrozen(
  record: CgroupRecord,
  signal: number,
  send: SendSignal,
): void {
  const main = mainDirectory(record);
  if (main === undefined || !isDirectory(main)) return;
  const freezer = freezerOf(record);
  const wasFrozen = freezer?.frozen() ?? false;
  using stack = new DisposableStack();
  // On v1 a frozen process does not even die. One that was frozen for another
  // reason goes on only to do that.
  if (!wasFrozen || signal === SIGKILL) stack.defer(() => freezer?.thaw());
  try {
    if (!wasFrozen) freezer?.freeze();
  } catch (error) {
    // Signalled as they run, then: most are reached.
    if (!(error instanceof RuntimeError)) throw error;
  }
  signalEach(pidsBelow(main), signal, send);
}

function kill(record: CgroupRecord, signal: number, send: SendSignal): void {
  const { freezer, "": tree } = record.paths;
  // Since Linux 5.14; reaches what forks meanwhile, and what is frozen by v2.
  const atOnce = signal === SIGKILL && tree !== undefined &&
    tryWrite(`${tree}/cgroup.kill`, "1");
  if (!atOnce) return signalFrozen(record, signal, send);
  if (freezer === undefined) return;
  if (isDirectory(freezer)) freezerOf(record)?.thaw();
  signalEach(pidsBelow(freezer), signal, send);
}

/** Writes a value; returns whether the kernel took it. */
function tryWrite(path: string, value: string): boolean {
  try {
    writeValue(path, value);
    return true;
  } catch (error) {
    if (error instanceof SyscallError) return false;
    throw error;
  }
}

/** The freezer, or an error that tells why there is none. */
function needFreezer(record: CgroupRecord) {
  const freezer = freezerOf(record);
  if (freezer !== undefined) return freezer;
  throw new RuntimeError("the container has no cgroup that can be frozen", {
    hint: record.mode === "none"
      ? "it runs without a cgroup of its own"
      : 'no v1 hierarchy has the controller "freezer", and there is no v2 tree',
  });
}

/** Finds a container's cgroup again; nothing is looked at yet. */
export function openCgroup(record: CgroupRecord): CgroupManager {
  const directories = directoriesOf(record);
  return {
    record,
    exists: () => directories.some(isDirectory),
    enter: (pid) => directories.forEach((path) => enterCgroup(path, pid)),
    apply: applyWrites,
    applyDevices(devices, target) {
      if (devices === undefined) return;
      const { version, directory, policy } = devices;
      if (version === 1) applyDevicesV1(directory, policy);
      else attachDevicePolicy(target, directory, policy);
    },
    pids() {
      const main = mainDirectory(record);
      return main === undefined ? [] : pidsBelow(main);
    },
    freeze: () => needFreezer(record).freeze(),
    thaw: () => needFreezer(record).thaw(),
    frozen: () => freezerOf(record)?.frozen() ?? false,
    kill: (signal, send) => kill(record, signal, send),
    remove(deadlineMs = REMOVE_DEADLINE_MS) {
      const end = performance.now() + deadlineMs;
      const failures: unknown[] = [];
      // The others are removed all the same, and the first failure is told.
      for (const path of directories) {
        try {
          removeCgroup(path, Math.max(0, end - performance.now()));
        } catch (error) {
          failures.push(error);
        }
      }
      if (failures.length > 0) throw failures[0];
    },
  };
}

/** The directories of a record with their controllers, for an update. */
export function recordedDirectories(
  { paths }: CgroupRecord,
): CgroupDirectory[] {
  return Object.entries(paths).map(([name, path]) => ({
    version: name === "" ? 2 : 1,
    controllers: name !== ""
      ? [name]
      : (readValueIfThere(`${path}/cgroup.controllers`) ?? "").split(/\s+/)
        .filter((name) => name !== ""),
    mountPoint: "",
    path,
  }));
}
