/**
 * What a cgroup has used: the `data` of a line of `events`, in runc's words.
 *
 * Runs in: launcher. Numbers are bigint: many do not fit into a double.
 *
 * @see https://github.com/opencontainers/runc/blob/main/types/events.go
 * @module
 */

import { SyscallError } from "../../ffi/errno.ts";
import { readValueIfThere } from "./file.ts";
import type { CgroupRecord } from "./plan.ts";

/** A document whose numbers are bigint. */
export type Json =
  | bigint
  | number
  | string
  | null
  | readonly Json[]
  | { readonly [key: string]: Json };

/** What a file of the cgroup says; undefined where there is none. */
export type ReadFile = (name: string) => string | undefined;

/** "No limit", as Go's unsigned numbers have it. */
const NO_LIMIT = 0xffffffffffffffffn;

/** A number; "max" is no limit, and what is missing or no number is 0. */
function number(text: string | undefined): bigint {
  if (text === "max") return NO_LIMIT;
  return text !== undefined && /^\d+$/.test(text) ? BigInt(text) : 0n;
}

/** The numbers of a line. */
function numbers(text: string | undefined): bigint[] {
  return (text ?? "").split(/\s+/).filter((word) => word !== "").map(number);
}

/** Lines of a key and a number. */
function keyed(text: string | undefined): Record<string, bigint> {
  const lines = (text ?? "").split("\n").map((line) => line.split(" "));
  return Object.fromEntries(
    lines.flatMap(([key = "", value]) =>
      key === "" || value === undefined ? [] : [[key, number(value)]]
    ),
  );
}

/** CPUs or memory nodes of a list such as `0-3,7`. */
export function listed(text: string | undefined): bigint[] {
  return (text ?? "").split(",").flatMap((part) => {
    const [first, last = first] = part.split("-");
    if (first === undefined || !/^\d+$/.test(first)) return [];
    const count = Math.max(0, Number(last) - Number(first) + 1);
    return Array.from({ length: count }, (_, i) => BigInt(Number(first) + i));
  });
}

/** Pressure, in the words of the kernel: `some avg10=0.00 … total=0`. */
function pressure(text: string | undefined): Record<string, Json> {
  if (text === undefined) return {};
  const psi = Object.fromEntries(
    text.split("\n").map((line) => {
      const [kind = "", ...pairs] = line.split(" ");
      const fields = pairs.map((pair) => {
        const [name = "", value = "0"] = pair.split("=");
        return [name, name === "total" ? number(value) : Number(value)];
      });
      return [kind, Object.fromEntries(fields)];
    }),
  );
  return { psi };
}

/** Seconds that both `cpu.stat`s count in other units, as nanoseconds. */
const MICRO = 1000n;

/** v1: nanoseconds; `cpuacct.usage_all` has a line for each CPU. */
function cpuV1(read: ReadFile): Json {
  const stat = keyed(read("cpu.stat"));
  const all = (read("cpuacct.usage_all") ?? "").split("\n").slice(1)
    .map((line) => numbers(line));
  return {
    usage: {
      total: number(read("cpuacct.usage")),
      percpu: numbers(read("cpuacct.usage_percpu")),
      percpu_kernel: all.map((line) => line[2] ?? 0n),
      percpu_user: all.map((line) => line[1] ?? 0n),
      kernel: number(read("cpuacct.usage_sys")),
      user: number(read("cpuacct.usage_user")),
    },
    throttling: {
      periods: stat.nr_periods ?? 0n,
      throttledPeriods: stat.nr_throttled ?? 0n,
      throttledTime: stat.throttled_time ?? 0n,
    },
  };
}

/** v2: microseconds. */
function cpuV2(read: ReadFile): Json {
  const stat = keyed(read("cpu.stat"));
  const time = (name: string) => (stat[name] ?? 0n) * MICRO;
  return {
    usage: {
      total: time("usage_usec"),
      kernel: time("system_usec"),
      user: time("user_usec"),
    },
    throttling: {
      periods: stat.nr_periods ?? 0n,
      throttledPeriods: stat.nr_throttled ?? 0n,
      throttledTime: time("throttled_usec"),
    },
    ...pressure(read("cpu.pressure")),
  };
}

function cpuset(read: ReadFile): Json {
  const flag = (name: string) => number(read(`cpuset.${name}`));
  const relax = read("cpuset.sched_relax_domain_level");
  return {
    cpus: listed(read("cpuset.cpus")),
    cpu_exclusive: flag("cpu_exclusive"),
    mems: listed(read("cpuset.mems")),
    mem_hardwall: flag("mem_hardwall"),
    mem_exclusive: flag("mem_exclusive"),
    memory_migrate: flag("memory_migrate"),
    memory_spread_page: flag("memory_spread_page"),
    memory_spread_slab: flag("memory_spread_slab"),
    memory_pressure: flag("memory_pressure"),
    sched_load_balance: flag("sched_load_balance"),
    sched_relax_domain_level: relax !== undefined && /^-?\d+$/.test(relax)
      ? BigInt(relax)
      : 0n,
  };
}

/** One of v1's counters of memory. */
function memoryEntry(read: ReadFile, prefix: string): Json {
  return {
    limit: number(read(`${prefix}.limit_in_bytes`)),
    usage: number(read(`${prefix}.usage_in_bytes`)),
    max: number(read(`${prefix}.max_usage_in_bytes`)),
    failcnt: number(read(`${prefix}.failcnt`)),
  };
}

function memoryV1(read: ReadFile): Json {
  const raw = keyed(read("memory.stat"));
  return {
    cache: raw.cache ?? 0n,
    usage: memoryEntry(read, "memory"),
    swap: memoryEntry(read, "memory.memsw"),
    kernel: memoryEntry(read, "memory.kmem"),
    kernelTCP: memoryEntry(read, "memory.kmem.tcp"),
    raw,
  };
}

/** v2: `swap` counts memory too, as v1's does. */
function memoryV2(read: ReadFile): Json {
  const raw = keyed(read("memory.stat"));
  const events = keyed(read("memory.events"));
  const usage = number(read("memory.current"));
  const limit = number(read("memory.max"));
  const swap = number(read("memory.swap.current"));
  const swapLimit = number(read("memory.swap.max"));
  const both = limit === NO_LIMIT || swapLimit === NO_LIMIT
    ? NO_LIMIT
    : limit + swapLimit;
  const none = { limit: 0n, failcnt: 0n };
  return {
    cache: raw.file ?? 0n,
    usage: {
      limit,
      usage,
      max: number(read("memory.peak")),
      failcnt: events.max ?? 0n,
    },
    swap: { limit: both, usage: usage + swap, failcnt: 0n },
    kernel: { ...none, usage: raw.kernel ?? 0n },
    kernelTCP: { ...none, usage: raw.sock ?? 0n },
    raw,
    ...pressure(read("memory.pressure")),
  };
}

function pids(read: ReadFile): Json {
  const max = read("pids.max");
  return {
    current: number(read("pids.current")),
    // 0 is "no limit" here.
    limit: max === "max" ? 0n : number(max),
  };
}

/** v1's lines of a device, an operation and a number. */
function blkioFile(read: ReadFile, ...names: string[]): Json[] {
  const text = names.map(read).find((t) => t !== undefined) ?? "";
  return text.split("\n").flatMap((line) => {
    const match = /^(\d+):(\d+) (?:(\w+) )?(\d+)$/.exec(line);
    if (match === null) return [];
    const [, major, minor, op, value] = match;
    return [{
      major: number(major),
      minor: number(minor),
      ...op === undefined ? {} : { op },
      value: number(value),
    }];
  });
}

function blkioV1(read: ReadFile): Json {
  const of = (name: string) =>
    blkioFile(
      read,
      `blkio.bfq.${name}_recursive`,
      `blkio.throttle.${name}_recursive`,
      `blkio.throttle.${name}`,
    );
  return {
    ioServiceBytesRecursive: of("io_service_bytes"),
    ioServicedRecursive: of("io_serviced"),
    ioQueueRecursive: of("io_queued"),
    ioServiceTimeRecursive: of("io_service_time"),
    ioWaitTimeRecursive: of("io_wait_time"),
    ioMergedRecursive: of("io_merged"),
    ioTimeRecursive: of("time"),
    sectorsRecursive: of("sectors"),
  };
}

/** v2's `io.stat`: one line a device, `rbytes=… wbytes=… rios=… …`. */
function blkioV2(read: ReadFile): Json {
  const bytes: Json[] = [];
  const operations: Json[] = [];
  const words = { r: "Read", w: "Write", d: "Discard" } as const;
  for (const line of (read("io.stat") ?? "").split("\n")) {
    const [device = "", ...pairs] = line.split(" ");
    const [major, minor] = device.split(":");
    if (minor === undefined) continue;
    for (const pair of pairs) {
      const match = /^([rwd])(bytes|ios)=(\d+)$/.exec(pair);
      if (match === null) continue;
      const entry = {
        major: number(major),
        minor: number(minor),
        op: words[match[1] as keyof typeof words],
        value: number(match[3]),
      };
      (match[2] === "bytes" ? bytes : operations).push(entry);
    }
  }
  return {
    ioServiceBytesRecursive: bytes,
    ioServicedRecursive: operations,
    ...pressure(read("io.pressure")),
  };
}

/** Huge pages by size; the sizes are those of the files that there are. */
function hugetlb(
  read: ReadFile,
  names: readonly string[],
  version: 1 | 2,
): Json {
  const file = version === 1 ? "usage_in_bytes" : "current";
  const sizes = names.flatMap((name) => {
    const match = /^hugetlb\.(\w+)\.(\w+)$/.exec(name);
    return match?.[2] === file && match[1] !== undefined ? [match[1]] : [];
  });
  return Object.fromEntries(sizes.map((size) => {
    const of = (name: string) => read(`hugetlb.${size}.${name}`);
    const events = keyed(of("events"));
    return [
      size,
      version === 1
        ? {
          usage: number(of("usage_in_bytes")),
          max: number(of("max_usage_in_bytes")),
          failcnt: number(of("failcnt")),
        }
        : { usage: number(of("current")), failcnt: events.max ?? 0n },
    ];
  }));
}

/** Reads one controller's directory; a file that refuses to be read is none. */
function reader(directory: string | undefined): ReadFile {
  return (name) => {
    if (directory === undefined) return undefined;
    try {
      return readValueIfThere(`${directory}/${name}`);
    } catch (error) {
      if (error instanceof SyscallError) return undefined;
      throw error;
    }
  };
}

/** The names in a directory. */
function namesIn(directory: string | undefined): string[] {
  try {
    return directory === undefined
      ? []
      : [...Deno.readDirSync(directory)].map(({ name }) => name).sort();
  } catch {
    return []; // it is gone
  }
}

/** Reads the statistics of a container's cgroup. */
export function readStats({ paths }: CgroupRecord): Json {
  const tree = paths[""];
  /** v1's part where v1 has the controller, else v2's. */
  const of = (
    controller: string,
    v1: (read: ReadFile) => Json,
    v2: (read: ReadFile) => Json,
  ) =>
    paths[controller] === undefined
      ? v2(reader(tree))
      : v1(reader(paths[controller]));
  const huge = paths.hugetlb;
  // Two hierarchies on v1, or one; the files have different names.
  const cpu: ReadFile = (name) =>
    reader(name.startsWith("cpuacct.") ? paths.cpuacct : paths.cpu)(name);
  return {
    cpu: paths.cpu === undefined && paths.cpuacct === undefined
      ? cpuV2(reader(tree))
      : cpuV1(cpu),
    cpuset: of("cpuset", cpuset, cpuset),
    memory: of("memory", memoryV1, memoryV2),
    pids: of("pids", pids, pids),
    blkio: of("blkio", blkioV1, blkioV2),
    hugetlb: huge === undefined
      ? hugetlb(reader(tree), namesIn(tree), 2)
      : hugetlb(reader(huge), namesIn(huge), 1),
    intel_rdt: {},
    network_interfaces: null,
  };
}

/** A document as one line of JSON, with all digits of its numbers. */
export function jsonText(value: Json): string {
  if (value === null) return "null";
  if (typeof value === "bigint" || typeof value === "number") {
    return value.toString();
  }
  if (typeof value === "string") return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(jsonText).join(",")}]`;
  const fields = Object.entries(value as { readonly [key: string]: Json });
  return `{${
    fields.map(([key, field]) => `${JSON.stringify(key)}:${jsonText(field)}`)
      .join(",")
  }}`;
}
