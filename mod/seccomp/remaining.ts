/**
 * When a filter is loaded, and what the gofer still has to do under it. Pure.
 *
 * A filter is loaded with CAP_SYS_ADMIN, or under no_new_privs. It also holds
 * for all that the gofer does afterwards, so late is best; but the gofer gives
 * CAP_SYS_ADMIN away when it executes itself anew. Therefore:
 *
 * - with no_new_privs: as the last thing, when only the wait for `start` and
 *   the program's execve are left;
 * - without it, which is docker's and podman's way: just before the re-exec, if
 *   the filter lets pass all that follows, and both engines' own profiles do.
 *   The second half of the gofer's life then has no CAP_SYS_ADMIN;
 * - without it and where the filter does not: as the last thing, with a
 *   CAP_SYS_ADMIN that is kept permitted, not effective, until then.
 *
 * Which it is, is found by running the filter here against our own calls
 * (`interpret.ts`). One that refuses even the last ones is an error, which
 * names the call. A listener's answer counts as a refusal: while the gofer is
 * driven there may be nobody who answers.
 *
 * @module
 */

import type { Arch } from "../../ffi/abi/arch.ts";
import { SYSCALL } from "../../ffi/abi/arch.ts";
import { PRCTL } from "../../ffi/abi/prctl.ts";
import { SCHED } from "../../ffi/abi/sched.ts";
import { AUDIT_ARCH, SECCOMP } from "../../ffi/abi/seccomp.ts";
import { SIGNAL } from "../../ffi/abi/signal.ts";
import type { SyscallName } from "../../ffi/abi/syscall_x86_64.ts";
import { outcomes } from "./interpret.ts";
import { disassemble } from "./program.ts";

/** A system call that is still to come. */
export interface RemainingCall {
  readonly syscall: SyscallName;
  /** Arguments as far as they are known. */
  readonly args?: readonly number[];
  /** An errno does no harm. */
  readonly tolerant?: boolean;
}

/** What the gofer does under a filter, by what is asked of it. */
export interface Remaining {
  /** CAP_SYS_ADMIN is still to be given away. */
  readonly capset: boolean;
  /** There are startContainer hooks. */
  readonly hooks: boolean;
}

/** Calls behind a filter that is loaded last. */
export function lastCalls({ capset, hooks }: Remaining): RemainingCall[] {
  return [
    ...capset ? [{ syscall: "capset" } as const] : [],
    // Commands are read, answers written; then the byte of `start`.
    { syscall: "read" },
    { syscall: "write" },
    // Where the gofer's own first entries do nothing.
    { syscall: "getpid", tolerant: true },
    { syscall: "close" },
    ...hooks ? HOOK_CALLS : [],
    { syscall: "execve" },
    { syscall: "exit_group" },
  ];
}

/** Calls that run a startContainer hook. */
const HOOK_CALLS: readonly RemainingCall[] = [
  {
    syscall: "clone",
    args: [SCHED.CLONE_VM | SCHED.CLONE_VFORK | SIGNAL.SIGCHLD, 0, 0, 0, 0],
  },
  { syscall: "dup3" },
  { syscall: "close_range" },
  { syscall: "wait4" },
  { syscall: "writev" },
];

/** Options of prctl from the re-exec on. */
const OPTIONS: readonly (keyof typeof PRCTL)[] = [
  "PR_CAPBSET_DROP",
  "PR_CAP_AMBIENT",
  "PR_GET_DUMPABLE",
  "PR_SET_DUMPABLE",
  "PR_SET_KEEPCAPS",
  "PR_SET_PDEATHSIG",
];

/** Calls behind a filter that is loaded before the re-exec. */
export function laterCalls(
  hooks: boolean,
  more: readonly RemainingCall[] = [],
): RemainingCall[] {
  return [
    ...more,
    ...OPTIONS.map((option) => ({
      syscall: "prctl",
      args: [PRCTL[option]],
    } as const)),
    { syscall: "setresgid" },
    { syscall: "execveat" },
    // Credentials.
    { syscall: "umask" },
    { syscall: "setgroups" },
    { syscall: "setresuid" },
    // The working directory, the executable, /etc/passwd.
    { syscall: "chdir" },
    { syscall: "getcwd" },
    { syscall: "statx" },
    { syscall: "faccessat2" },
    { syscall: "openat" },
    // Descriptors, and the documents of startContainer hooks.
    { syscall: "fcntl" },
    { syscall: "close_range" },
    { syscall: "memfd_create" },
    { syscall: "lseek" },
    ...lastCalls({ capset: true, hooks }),
  ];
}

/** Does a return value let a call of ours be? */
function passes(value: number, tolerant: boolean): boolean {
  const action = (value & SECCOMP.SECCOMP_RET_ACTION_FULL) >>> 0;
  return action === SECCOMP.SECCOMP_RET_ALLOW ||
    action === SECCOMP.SECCOMP_RET_LOG ||
    tolerant && action === SECCOMP.SECCOMP_RET_ERRNO;
}

/** The first of the calls that a filter may refuse; undefined: none. */
export function refusedCall(
  program: Uint8Array,
  calls: readonly RemainingCall[],
  arch: Arch,
): SyscallName | undefined {
  const instructions = disassemble(program);
  return calls.find(({ syscall, args = [], tolerant = false }) => {
    const call = {
      arch: AUDIT_ARCH[arch],
      number: SYSCALL[arch][syscall],
      args: args.map(BigInt),
    };
    return !outcomes(instructions, call).every((v) => passes(v, tolerant));
  })?.syscall;
}
