/**
 * `process` of config.json, and the whole document of `exec --process`.
 *
 * @see https://github.com/opencontainers/runtime-spec/blob/v1.3.0/config.md#process
 * @module
 */
import * as z from "zod/mini";
import {
  flag,
  int32,
  integer,
  list,
  object,
  once,
  optional,
  part,
  text,
  textLike,
  texts,
  uint32,
  uint64,
  word,
} from "./schema.ts";

/** Schema of {@link User}; a missing uid or gid is 0, as with runc. */
export const userSchema = once(() =>
  object({
    uid: z._default(uint32(), 0),
    gid: z._default(uint32(), 0),
    umask: optional(uint32()),
    additionalGids: part(() => list(uint32())),
    username: optional(text()),
  })
);

/** Who the program runs as, in ids of the container. */
export type User = z.infer<ReturnType<typeof userSchema>>;

/** Schema of {@link Rlimit}. */
export const rlimitSchema = once(() =>
  object({
    type: word([
      "RLIMIT_AS",
      "RLIMIT_CORE",
      "RLIMIT_CPU",
      "RLIMIT_DATA",
      "RLIMIT_FSIZE",
      "RLIMIT_LOCKS",
      "RLIMIT_MEMLOCK",
      "RLIMIT_MSGQUEUE",
      "RLIMIT_NICE",
      "RLIMIT_NOFILE",
      "RLIMIT_NPROC",
      "RLIMIT_RSS",
      "RLIMIT_RTPRIO",
      "RLIMIT_RTTIME",
      "RLIMIT_SIGPENDING",
      "RLIMIT_STACK",
    ]),
    soft: uint64(),
    hard: uint64(),
  })
);

/** One resource limit; RLIM_INFINITY is 2^64 - 1, see `toUint64()`. */
export type Rlimit = z.infer<ReturnType<typeof rlimitSchema>>;

/** The name of a resource limit. */
export type RlimitType = Rlimit["type"];

/** Schema of {@link Capabilities}; unknown names are a warning, not an error. */
export const capabilitiesSchema = once(() => {
  const names = optional(texts());
  return object({
    bounding: names,
    effective: names,
    inheritable: names,
    permitted: names,
    ambient: names,
  });
});

/** The five capability sets, by name. */
export type Capabilities = z.infer<ReturnType<typeof capabilitiesSchema>>;

/** Schema of {@link ConsoleSize}. */
export const consoleSizeSchema = once(() => {
  const cells = integer(0, 65535);
  return object({ height: cells, width: cells });
});

/** Size of the terminal, in character cells. */
export type ConsoleSize = z.infer<ReturnType<typeof consoleSizeSchema>>;

/** Schema of {@link Scheduler}. */
export const schedulerSchema = once(() =>
  object({
    policy: word([
      "SCHED_OTHER",
      "SCHED_FIFO",
      "SCHED_RR",
      "SCHED_BATCH",
      "SCHED_ISO",
      "SCHED_IDLE",
      "SCHED_DEADLINE",
    ]),
    nice: optional(int32()),
    priority: optional(int32()),
    flags: optional(list(word([
      "SCHED_FLAG_RESET_ON_FORK",
      "SCHED_FLAG_RECLAIM",
      "SCHED_FLAG_DL_OVERRUN",
      "SCHED_FLAG_KEEP_POLICY",
      "SCHED_FLAG_KEEP_PARAMS",
      "SCHED_FLAG_UTIL_CLAMP_MIN",
      "SCHED_FLAG_UTIL_CLAMP_MAX",
    ]))),
    runtime: optional(uint64()),
    deadline: optional(uint64()),
    period: optional(uint64()),
  })
);

/** sched_setattr(2); `runtime`, `deadline` and `period` in nanoseconds. */
export type Scheduler = z.infer<ReturnType<typeof schedulerSchema>>;

/** Schema of {@link IoPriority}. */
export const ioPrioritySchema = once(() =>
  object({
    class: word(["IOPRIO_CLASS_RT", "IOPRIO_CLASS_BE", "IOPRIO_CLASS_IDLE"]),
    priority: z._default(integer(0, 7), 0),
  })
);

/** ioprio_set(2). */
export type IoPriority = z.infer<ReturnType<typeof ioPrioritySchema>>;

/** Schema of {@link ExecCpuAffinity}. */
export const execCpuAffinitySchema = once(() => {
  const cpus = optional(
    textLike(/^[0-9, -]*$/, 'a list of CPUs such as "0-3,7"'),
  );
  return object({ initial: cpus, final: cpus });
});

/** CPUs of a program run by `exec`: before and after it enters the cgroup. */
export type ExecCpuAffinity = z.infer<ReturnType<typeof execCpuAffinitySchema>>;

/** Schema of {@link Process}. */
export const processSchema = once(() =>
  object({
    terminal: optional(flag()),
    consoleSize: part(consoleSizeSchema),
    user: z._default(z.lazy(userSchema), { uid: 0, gid: 0 }),
    args: optional(texts()),
    commandLine: optional(text()),
    env: optional(texts()),
    cwd: text(),
    capabilities: part(capabilitiesSchema),
    rlimits: part(() => list(rlimitSchema())),
    noNewPrivileges: optional(flag()),
    apparmorProfile: optional(text()),
    oomScoreAdj: optional(integer(-1000, 1000)),
    scheduler: part(schedulerSchema),
    selinuxLabel: optional(text()),
    ioPriority: part(ioPrioritySchema),
    execCPUAffinity: part(execCpuAffinitySchema),
  })
);

/** The program, and all that is said of its process. */
export type Process = z.infer<ReturnType<typeof processSchema>>;
