/**
 * Constants of <linux/sched.h> about scheduling, and the struct that
 * sched_setattr(2) takes. Compared with a C compiler by tests/ffi/abi_test.ts.
 *
 * @module
 */

import type { Layout } from "../struct.ts";

/** Policies. */
export const POLICY = {
  SCHED_NORMAL: 0,
  SCHED_FIFO: 1,
  SCHED_RR: 2,
  SCHED_BATCH: 3,
  SCHED_IDLE: 5,
  SCHED_DEADLINE: 6,
} as const;

/** Flags of sched_setattr(2). */
export const SCHED_FLAG = {
  SCHED_FLAG_RESET_ON_FORK: 0x1,
  SCHED_FLAG_RECLAIM: 0x2,
  SCHED_FLAG_DL_OVERRUN: 0x4,
  SCHED_FLAG_KEEP_POLICY: 0x8,
  SCHED_FLAG_KEEP_PARAMS: 0x10,
  SCHED_FLAG_UTIL_CLAMP_MIN: 0x20,
  SCHED_FLAG_UTIL_CLAMP_MAX: 0x40,
} as const;

/** sched_setattr(2): what to set. */
export const SCHED_ATTR = {
  c: "struct sched_attr",
  header: "linux/sched/types.h",
  size: 56,
  fields: {
    size: [0, "u32"],
    sched_policy: [4, "u32"],
    sched_flags: [8, "u64"],
    sched_nice: [16, "i32"],
    sched_priority: [20, "u32"],
    sched_runtime: [24, "u64"],
    sched_deadline: [32, "u64"],
    sched_period: [40, "u64"],
    sched_util_min: [48, "u32"],
    sched_util_max: [52, "u32"],
  },
} as const satisfies Layout;
