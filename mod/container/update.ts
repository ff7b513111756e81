/**
 * `update`: other limits for a container that runs.
 *
 * Runs in: launcher.
 *
 * @module
 */

import { updateResources } from "../cgroups/update.ts";
import { RuntimeError } from "../errors.ts";
import { log } from "../log.ts";
import type { Resources } from "../spec/resources.ts";
import { isAlive } from "../state/status.ts";
import { directoryOf, lock, readRecord } from "../state/store.ts";

/** Reads a size: bytes, or with a unit of 1024 as docker has them; -1. */
export function parseSize(text: string): number {
  const match = /^(\d+(?:\.\d+)?)\s?([kmgtp]?)(i?b)?$/i.exec(text.trim());
  if (text.trim() === "-1") return -1;
  const [, digits = "", unit = ""] = match ?? [];
  const power = ["", "k", "m", "g", "t", "p"].indexOf(unit.toLowerCase());
  const size = Math.trunc(Number(digits) * 1024 ** power);
  if (match !== null && Number.isSafeInteger(size)) return size;
  throw new RuntimeError(`${JSON.stringify(text)} is no size`, {
    hint: 'bytes, or such as "512m"; -1 is no limit',
  });
}

/** Reads a whole number that a double holds. */
export function parseCount(text: string, object: string): number {
  const number = /^-?\d{1,16}$/.test(text) ? Number(text) : NaN;
  if (Number.isSafeInteger(number)) return number;
  throw new RuntimeError(`${object}: ${JSON.stringify(text)} is no number`);
}

/** The flags of `update` by name; undefined where one is not given. */
export type UpdateFlags = (name: string) => string | undefined;

/**
 * The resources that flags name. Pure.
 *
 * @throws {RuntimeError} for a value that is none, or an option of RDT
 */
export function resourcesOfFlags(flag: UpdateFlags): Resources {
  const read = <T>(name: string, parse: (text: string) => T) => {
    const text = flag(name);
    if (text === undefined) return undefined;
    try {
      return parse(text);
    } catch (cause) {
      throw new RuntimeError(`--${name}`, { cause });
    }
  };
  const count = (name: string) => {
    const text = flag(name);
    return text === undefined ? undefined : parseCount(text, `--${name}`);
  };
  const size = (name: string) => read(name, parseSize);
  for (const name of ["l3-cache-schema", "mem-bw-schema"]) {
    if (flag(name) === undefined) continue;
    throw new RuntimeError(`--${name}: Intel RDT is not supported`);
  }
  return {
    blockIO: { weight: count("blkio-weight") },
    cpu: {
      period: count("cpu-period"),
      quota: count("cpu-quota"),
      burst: count("cpu-burst"),
      shares: count("cpu-share"),
      realtimePeriod: count("cpu-rt-period"),
      realtimeRuntime: count("cpu-rt-runtime"),
      cpus: flag("cpuset-cpus"),
      mems: flag("cpuset-mems"),
      idle: count("cpu-idle"),
    },
    memory: {
      limit: size("memory"),
      reservation: size("memory-reservation"),
      swap: size("memory-swap"),
    },
    pids: { limit: count("pids-limit") },
  };
}

/**
 * Changes the limits of a container.
 *
 * @throws {RuntimeError} where it does not run, or a limit is refused: then
 * all are what they were
 */
export function updateContainer(
  options: { stateRoot: string; id: string; resources: Resources },
): void {
  const { stateRoot, id, resources } = options;
  const record = readRecord(stateRoot, id);
  using _lock = lock(directoryOf(stateRoot, id));
  if (!isAlive(record)) throw new RuntimeError("container not running");
  for (const field of updateResources(record.cgroup, resources)) {
    log("debug", `resources.${field}: nothing here for it, ignoring`);
  }
}
