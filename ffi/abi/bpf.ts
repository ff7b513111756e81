/**
 * linux/bpf.h: constants and the parts of `union bpf_attr` that we use. The
 * same on x86-64 and aarch64.
 *
 * @module
 */

import type { Layout } from "../struct.ts";

/** Commands, program types and flags of bpf(2). */
export const BPF = {
  BPF_PROG_LOAD: 5,
  BPF_PROG_ATTACH: 8,
  BPF_PROG_TYPE_CGROUP_DEVICE: 15,
  BPF_CGROUP_DEVICE: 6,
  BPF_F_ALLOW_MULTI: 2,
  BPF_DEVCG_ACC_MKNOD: 1,
  BPF_DEVCG_ACC_READ: 2,
  BPF_DEVCG_ACC_WRITE: 4,
  BPF_DEVCG_DEV_BLOCK: 1,
  BPF_DEVCG_DEV_CHAR: 2,
} as const;

/** `union bpf_attr` of BPF_PROG_LOAD, up to `prog_flags`. */
export const BPF_ATTR_LOAD = {
  c: "union bpf_attr",
  header: "linux/bpf.h",
  size: 48,
  fields: {
    prog_type: [0, "u32"],
    insn_cnt: [4, "u32"],
    insns: [8, "u64"],
    license: [16, "u64"],
    log_level: [24, "u32"],
    log_size: [28, "u32"],
    log_buf: [32, "u64"],
    kern_version: [40, "u32"],
    prog_flags: [44, "u32"],
  },
} as const satisfies Layout;

/** `union bpf_attr` of BPF_PROG_ATTACH, up to `attach_flags`. */
export const BPF_ATTR_ATTACH = {
  c: "union bpf_attr",
  header: "linux/bpf.h",
  size: 16,
  fields: {
    target_fd: [0, "u32"],
    attach_bpf_fd: [4, "u32"],
    attach_type: [8, "u32"],
    attach_flags: [12, "u32"],
  },
} as const satisfies Layout;
