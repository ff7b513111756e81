/**
 * seccomp(2), as data.
 *
 * @module
 */

import { SECCOMP, SOCK_FILTER, SOCK_FPROG } from "./abi/seccomp.ts";
import type { Arg, Call } from "./call.ts";
import type { Fd } from "./file.ts";
import { pack } from "./struct.ts";

/**
 * SECCOMP_SET_MODE_FILTER: the caller's system calls go through the program
 * from here on. The result is 0, or a listener's descriptor, close-on-exec.
 *
 * Fails with EACCES without CAP_SYS_ADMIN and no_new_privs.
 */
export function seccompSetFilter(program: Uint8Array, flags: number): Call {
  const bytes = pack(SOCK_FPROG, { len: program.length / SOCK_FILTER.size });
  const pointers = new Map<number, Arg>([
    [SOCK_FPROG.fields.filter[0], program],
  ]);
  return {
    syscall: "seccomp",
    args: [SECCOMP.SECCOMP_SET_MODE_FILTER, flags, { bytes, pointers }],
    object: "SECCOMP_SET_MODE_FILTER",
  };
}

/**
 * The same without a program: it fails with EFAULT where this kernel knows the
 * flags, and with EINVAL where it does not.
 */
export function seccompProbeFlags(flags: number): Call {
  return {
    syscall: "seccomp",
    args: [SECCOMP.SECCOMP_SET_MODE_FILTER, flags, null],
    object: "SECCOMP_SET_MODE_FILTER",
    tolerant: true,
  };
}

/** pidfd_getfd(2): a copy of another process' descriptor, close-on-exec. */
export function pidfdGetfd(pidfd: Fd, fd: number): Call {
  return {
    syscall: "pidfd_getfd",
    args: [pidfd, fd, 0],
    object: `descriptor ${fd}`,
  };
}
