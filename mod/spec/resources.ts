/**
 * `linux.resources` of config.json, which is also the document of `update`.
 *
 * @see https://github.com/opencontainers/runtime-spec/blob/v1.3.0/config-linux.md#control-groups
 * @module
 */
import * as z from "zod/mini";
import {
  flag,
  int64,
  integer,
  list,
  map,
  object,
  once,
  optional,
  part,
  text,
  textLike,
  textMap,
  uint32,
  uint64,
  word,
} from "./schema.ts";

/** Schema of {@link DeviceRule}. */
export const deviceRuleSchema = once(() =>
  object({
    allow: flag(),
    type: optional(word(["a", "c", "b", ""])),
    major: optional(int64()),
    minor: optional(int64()),
    access: optional(textLike(/^[rwm]*$/, 'letters of "rwm"')),
  })
);

/** May devices be used? Missing numbers, and -1, mean all of them. */
export type DeviceRule = z.infer<ReturnType<typeof deviceRuleSchema>>;

/** Schema of {@link Memory}. */
export const memorySchema = once(() => {
  const bytes = optional(int64());
  return object({
    limit: bytes,
    reservation: bytes,
    swap: bytes,
    kernel: bytes,
    kernelTCP: bytes,
    swappiness: optional(integer(0, 100)),
    disableOOMKiller: optional(flag()),
    useHierarchy: optional(flag()),
    checkBeforeUpdate: optional(flag()),
  });
});

/** Memory, in bytes; -1 is no limit; `swap` counts memory and swap. */
export type Memory = z.infer<ReturnType<typeof memorySchema>>;

/** Schema of {@link Cpu}. */
export const cpuSchema = once(() => {
  const numbers = optional(
    textLike(/^[0-9, \n-]*$/, 'a list such as "0-3,7"'),
  );
  return object({
    shares: optional(uint64()),
    quota: optional(int64()),
    burst: optional(uint64()),
    period: optional(uint64()),
    realtimeRuntime: optional(int64()),
    realtimePeriod: optional(uint64()),
    cpus: numbers,
    mems: numbers,
    idle: optional(int64()),
  });
});

/** CPU time; quota, burst, period and the realtime pair in microseconds. */
export type Cpu = z.infer<ReturnType<typeof cpuSchema>>;

/** Schema of {@link Pids}. */
export const pidsSchema = once(() => object({ limit: optional(int64()) }));

/** How many tasks; -1 is no limit, and 0 is a limit since 1.3. */
export type Pids = z.infer<ReturnType<typeof pidsSchema>>;

/** A weight of block I/O: 10 to 1000, or 0 for none. */
const weight = once(() =>
  z.custom<number>(
    (v) =>
      typeof v === "number" && Number.isInteger(v) &&
      (v === 0 || (v >= 10 && v <= 1000)),
    "0 or an integer from 10 to 1000",
  )
);

/** Schema of {@link WeightDevice}. */
export const weightDeviceSchema = once(() =>
  object({
    major: int64(),
    minor: int64(),
    weight: optional(weight()),
    leafWeight: optional(weight()),
  })
);

/** The weight of one block device. */
export type WeightDevice = z.infer<ReturnType<typeof weightDeviceSchema>>;

/** Schema of {@link ThrottleDevice}. */
export const throttleDeviceSchema = once(() =>
  object({ major: int64(), minor: int64(), rate: uint64() })
);

/** The limit of one block device: bytes or operations in a second. */
export type ThrottleDevice = z.infer<ReturnType<typeof throttleDeviceSchema>>;

/** Schema of {@link BlockIo}. */
export const blockIoSchema = once(() => {
  const throttle = optional(list(throttleDeviceSchema()));
  return object({
    weight: optional(weight()),
    leafWeight: optional(weight()),
    weightDevice: optional(list(weightDeviceSchema())),
    throttleReadBpsDevice: throttle,
    throttleWriteBpsDevice: throttle,
    throttleReadIOPSDevice: throttle,
    throttleWriteIOPSDevice: throttle,
  });
});

/** Block I/O: weights, and limits for each device. */
export type BlockIo = z.infer<ReturnType<typeof blockIoSchema>>;

/** Schema of {@link HugepageLimit}; the size becomes part of a file's name. */
export const hugepageLimitSchema = once(() =>
  object({
    pageSize: textLike(/^[1-9][0-9]*[KMG]B$/, 'a size such as "2MB"'),
    limit: uint64(),
  })
);

/** The limit, in bytes, of huge pages of one size. */
export type HugepageLimit = z.infer<ReturnType<typeof hugepageLimitSchema>>;

/** Schema of {@link InterfacePriority}. */
export const interfacePrioritySchema = once(() =>
  object({ name: text(), priority: uint32() })
);

/** The priority of one network interface's traffic (cgroup v1). */
export type InterfacePriority = z.infer<
  ReturnType<typeof interfacePrioritySchema>
>;

/** Schema of {@link Network}. */
export const networkSchema = once(() =>
  object({
    classID: optional(uint32()),
    priorities: optional(list(interfacePrioritySchema())),
  })
);

/** Network class and priorities (cgroup v1). */
export type Network = z.infer<ReturnType<typeof networkSchema>>;

/** Schema of {@link Rdma}. */
export const rdmaSchema = once(() =>
  object({ hcaHandles: optional(uint32()), hcaObjects: optional(uint32()) })
);

/** The limits of one RDMA device. */
export type Rdma = z.infer<ReturnType<typeof rdmaSchema>>;

/** Schema of {@link Resources}. */
export const resourcesSchema = once(() =>
  object({
    devices: part(() => list(deviceRuleSchema())),
    memory: part(memorySchema),
    cpu: part(cpuSchema),
    pids: part(pidsSchema),
    blockIO: part(blockIoSchema),
    hugepageLimits: part(() => list(hugepageLimitSchema())),
    network: part(networkSchema),
    rdma: part(() => map(rdmaSchema())),
    unified: optional(textMap()),
  })
);

/** What a cgroup limits; `unified` maps files of cgroup v2 to their text. */
export type Resources = z.infer<ReturnType<typeof resourcesSchema>>;
