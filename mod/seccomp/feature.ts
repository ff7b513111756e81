/**
 * What `features` tells of seccomp.
 *
 * Runs in: launcher.
 *
 * @module
 */

import { SECCOMP } from "../../ffi/abi/seccomp.ts";
import { perform } from "../../ffi/call.ts";
import { local } from "../../ffi/local.ts";
import { seccompProbeFlags } from "../../ffi/seccomp.ts";
import type { SeccompFeatures } from "../spec/features.ts";
import type { Seccomp } from "../spec/seccomp.ts";
import { ACTION_WORDS, FLAG_WORDS, OPERATOR_WORDS } from "./compile.ts";
import { knownArchitectures } from "./filter.ts";

type Architecture = NonNullable<Seccomp["architectures"]>[number];

/** The architectures of the spec. */
const ARCHITECTURES: Readonly<Record<Architecture, null>> = {
  SCMP_ARCH_AARCH64: null,
  SCMP_ARCH_ARM: null,
  SCMP_ARCH_LOONGARCH64: null,
  SCMP_ARCH_M68K: null,
  SCMP_ARCH_MIPS: null,
  SCMP_ARCH_MIPS64: null,
  SCMP_ARCH_MIPS64N32: null,
  SCMP_ARCH_MIPSEL: null,
  SCMP_ARCH_MIPSEL64: null,
  SCMP_ARCH_MIPSEL64N32: null,
  SCMP_ARCH_PARISC: null,
  SCMP_ARCH_PARISC64: null,
  SCMP_ARCH_PPC: null,
  SCMP_ARCH_PPC64: null,
  SCMP_ARCH_PPC64LE: null,
  SCMP_ARCH_RISCV64: null,
  SCMP_ARCH_S390: null,
  SCMP_ARCH_S390X: null,
  SCMP_ARCH_SH: null,
  SCMP_ARCH_SHEB: null,
  SCMP_ARCH_X32: null,
  SCMP_ARCH_X86: null,
  SCMP_ARCH_X86_64: null,
};

/** The flags that seccomp(2) may not know, and what it must come with. */
const PROBES: Readonly<Record<string, number>> = {
  SECCOMP_FILTER_FLAG_TSYNC: SECCOMP.SECCOMP_FILTER_FLAG_TSYNC,
  SECCOMP_FILTER_FLAG_LOG: SECCOMP.SECCOMP_FILTER_FLAG_LOG,
  SECCOMP_FILTER_FLAG_SPEC_ALLOW: SECCOMP.SECCOMP_FILTER_FLAG_SPEC_ALLOW,
  SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV:
    SECCOMP.SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV |
    SECCOMP.SECCOMP_FILTER_FLAG_NEW_LISTENER,
};

const EFAULT = -14;

/** Seccomp, as `features` tells it; off without libseccomp. */
export function seccompFeatures(): SeccompFeatures {
  const archs = knownArchitectures(Object.keys(ARCHITECTURES));
  if (archs === undefined) return { enabled: false };
  return {
    enabled: true,
    actions: ACTION_WORDS,
    operators: OPERATOR_WORDS,
    archs,
    knownFlags: FLAG_WORDS,
    supportedFlags: FLAG_WORDS.filter((word) =>
      perform(local, seccompProbeFlags(PROBES[word] ?? 0)) === EFAULT
    ),
  };
}
