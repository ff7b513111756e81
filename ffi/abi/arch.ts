/**
 * The two architectures, and what differs between them.
 *
 * @module
 */

import { SYSCALL_AARCH64 } from "./syscall_aarch64.ts";
import { SYSCALL_X86_64 } from "./syscall_x86_64.ts";
import type { SyscallName } from "./syscall_x86_64.ts";

/** An architecture, as the kernel and Deno spell it. */
export type Arch = "x86_64" | "aarch64";

/** The architecture that this executable was built for. */
export const ARCH: Arch = Deno.build.arch;

/** System call numbers by architecture. */
export const SYSCALL: Readonly<
  Record<Arch, Readonly<Record<SyscallName, number>>>
> = { x86_64: SYSCALL_X86_64, aarch64: SYSCALL_AARCH64 };

/** `e_machine` of an ELF file: <elf.h>. */
export const ELF_MACHINE: Readonly<Record<Arch, number>> = {
  x86_64: 62,
  aarch64: 183,
};
