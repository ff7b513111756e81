/**
 * The symbols of libseccomp that compile a filter. It loads none: what it
 * exports is loaded by the gofer. Only functions without variable arguments.
 *
 * @module
 */

import { lazyLibrary } from "./library.ts";
import type { Layout } from "./struct.ts";

/** The library's name, as the loader looks for it. */
export const LIBSECCOMP = "libseccomp.so.2";

/** libseccomp, opened on first use: most containers of tests need none. */
export const libseccomp = lazyLibrary(
  LIBSECCOMP,
  {
    // scmp_filter_ctx seccomp_init(uint32_t def_action)
    seccomp_init: { parameters: ["u32"], result: "pointer" },
    // void seccomp_release(scmp_filter_ctx)
    seccomp_release: { parameters: ["pointer"], result: "void" },
    // uint32_t seccomp_arch_native(void)
    seccomp_arch_native: { parameters: [], result: "u32" },
    // uint32_t seccomp_arch_resolve_name(const char *)
    seccomp_arch_resolve_name: { parameters: ["buffer"], result: "u32" },
    // int seccomp_arch_add(scmp_filter_ctx, uint32_t arch_token)
    seccomp_arch_add: { parameters: ["pointer", "u32"], result: "i32" },
    // int seccomp_syscall_resolve_name_arch(uint32_t arch, const char *)
    seccomp_syscall_resolve_name_arch: {
      parameters: ["u32", "buffer"],
      result: "i32",
    },
    // int seccomp_rule_add_array(scmp_filter_ctx, uint32_t action,
    //   int syscall, unsigned int arg_cnt, const struct scmp_arg_cmp *)
    seccomp_rule_add_array: {
      parameters: ["pointer", "u32", "i32", "u32", "buffer"],
      result: "i32",
    },
    // int seccomp_export_bpf(scmp_filter_ctx, int fd)
    seccomp_export_bpf: { parameters: ["pointer", "i32"], result: "i32" },
  },
);

/** Operators and values of seccomp.h. */
export const SCMP = {
  SCMP_CMP_NE: 1,
  SCMP_CMP_LT: 2,
  SCMP_CMP_LE: 3,
  SCMP_CMP_EQ: 4,
  SCMP_CMP_GE: 5,
  SCMP_CMP_GT: 6,
  SCMP_CMP_MASKED_EQ: 7,
  /** What a name that the library does not know is resolved to. */
  __NR_SCMP_ERROR: -1,
} as const;

/** seccomp_rule_add_array(3): a condition on an argument. */
export const SCMP_ARG_CMP = {
  c: "struct scmp_arg_cmp",
  header: "seccomp.h",
  size: 24,
  fields: {
    arg: [0, "u32"],
    op: [4, "u32"],
    datum_a: [8, "u64"],
    datum_b: [16, "u64"],
  },
} as const satisfies Layout;
