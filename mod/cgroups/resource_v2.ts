/**
 * `linux.resources` as files of cgroup v2; pure. The spec's fields are cgroup
 * v1's, so most of them are converted.
 *
 * @see https://docs.kernel.org/admin-guide/cgroup-v2.html
 * @module
 */

import { RuntimeError } from "../errors.ts";
import { toInt64, toUint64 } from "../spec/number.ts";
import type { Resources, ThrottleDevice } from "../spec/resources.ts";
import type { CgroupWrite, SubjectWrites } from "./resource.ts";
import { rdmaValues } from "./resource_v1.ts";

type Extra = Omit<CgroupWrite, "version" | "controller" | "file" | "value">;

/** A write to a v2 file, or none where there is no value. */
function to(
  file: string,
  value: string | undefined,
  extra: Extra = {},
): CgroupWrite[] {
  const [controller = ""] = file.split(".");
  return value === undefined || value === ""
    ? []
    : [{ version: 2, controller, file, value, ...extra }];
}

/** A limit; 0 is "not set", and a negative one is none. */
function limitOf(value: number | undefined): string | undefined {
  if (value === undefined || value === 0) return undefined;
  return value < 0 ? "max" : `${toInt64(value)}`;
}

/**
 * v1's cpu shares (2 to 262144) as v2's cpu weight (1 to 10000), on the curve
 * through both ends on which the default of 1024 becomes the default of 100.
 * 0, not set, stays 0. (runc since 1.3, crun since 1.23.)
 */
export function cpuWeight(shares: number): number {
  if (shares === 0) return 0;
  if (shares <= 2) return 1;
  if (shares >= 262_144) return 10_000;
  const log = Math.log2(shares);
  return Math.ceil(10 ** ((log * log + 125 * log) / 612 - 7 / 34));
}

/** v1's block I/O weight (10 to 1000) as v2's `io.weight` (1 to 10000). */
export function ioWeight(weight: number): number {
  return weight === 0 ? 0 : 1 + Math.floor((weight - 10) * 9999 / 990);
}

/**
 * The spec's `swap`, which counts memory and swap, as `memory.swap.max`, which
 * counts swap alone; undefined where nothing is to be written.
 */
export function swapMax(
  limit: number | undefined,
  swap: number | undefined,
): string | undefined {
  const memory = limit ?? 0;
  if (swap === undefined || swap === 0) {
    return memory === -1 ? "max" : undefined;
  }
  if (swap < 0) return "max";
  if (memory < 0) return `${toInt64(swap)}`;
  if (memory === 0) {
    throw new RuntimeError(
      "resources.memory.swap needs resources.memory.limit",
      { hint: "it counts memory and swap together" },
    );
  }
  if (swap < memory) {
    throw new RuntimeError(
      `resources.memory.swap ${swap} is below resources.memory.limit ${memory}`,
      { hint: "it counts memory and swap together" },
    );
  }
  return `${toInt64(swap) - toInt64(memory)}`;
}

function memory({ memory = {} }: Resources): SubjectWrites {
  const swap = swapMax(memory.limit, memory.swap);
  const limit = limitOf(memory.limit);
  const check = memory.checkBeforeUpdate === true && limit !== "max";
  const given: readonly [string, boolean][] = [
    ["memory.swappiness", memory.swappiness !== undefined],
    ["memory.disableOOMKiller", memory.disableOOMKiller === true],
    ["memory.kernel", (memory.kernel ?? 0) + (memory.kernelTCP ?? 0) > 0],
  ];
  return {
    subject: "memory",
    controller: "memory",
    writes: [
      ...to("memory.low", limitOf(memory.reservation)),
      ...to("memory.swap.max", swap, {
        late: true,
        // A host without swap accounting gives no swap, or cannot limit it.
        ...(swap === "0" || swap === "max" ? { optional: true } : {}),
      }),
      ...to("memory.max", limit, {
        late: true,
        ...(check ? { notBelow: "memory.current" } : {}),
      }),
    ],
    ignored: given.filter(([, is]) => is).map(([name]) => name),
  };
}

/** `cpu.max`: quota and period; a missing or negative quota is none. */
function cpuMax(quota = 0, period = 0): string | undefined {
  if (quota === 0 && period === 0) return undefined;
  return `${quota > 0 ? toInt64(quota) : "max"} ${
    period === 0 ? 100_000 : toUint64(period)
  }`;
}

function cpu({ cpu = {} }: Resources): SubjectWrites {
  // The kernel refuses a weight where the cgroup is idle.
  const weight = cpu.idle === 1 ? 0 : cpuWeight(cpu.shares ?? 0);
  if ((cpu.realtimeRuntime ?? 0) > 0 || (cpu.realtimePeriod ?? 0) > 0) {
    throw new RuntimeError(
      "resources.cpu.realtimeRuntime and realtimePeriod are limits of " +
        "cgroup v1, which this host lacks for cpu",
    );
  }
  return {
    subject: "cpu",
    controller: "cpu",
    writes: [
      ...to("cpu.idle", cpu.idle === undefined ? undefined : `${cpu.idle}`),
      ...to("cpu.weight", weight === 0 ? undefined : `${weight}`),
      ...to(
        "cpu.max.burst",
        cpu.burst === undefined ? undefined : `${toUint64(cpu.burst)}`,
        { again: true, ...(cpu.burst === 0 ? { optional: true } : {}) },
      ),
      ...to("cpu.max", cpuMax(cpu.quota, cpu.period)),
    ],
  };
}

function cpuset({ cpu = {} }: Resources): SubjectWrites {
  return {
    subject: "cpu.cpus",
    controller: "cpuset",
    writes: [
      ...to("cpuset.cpus", cpu.cpus?.trim()),
      ...to("cpuset.mems", cpu.mems?.trim()),
    ],
  };
}

function pids({ pids = {} }: Resources): SubjectWrites {
  const { limit } = pids;
  return {
    subject: "pids",
    controller: "pids",
    // 0 is a limit here: it allows no new task.
    writes: to("pids.max", limit === 0 ? "0" : limitOf(limit), { late: true }),
  };
}

/** A weight for BFQ, or, where BFQ is not there, for the cost model. */
function weight(device: string, value: number | undefined): CgroupWrite[] {
  if (value === undefined || value === 0) return [];
  return to("io.bfq.weight", `${device}${value}`, {
    otherwise: { file: "io.weight", value: `${device}${ioWeight(value)}` },
  });
}

function blockIO({ blockIO: io = {} }: Resources): SubjectWrites {
  const throttle = (
    key: string,
    devices: readonly ThrottleDevice[] | undefined,
  ) =>
    (devices ?? []).flatMap(({ major, minor, rate }) =>
      to(
        "io.max",
        `${major}:${minor} ${key}=${rate === 0 ? "max" : toUint64(rate)}`,
      )
    );
  const leaf = (io.leafWeight ?? 0) > 0 ||
    (io.weightDevice ?? []).some((device) => (device.leafWeight ?? 0) > 0);
  return {
    subject: "blockIO",
    controller: "io",
    writes: [
      ...weight("", io.weight),
      ...(io.weightDevice ?? []).flatMap((device) =>
        weight(`${device.major}:${device.minor} `, device.weight)
      ),
      ...throttle("rbps", io.throttleReadBpsDevice),
      ...throttle("wbps", io.throttleWriteBpsDevice),
      ...throttle("riops", io.throttleReadIOPSDevice),
      ...throttle("wiops", io.throttleWriteIOPSDevice),
    ],
    ignored: leaf ? ["blockIO.leafWeight"] : [],
  };
}

function hugetlb({ hugepageLimits = [] }: Resources): SubjectWrites {
  return {
    subject: "hugepageLimits",
    controller: "hugetlb",
    writes: hugepageLimits.flatMap(({ pageSize, limit }) => {
      const value = `${toUint64(limit)}`;
      return [
        ...to(`hugetlb.${pageSize}.max`, value),
        ...to(`hugetlb.${pageSize}.rsvd.max`, value, { optional: true }),
      ];
    }),
  };
}

function rdma(resources: Resources): SubjectWrites {
  return {
    subject: "rdma",
    controller: "rdma",
    writes: rdmaValues(resources).flatMap((value) => to("rdma.max", value)),
  };
}

/** Both of the network's controllers are cgroup v1's alone. */
function none(subject: string, controller: string) {
  return (): SubjectWrites => ({ subject, controller, writes: [] });
}

/** The subjects on cgroup v2, in the same order as on v1. */
export const SUBJECTS_V2: readonly ((resources: Resources) => SubjectWrites)[] =
  [
    cpuset,
    cpu,
    blockIO,
    hugetlb,
    rdma,
    none("network.classID", "net_cls"),
    none("network.priorities", "net_prio"),
    memory,
    pids,
  ];

/** Files that stop or fill a cgroup: no resources, and ours to write. */
const NO_RESOURCE = /^cgroup\.(procs|threads|kill|freeze|type)$/;

/** Files that count what the runtime itself does in the cgroup. */
const LATE = /^(memory\.(max|high|swap\.max|swap\.high|zswap\.max)|pids\.max)$/;

/**
 * `resources.unified`: files of cgroup v2 and their text, one write a line.
 * `controllers` are those of the v2 tree; undefined where there is none.
 *
 * @throws {RuntimeError} for a name with "/", or a controller that v2 lacks
 */
export function unifiedWrites(
  unified: Readonly<Record<string, string>>,
  controllers: readonly string[] | undefined,
): CgroupWrite[] {
  return Object.entries(unified).flatMap(([file, text]) => {
    const [controller = ""] = file.split(".");
    const quoted = `resources.unified ${JSON.stringify(file)}`;
    if (file.includes("/") || controller === file || NO_RESOURCE.test(file)) {
      throw new RuntimeError(`${quoted} is no resource file of cgroup v2`);
    }
    if (controllers === undefined) {
      throw new RuntimeError(`${quoted}: this host has no cgroup v2`);
    }
    if (controller !== "cgroup" && !controllers.includes(controller)) {
      throw new RuntimeError(
        `${quoted} needs the cgroup v2 controller "${controller}", ` +
          `which this host lacks`,
        { hint: "a v1 hierarchy may hold it: see /proc/cgroups" },
      );
    }
    return text.split("\n").flatMap((line) =>
      to(file, line.trim(), LATE.test(file) ? { late: true } : {})
    );
  });
}
