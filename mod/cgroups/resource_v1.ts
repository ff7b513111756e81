/**
 * `linux.resources` as files of cgroup v1; pure.
 *
 * @see https://docs.kernel.org/admin-guide/cgroup-v1/index.html
 * @module
 */

import { RuntimeError } from "../errors.ts";
import { toInt64, toUint64 } from "../spec/number.ts";
import type { Resources, ThrottleDevice } from "../spec/resources.ts";
import type { CgroupWrite, SubjectWrites } from "./resource.ts";

/** v1's limit of memory. */
export const MEMORY_V1 = "memory.limit_in_bytes";
/** v1's limit of memory and swap together. */
export const MEMSW_V1 = "memory.memsw.limit_in_bytes";

type Extra = Omit<CgroupWrite, "version" | "controller" | "file" | "value">;

/** A write to a v1 file, or none where there is no value. */
function to(
  file: string,
  value: string | undefined,
  extra: Extra = {},
): CgroupWrite[] {
  const [controller = ""] = file.split(".");
  return value === undefined || value === ""
    ? []
    : [{ version: 1, controller, file, value, ...extra }];
}

/** A signed number; 0 is "not set", as in engines that always fill it in. */
function signed(value: number | undefined): string | undefined {
  return value === undefined || value === 0 ? undefined : `${toInt64(value)}`;
}

/** An unsigned number; 0 is "not set". */
function unsigned(value: number | undefined): string | undefined {
  return value === undefined || value === 0 ? undefined : `${toUint64(value)}`;
}

function memory({ memory = {} }: Resources): SubjectWrites {
  const { limit, swap, reservation, swappiness } = memory;
  // No limit of memory lifts that of memory and swap too, as on v2.
  const lift = limit === -1 && (swap === undefined || swap === 0);
  const writes = [
    ...to("memory.soft_limit_in_bytes", signed(reservation)),
    ...to(
      "memory.swappiness",
      swappiness === undefined ? undefined : `${swappiness}`,
    ),
    ...to(
      "memory.oom_control",
      memory.disableOOMKiller === true ? "1" : undefined,
    ),
    ...to(MEMORY_V1, signed(limit), { late: true }),
    ...to(MEMSW_V1, lift ? "-1" : signed(swap), {
      late: true,
      ...(lift || swap === -1 ? { optional: true } : {}),
    }),
  ];
  const kernel = (memory.kernel ?? 0) > 0 || (memory.kernelTCP ?? 0) > 0;
  return {
    subject: "memory",
    controller: "memory",
    writes,
    ignored: kernel ? ["memory.kernel"] : [],
  };
}

function cpu({ cpu = {} }: Resources): SubjectWrites {
  const idle = cpu.idle === undefined ? undefined : `${cpu.idle}`;
  // The kernel refuses shares where the cgroup is idle.
  const shares = cpu.idle === 1 ? undefined : unsigned(cpu.shares);
  return {
    subject: "cpu",
    controller: "cpu",
    writes: [
      ...to("cpu.idle", idle),
      ...to("cpu.shares", shares),
      ...to("cpu.rt_period_us", unsigned(cpu.realtimePeriod), { again: true }),
      ...to("cpu.rt_runtime_us", signed(cpu.realtimeRuntime)),
      ...to("cpu.cfs_period_us", unsigned(cpu.period), { again: true }),
      ...to(
        "cpu.cfs_burst_us",
        cpu.burst === undefined ? undefined : `${toUint64(cpu.burst)}`,
        { again: true, ...(cpu.burst === 0 ? { optional: true } : {}) },
      ),
      ...to("cpu.cfs_quota_us", signed(cpu.quota)),
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
  const value = limit === undefined
    ? undefined
    : limit < 0
    ? "max"
    : `${toInt64(limit)}`;
  return {
    subject: "pids",
    controller: "pids",
    writes: to("pids.max", value, { late: true }),
  };
}

/** A weight, in a file of one of the two schedulers that have weights. */
function weight(file: string, value: string | undefined): CgroupWrite[] {
  if (value === undefined) return [];
  const bfq = file.replace("blkio.", "blkio.bfq.");
  return to(file, value, { otherwise: { file: bfq, value } });
}

function blockIO({ blockIO: io = {} }: Resources): SubjectWrites {
  const throttle = (
    file: string,
    devices: readonly ThrottleDevice[] | undefined,
  ) =>
    (devices ?? []).flatMap(({ major, minor, rate }) =>
      to(`blkio.throttle.${file}`, `${major}:${minor} ${toUint64(rate)}`)
    );
  const ofDevice = (io.weightDevice ?? []).flatMap((device) => {
    const name = `${device.major}:${device.minor}`;
    const value = (weight: number | undefined) =>
      weight === undefined || weight === 0 ? undefined : `${name} ${weight}`;
    return [
      ...weight("blkio.weight_device", value(device.weight)),
      ...to("blkio.leaf_weight_device", value(device.leafWeight)),
    ];
  });
  return {
    subject: "blockIO",
    controller: "blkio",
    writes: [
      ...weight("blkio.weight", unsigned(io.weight)),
      ...to("blkio.leaf_weight", unsigned(io.leafWeight)),
      ...ofDevice,
      ...throttle("read_bps_device", io.throttleReadBpsDevice),
      ...throttle("write_bps_device", io.throttleWriteBpsDevice),
      ...throttle("read_iops_device", io.throttleReadIOPSDevice),
      ...throttle("write_iops_device", io.throttleWriteIOPSDevice),
    ],
  };
}

function hugetlb({ hugepageLimits = [] }: Resources): SubjectWrites {
  return {
    subject: "hugepageLimits",
    controller: "hugetlb",
    writes: hugepageLimits.flatMap(({ pageSize, limit }) => {
      const value = `${toUint64(limit)}`;
      return [
        ...to(`hugetlb.${pageSize}.limit_in_bytes`, value),
        // What may be reserved; kernels have it since 5.7.
        ...to(`hugetlb.${pageSize}.rsvd.limit_in_bytes`, value, {
          optional: true,
        }),
      ];
    }),
  };
}

/** The values of `rdma.max`, the same for both versions. */
export function rdmaValues({ rdma = {} }: Resources): string[] {
  return Object.entries(rdma).flatMap(([device, limit]) => {
    if (/\s/.test(device)) {
      throw new RuntimeError(`resources.rdma: "${device}" is no device`);
    }
    const values = [
      limit.hcaHandles === undefined ? "" : `hca_handle=${limit.hcaHandles}`,
      limit.hcaObjects === undefined ? "" : `hca_object=${limit.hcaObjects}`,
    ].filter((part) => part !== "");
    return values.length === 0 ? [] : [`${device} ${values.join(" ")}`];
  });
}

function rdma(resources: Resources): SubjectWrites {
  return {
    subject: "rdma",
    controller: "rdma",
    writes: rdmaValues(resources).flatMap((value) => to("rdma.max", value)),
  };
}

function netClass({ network = {} }: Resources): SubjectWrites {
  return {
    subject: "network.classID",
    controller: "net_cls",
    writes: to("net_cls.classid", unsigned(network.classID)),
  };
}

function netPriority({ network = {} }: Resources): SubjectWrites {
  return {
    subject: "network.priorities",
    controller: "net_prio",
    writes: (network.priorities ?? []).flatMap(({ name, priority }) => {
      if (/\s/.test(name)) {
        throw new RuntimeError(
          `resources.network.priorities: "${name}" is no interface`,
        );
      }
      return to("net_prio.ifpriomap", `${name} ${priority}`);
    }),
  };
}

/** The subjects on cgroup v1, in the order in which they are written. */
export const SUBJECTS_V1: readonly ((resources: Resources) => SubjectWrites)[] =
  [
    cpuset,
    cpu,
    blockIO,
    hugetlb,
    rdma,
    netClass,
    netPriority,
    memory,
    pids,
  ];

/**
 * Orders v1's two memory limits: at every moment memory must stay at or below
 * memory and swap. `current` is the memory limit in force, in bytes.
 */
export function orderMemoryV1<T extends CgroupWrite>(
  writes: readonly T[],
  current: bigint,
): T[] {
  const memory = writes.findIndex((write) => write.file === MEMORY_V1);
  const swap = writes.findIndex((write) => write.file === MEMSW_V1);
  const ordered = [...writes];
  const [first, second] = [ordered[memory], ordered[swap]];
  if (first === undefined || second === undefined) return ordered;
  const swapFirst = second.value === "-1" || current < BigInt(second.value);
  if (swapFirst === (swap < memory)) return ordered;
  [ordered[memory], ordered[swap]] = [second, first];
  return ordered;
}
