/**
 * System calls of processes, namespaces and credentials, as data.
 *
 * @module
 */

import { PRCTL } from "./abi/prctl.ts";
import { CAPABILITY_VERSION } from "./abi/capability.ts";
import { CAP_DATA, CAP_HEADER, CLONE_ARGS, RLIMIT64 } from "./abi/layout.ts";
import { FCNTL } from "./abi/fcntl.ts";
import { SIGNAL } from "./abi/signal.ts";
import { SCHED } from "./abi/sched.ts";
import type { Arg, Call, Memory, Program } from "./call.ts";
import type { Fd } from "./file.ts";
import { pack } from "./struct.ts";

/**
 * clone(2) without a stack of its own, so that the child goes on where the
 * parent is, at `child`. `pidfd` is an output of four bytes, with CLONE_PIDFD.
 */
export function clone(flags: number, child: Program, pidfd = false): Call {
  return {
    syscall: "clone",
    args: [flags | SIGNAL.SIGCHLD, 0, pidfd ? { output: 8 } : 0, 0, 0],
    object: "",
    onZero: child,
  };
}

/**
 * clone3(2) into the cgroup of the v2 directory open as `cgroup`; else as
 * {@link clone}. With CLONE_PARENT the signal of its end is the caller's.
 */
export function cloneInto(cgroup: Fd, flags: number, child: Program): Call {
  const CLONE_INTO_CGROUP = 0x200000000;
  const inherits = (flags & SCHED.CLONE_PARENT) !== 0;
  const args: Memory = {
    bytes: pack(CLONE_ARGS, {
      flags: CLONE_INTO_CGROUP + flags,
      exit_signal: inherits ? 0 : SIGNAL.SIGCHLD,
    }),
    pointers: new Map([[CLONE_ARGS.fields.cgroup[0], cgroup]]),
  };
  return {
    syscall: "clone3",
    args: [args, CLONE_ARGS.size],
    object: "cgroup",
    onZero: child,
  };
}

/** execve(2). */
export function execve(
  path: string,
  argv: readonly string[],
  envp: readonly string[],
): Call {
  return {
    syscall: "execve",
    args: [path, argv, envp],
    object: JSON.stringify(path),
  };
}

/** execveat(2) of the descriptor itself. */
export function execveat(
  fd: Fd,
  argv: readonly string[],
  envp: readonly string[],
): Call {
  return {
    syscall: "execveat",
    args: [fd, "", argv, envp, FCNTL.AT_EMPTY_PATH],
    object: JSON.stringify(argv[0] ?? ""),
  };
}

/** exit_group(2). */
export function exitGroup(status: number): Call {
  return { syscall: "exit_group", args: [status], object: "" };
}

/** wait4(2); the output is the wait status, an i32. `pid` -1: any child. */
export function wait4(pid: number | Call, options: number): Call {
  return {
    syscall: "wait4",
    args: [pid, { output: 4 }, options, 0],
    object: "",
  };
}

/** kill(2). */
export function kill(pid: number, signal: number): Call {
  return { syscall: "kill", args: [pid, signal], object: `process ${pid}` };
}

/** getpid(2). */
export function getpid(): Call {
  return { syscall: "getpid", args: [], object: "" };
}

/** getppid(2). */
export function getppid(): Call {
  return { syscall: "getppid", args: [], object: "" };
}

/** setsid(2). */
export function setsid(): Call {
  return { syscall: "setsid", args: [], object: "" };
}

/** pidfd_open(2). */
export function pidfdOpen(pid: number): Call {
  return { syscall: "pidfd_open", args: [pid, 0], object: `process ${pid}` };
}

/** pidfd_send_signal(2). */
export function pidfdSendSignal(pidfd: Fd, signal: number): Call {
  return {
    syscall: "pidfd_send_signal",
    args: [pidfd, signal, null, 0],
    object: `signal ${signal}`,
  };
}

/** prctl(2). */
export function prctl(option: keyof typeof PRCTL, ...args: Arg[]): Call {
  return { syscall: "prctl", args: [PRCTL[option], ...args], object: option };
}

/** unshare(2). */
export function unshare(flags: number, object: string): Call {
  return { syscall: "unshare", args: [flags], object };
}

/** setns(2); `type` is the CLONE_NEW* flag that the descriptor must be of. */
export function setns(fd: Fd, type: number, object: string): Call {
  return { syscall: "setns", args: [fd, type], object: JSON.stringify(object) };
}

/** setresuid(2). */
export function setresuid(ruid: number, euid: number, suid: number): Call {
  return { syscall: "setresuid", args: [ruid, euid, suid], object: `${euid}` };
}

/** setresgid(2). */
export function setresgid(rgid: number, egid: number, sgid: number): Call {
  return { syscall: "setresgid", args: [rgid, egid, sgid], object: `${egid}` };
}

/** setgroups(2). */
export function setgroups(gids: readonly number[]): Call {
  const list = new Uint8Array(Uint32Array.from(gids).buffer);
  return {
    syscall: "setgroups",
    args: [gids.length, list],
    object: gids.join(","),
  };
}

/** The three capability sets of capset(2), as bit masks. */
export interface CapabilitySets {
  /** What the process may use now. */
  readonly effective: bigint;
  /** What it may make effective. */
  readonly permitted: bigint;
  /** What an execve may hand on. */
  readonly inheritable: bigint;
}

/** capset(2) on the calling process. */
export function capset(sets: CapabilitySets): Call {
  const data = new Uint8Array(2 * CAP_DATA.size);
  for (const word of [0, 1]) {
    const part = (set: bigint) => (set >> BigInt(32 * word)) & 0xffffffffn;
    data.set(
      pack(CAP_DATA, {
        effective: part(sets.effective),
        permitted: part(sets.permitted),
        inheritable: part(sets.inheritable),
      }),
      word * CAP_DATA.size,
    );
  }
  const header = pack(CAP_HEADER, { version: CAPABILITY_VERSION, pid: 0 });
  return { syscall: "capset", args: [header, data], object: "" };
}

/** prlimit64(2): sets a limit of process `pid`, 0 for itself. */
export function prlimit64(
  pid: number,
  resource: number,
  limit: { soft: number | bigint; hard: number | bigint },
  object: string,
): Call {
  const value = pack(RLIMIT64, { rlim_cur: limit.soft, rlim_max: limit.hard });
  return { syscall: "prlimit64", args: [pid, resource, value, 0], object };
}

/** prlimit64(2): reads a limit of process `pid`; the output is it. */
export function getrlimit(pid: number, resource: number): Call {
  return {
    syscall: "prlimit64",
    args: [pid, resource, 0, { output: RLIMIT64.size }],
    object: "",
  };
}

/** uname(2); the output is a `struct utsname`. */
export function uname(): Call {
  return { syscall: "uname", args: [{ output: 6 * UTS_SIZE }], object: "" };
}

/** The release of the kernel in the output of {@link uname}. */
export function kernelRelease(output: Uint8Array): string {
  const text = new TextDecoder().decode(output.subarray(2 * UTS_SIZE));
  return text.slice(0, text.indexOf("\0"));
}

/** Size of a field of `struct utsname`, in bytes. */
const UTS_SIZE = 65;

/** sethostname(2). */
export function sethostname(name: string): Call {
  const size = new TextEncoder().encode(name).length;
  return {
    syscall: "sethostname",
    args: [name, size],
    object: JSON.stringify(name),
  };
}

/** setdomainname(2). */
export function setdomainname(name: string): Call {
  const size = new TextEncoder().encode(name).length;
  return {
    syscall: "setdomainname",
    args: [name, size],
    object: JSON.stringify(name),
  };
}
