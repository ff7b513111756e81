/**
 * `linux` of config.json.
 *
 * @see https://github.com/opencontainers/runtime-spec/blob/v1.3.0/config-linux.md
 * @module
 */
import * as z from "zod/mini";
import { idMappingSchema } from "./mount.ts";
import { resourcesSchema } from "./resources.ts";
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
  texts,
  uint32,
  word,
} from "./schema.ts";
import { seccompSchema } from "./seccomp.ts";

/** Schema of {@link Namespace}. */
export const namespaceSchema = once(() =>
  object({
    type: word([
      "cgroup",
      "ipc",
      "mount",
      "network",
      "pid",
      "time",
      "user",
      "uts",
    ]),
    path: optional(text()),
  })
);

/** A namespace: made new, or joined where it has a path. */
export type Namespace = z.infer<ReturnType<typeof namespaceSchema>>;

/** The eight kinds of namespace, in the spec's words. */
export type NamespaceType = Namespace["type"];

/** Schema of {@link Device}. */
export const deviceSchema = once(() =>
  object({
    type: word(["c", "u", "b", "p"]),
    path: text(),
    major: optional(int64()),
    minor: optional(int64()),
    fileMode: optional(uint32()),
    uid: optional(uint32()),
    gid: optional(uint32()),
  })
);

/** A device node to make; `u` is another name of `c`, `p` is a fifo. */
export type Device = z.infer<ReturnType<typeof deviceSchema>>;

/** Schema of {@link NetDevice}. */
export const netDeviceSchema = once(() => object({ name: optional(text()) }));

/** A network interface to move into the container, and its name there. */
export type NetDevice = z.infer<ReturnType<typeof netDeviceSchema>>;

/** Schema of {@link IntelRdt}. */
export const intelRdtSchema = once(() =>
  object({
    closID: optional(text()),
    schemata: optional(texts()),
    l3CacheSchema: optional(text()),
    memBwSchema: optional(text()),
    enableMonitoring: optional(flag()),
  })
);

/** Intel Resource Director Technology: class, schemata, monitoring group. */
export type IntelRdt = z.infer<ReturnType<typeof intelRdtSchema>>;

/** Schema of {@link MemoryPolicy}. */
export const memoryPolicySchema = once(() =>
  object({
    mode: word([
      "MPOL_DEFAULT",
      "MPOL_BIND",
      "MPOL_INTERLEAVE",
      "MPOL_WEIGHTED_INTERLEAVE",
      "MPOL_PREFERRED",
      "MPOL_PREFERRED_MANY",
      "MPOL_LOCAL",
    ]),
    nodes: optional(
      textLike(/^[0-9, -]*$/, 'a list of nodes such as "0-3,7"'),
    ),
    flags: optional(list(word([
      "MPOL_F_NUMA_BALANCING",
      "MPOL_F_RELATIVE_NODES",
      "MPOL_F_STATIC_NODES",
    ]))),
  })
);

/** set_mempolicy(2). */
export type MemoryPolicy = z.infer<ReturnType<typeof memoryPolicySchema>>;

/** Schema of {@link Personality}. */
export const personalitySchema = once(() =>
  object({ domain: word(["LINUX", "LINUX32"]), flags: optional(texts()) })
);

/** personality(2). */
export type Personality = z.infer<ReturnType<typeof personalitySchema>>;

/** Schema of {@link TimeOffset}. */
export const timeOffsetSchema = once(() =>
  object({
    secs: optional(int64()),
    nanosecs: optional(integer(0, 999_999_999)),
  })
);

/** How far a clock is set forward, or back. */
export type TimeOffset = z.infer<ReturnType<typeof timeOffsetSchema>>;

/** Schema of {@link TimeOffsets}. */
export const timeOffsetsSchema = once(() => {
  const offset = optional(timeOffsetSchema());
  return object({ monotonic: offset, boottime: offset });
});

/** The clocks of a time namespace. */
export type TimeOffsets = z.infer<ReturnType<typeof timeOffsetsSchema>>;

/** Schema of {@link Linux}. */
export const linuxSchema = once(() =>
  object({
    namespaces: part(() => list(namespaceSchema())),
    uidMappings: part(() => list(idMappingSchema())),
    gidMappings: part(() => list(idMappingSchema())),
    timeOffsets: part(timeOffsetsSchema),
    devices: part(() => list(deviceSchema())),
    netDevices: part(() => map(netDeviceSchema())),
    cgroupsPath: optional(text()),
    resources: part(resourcesSchema),
    rootfsPropagation: optional(z.lazy(propagationSchema)),
    seccomp: part(seccompSchema),
    sysctl: optional(textMap()),
    maskedPaths: optional(texts()),
    readonlyPaths: optional(texts()),
    mountLabel: optional(text()),
    intelRdt: part(intelRdtSchema),
    memoryPolicy: part(memoryPolicySchema),
    personality: part(personalitySchema),
  })
);

const propagationSchema = once(() =>
  word([
    "shared",
    "slave",
    "private",
    "unbindable",
    "rshared",
    "rslave",
    "rprivate",
    "runbindable",
    "",
  ])
);

/** What only Linux has. */
export type Linux = z.infer<ReturnType<typeof linuxSchema>>;

/** The propagation of the root's mount. */
export type RootfsPropagation = z.infer<ReturnType<typeof propagationSchema>>;
