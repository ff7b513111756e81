/**
 * `linux.seccomp` of config.json.
 *
 * @see https://github.com/opencontainers/runtime-spec/blob/v1.3.0/config-linux.md#seccomp
 * @module
 */
import * as z from "zod/mini";
import {
  integer,
  list,
  object,
  once,
  optional,
  part,
  text,
  texts,
  uint32,
  word,
} from "./schema.ts";

const ACTIONS = [
  "SCMP_ACT_KILL",
  "SCMP_ACT_KILL_PROCESS",
  "SCMP_ACT_KILL_THREAD",
  "SCMP_ACT_TRAP",
  "SCMP_ACT_ERRNO",
  "SCMP_ACT_TRACE",
  "SCMP_ACT_ALLOW",
  "SCMP_ACT_LOG",
  "SCMP_ACT_NOTIFY",
] as const;

/** What becomes of a system call. */
export type SeccompAction = typeof ACTIONS[number];

/**
 * A value to compare a system call's argument with. 2^63 may have been
 * 2^63 - 1 (see `number.ts`), and a filter must not guess.
 */
const seccompValue = once(() =>
  z.custom<number>(
    (v) =>
      typeof v === "number" && Number.isInteger(v) && v >= 0 &&
      v <= 2 ** 64 && v !== 2 ** 63,
    "an unsigned integer of 64 bits that a double holds exactly",
  )
);

/** Schema of {@link SeccompArg}. */
export const seccompArgSchema = once(() =>
  object({
    index: integer(0, 5),
    value: seccompValue(),
    valueTwo: optional(seccompValue()),
    op: word([
      "SCMP_CMP_NE",
      "SCMP_CMP_LT",
      "SCMP_CMP_LE",
      "SCMP_CMP_EQ",
      "SCMP_CMP_GE",
      "SCMP_CMP_GT",
      "SCMP_CMP_MASKED_EQ",
    ]),
  })
);

/** A condition on one argument; the values are for `toUint64()`. */
export type SeccompArg = z.infer<ReturnType<typeof seccompArgSchema>>;

/** Schema of {@link SeccompSyscall}. */
export const seccompSyscallSchema = once(() =>
  object({
    names: texts(),
    action: word(ACTIONS),
    errnoRet: optional(uint32()),
    args: part(() => list(seccompArgSchema())),
  })
);

/** What becomes of some system calls, where the conditions hold. */
export type SeccompSyscall = z.infer<ReturnType<typeof seccompSyscallSchema>>;

/** Schema of {@link Seccomp}; an empty default action means no filter. */
export const seccompSchema = once(() =>
  object({
    defaultAction: optional(word([...ACTIONS, ""])),
    defaultErrnoRet: optional(uint32()),
    architectures: optional(list(word([
      "SCMP_ARCH_X86",
      "SCMP_ARCH_X86_64",
      "SCMP_ARCH_X32",
      "SCMP_ARCH_ARM",
      "SCMP_ARCH_AARCH64",
      "SCMP_ARCH_LOONGARCH64",
      "SCMP_ARCH_M68K",
      "SCMP_ARCH_MIPS",
      "SCMP_ARCH_MIPS64",
      "SCMP_ARCH_MIPS64N32",
      "SCMP_ARCH_MIPSEL",
      "SCMP_ARCH_MIPSEL64",
      "SCMP_ARCH_MIPSEL64N32",
      "SCMP_ARCH_PARISC",
      "SCMP_ARCH_PARISC64",
      "SCMP_ARCH_PPC",
      "SCMP_ARCH_PPC64",
      "SCMP_ARCH_PPC64LE",
      "SCMP_ARCH_RISCV64",
      "SCMP_ARCH_S390",
      "SCMP_ARCH_S390X",
      "SCMP_ARCH_SH",
      "SCMP_ARCH_SHEB",
    ]))),
    flags: optional(list(word([
      "SECCOMP_FILTER_FLAG_TSYNC",
      "SECCOMP_FILTER_FLAG_LOG",
      "SECCOMP_FILTER_FLAG_SPEC_ALLOW",
      "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV",
    ]))),
    listenerPath: optional(text()),
    listenerMetadata: optional(text()),
    syscalls: optional(list(seccompSyscallSchema())),
  })
);

/**
 * The filter. Absent `flags` mean runc's default (SPEC_ALLOW), an empty list
 * means none.
 */
export type Seccomp = z.infer<ReturnType<typeof seccompSchema>>;
