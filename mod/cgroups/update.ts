/**
 * Changing the limits of a container that runs.
 *
 * Runs in: launcher. What is not named stays as it is; device rules stay in any
 * case (or a GPU that was granted by them would be gone); and where one limit is
 * refused, those that were set before it are put back.
 *
 * @module
 */

import type { Resources } from "../spec/resources.ts";
import { applyWrites } from "./apply.ts";
import { readValueIfThere } from "./file.ts";
import { recordedDirectories } from "./manager.ts";
import type { CgroupRecord, PlacedWrite } from "./plan.ts";
import { placeResources } from "./plan.ts";

/** The two numbers of v2's `cpu.max`; a quota of -1 is none. */
function cpuMax(text: string): { quota: number; period: number } {
  const [quota = "max", period = "100000"] = text.split(" ");
  return {
    quota: quota === "max" ? -1 : Number(quota),
    period: Number(period),
  };
}

/**
 * Resources that name all that v2 writes in one go: the quota with its period,
 * and swap with the limit that it counts. Pure.
 *
 * @param current the text of a v2 file; undefined where there is none
 */
export function completeV2(
  resources: Resources,
  current: (file: string) => string | undefined,
): Resources {
  const { cpu, memory } = resources;
  const given = (value: number | undefined) => (value ?? 0) !== 0;
  let complete = resources;
  const max = current("cpu.max");
  if (
    max !== undefined && cpu !== undefined &&
    given(cpu.quota) !== given(cpu.period)
  ) {
    const { quota, period } = cpuMax(max);
    complete = {
      ...complete,
      cpu: {
        ...cpu,
        quota: given(cpu.quota) ? cpu.quota : quota,
        period: given(cpu.period) ? cpu.period : period,
      },
    };
  }
  const limit = current("memory.max");
  if (
    limit !== undefined && memory !== undefined && given(memory.swap) &&
    !given(memory.limit)
  ) {
    complete = {
      ...complete,
      memory: { ...memory, limit: limit === "max" ? -1 : Number(limit) },
    };
  }
  return complete;
}

/** Resources without device rules. */
function withoutDevices({ devices: _, ...rest }: Resources): Resources {
  return rest;
}

/** Files with a line for each device, and what stands for no limit there. */
function deviceDefault({ file, value }: PlacedWrite): string | undefined {
  const [device = ""] = value.split(" ");
  if (/^blkio\.throttle\./.test(file)) return `${device} 0`;
  if (/^blkio\..*weight_device$/.test(file)) return `${device} 0`;
  if (file === "io.max") {
    return `${device} rbps=max wbps=max riops=max wiops=max`;
  }
  if (/^io\.(bfq\.)?weight$/.test(file) && device.includes(":")) {
    return `${device} default`;
  }
  return undefined;
}

/** The write that puts back what a file says now; undefined: there is none. */
function restoring(write: PlacedWrite): PlacedWrite | undefined {
  const { directory, file, controller, version } = write;
  const plain = { directory, file, controller, version };
  const text = readValueIfThere(`${directory}/${file}`);
  if (text === undefined) return undefined;
  const none = deviceDefault(write);
  if (none !== undefined) {
    const [device = ""] = none.split(" ");
    const line = text.split("\n").find((l) => l.startsWith(`${device} `));
    return { ...plain, value: line ?? none };
  }
  const oom = /^oom_kill_disable (\d)/.exec(text)?.[1];
  if (oom !== undefined) return { ...plain, value: oom };
  return text === "" ? undefined : { ...plain, value: text };
}

/** What every file says now that writes, or their second choices, will change. */
export function restoringWrites(
  writes: readonly PlacedWrite[],
): PlacedWrite[] {
  return writes.flatMap((write) => {
    const { otherwise } = write;
    const all = otherwise === undefined
      ? [write]
      : [write, { ...write, ...otherwise }];
    return all.flatMap((one) => restoring(one) ?? []);
  }).reverse();
}

/** Puts back what can be put back. */
function putBack(writes: readonly PlacedWrite[]): void {
  // The pair of v1's memory limits is ordered by applyWrites, so they go
  // together; the others one by one, so that one failure spoils no other.
  const memory = writes.filter(({ file }) => /^memory\./.test(file));
  const rest = writes.filter(({ file }) => !/^memory\./.test(file));
  for (const list of [memory, ...rest.map((write) => [write])]) {
    try {
      applyWrites(list);
    } catch {
      // The failure of the update itself is what is told.
    }
  }
}

/**
 * Changes limits; returns the fields that this host has nothing for.
 *
 * @throws {RuntimeError} naming the limit; the others are what they were
 */
export function updateResources(
  record: CgroupRecord,
  resources: Resources,
): readonly string[] {
  const directories = recordedDirectories(record);
  const tree = record.paths[""];
  const wanted = tree === undefined
    ? resources
    : completeV2(resources, (file) => readValueIfThere(`${tree}/${file}`));
  const { early, late, ignored } = placeResources(
    withoutDevices(wanted),
    directories,
  );
  const writes = [...early, ...late];
  const before = restoringWrites(writes);
  try {
    applyWrites(writes);
  } catch (error) {
    putBack(before);
    throw error;
  }
  return ignored;
}
