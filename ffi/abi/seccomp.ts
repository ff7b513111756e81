/**
 * linux/seccomp.h, linux/filter.h and linux/audit.h: what filters of system
 * calls are made of. The same on x86-64 and aarch64. Compared with a C compiler
 * by tests/ffi/seccomp_abi_test.ts.
 *
 * @module
 */

import type { Layout } from "../struct.ts";
import type { Arch } from "./arch.ts";

/** Operations and flags of seccomp(2), and what a filter may return. */
export const SECCOMP = {
  SECCOMP_SET_MODE_FILTER: 1,
  SECCOMP_FILTER_FLAG_TSYNC: 1,
  SECCOMP_FILTER_FLAG_LOG: 2,
  SECCOMP_FILTER_FLAG_SPEC_ALLOW: 4,
  SECCOMP_FILTER_FLAG_NEW_LISTENER: 8,
  SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV: 0x20,
  SECCOMP_RET_KILL_PROCESS: 0x80000000,
  SECCOMP_RET_KILL_THREAD: 0,
  SECCOMP_RET_TRAP: 0x30000,
  SECCOMP_RET_ERRNO: 0x50000,
  SECCOMP_RET_USER_NOTIF: 0x7fc00000,
  SECCOMP_RET_TRACE: 0x7ff00000,
  SECCOMP_RET_LOG: 0x7ffc0000,
  SECCOMP_RET_ALLOW: 0x7fff0000,
  SECCOMP_RET_ACTION_FULL: 0xffff0000,
  SECCOMP_RET_DATA: 0xffff,
} as const;

/** Parts of the operation code of a classic BPF instruction. */
export const CBPF = {
  BPF_LD: 0,
  BPF_LDX: 1,
  BPF_ST: 2,
  BPF_STX: 3,
  BPF_ALU: 4,
  BPF_JMP: 5,
  BPF_RET: 6,
  BPF_MISC: 7,
  BPF_W: 0,
  BPF_IMM: 0,
  BPF_ABS: 0x20,
  BPF_MEM: 0x60,
  BPF_LEN: 0x80,
  BPF_ADD: 0,
  BPF_SUB: 0x10,
  BPF_MUL: 0x20,
  BPF_DIV: 0x30,
  BPF_OR: 0x40,
  BPF_AND: 0x50,
  BPF_LSH: 0x60,
  BPF_RSH: 0x70,
  BPF_NEG: 0x80,
  BPF_XOR: 0xa0,
  BPF_JA: 0,
  BPF_JEQ: 0x10,
  BPF_JGT: 0x20,
  BPF_JGE: 0x30,
  BPF_JSET: 0x40,
  BPF_K: 0,
  BPF_X: 8,
  BPF_A: 0x10,
  BPF_TAX: 0,
  BPF_TXA: 0x80,
  BPF_MAXINSNS: 4096,
  BPF_MEMWORDS: 16,
} as const;

/** How the kernel names the architecture of a system call. */
export const AUDIT_ARCH: Readonly<Record<Arch, number>> = {
  x86_64: 0xc000003e,
  aarch64: 0xc00000b7,
};

/** The bit in the number of a system call that says x32, on x86-64. */
export const X32_SYSCALL_BIT = 0x40000000;

/** seccomp(2): a program. */
export const SOCK_FPROG = {
  c: "struct sock_fprog",
  header: "linux/filter.h",
  size: 16,
  fields: { len: [0, "u16"], filter: [8, "u64"] },
} as const satisfies Layout;

/** One instruction of a program. */
export const SOCK_FILTER = {
  c: "struct sock_filter",
  header: "linux/filter.h",
  size: 8,
  fields: { code: [0, "u16"], jt: [2, "u8"], jf: [3, "u8"], k: [4, "u32"] },
} as const satisfies Layout;

/** What a filter looks at; six arguments of eight bytes follow `args`. */
export const SECCOMP_DATA = {
  c: "struct seccomp_data",
  header: "linux/seccomp.h",
  size: 64,
  fields: {
    nr: [0, "i32"],
    arch: [4, "u32"],
    instruction_pointer: [8, "u64"],
    args: [16, "u64"],
  },
} as const satisfies Layout;
