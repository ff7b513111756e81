/**
 * System calls on files, as data. Paths are opened beneath a descriptor.
 *
 * @module
 */

import { FCNTL } from "./abi/fcntl.ts";
import { OPEN_HOW, STATFS, STATX_BUFFER } from "./abi/layout.ts";
import { STATX } from "./abi/stat.ts";
import type { Arg, Call } from "./call.ts";
import { pack } from "./struct.ts";

/** A descriptor: a number, or the call of the same batch that opens it. */
export type Fd = number | Call;

/** The working directory, where a descriptor of a directory is asked for. */
export const AT_FDCWD = -100;

/** A path, quoted for an error. */
function quote(path: string): string {
  return path === "" ? "" : JSON.stringify(path);
}

/** openat(2). Symbolic links are followed: for paths that we trust. */
export function openat(
  dir: Fd,
  path: string,
  flags: number,
  mode = 0,
): Call {
  return {
    syscall: "openat",
    args: [dir, path, flags | FCNTL.O_CLOEXEC, mode],
    object: quote(path),
  };
}

/** openat2(2), with `RESOLVE_*` flags. */
export function openat2(
  dir: Fd,
  path: string,
  how: { flags: number; mode?: number; resolve?: number },
): Call {
  const flags = how.flags | FCNTL.O_CLOEXEC;
  const value = pack(OPEN_HOW, { ...how, flags });
  return {
    syscall: "openat2",
    args: [dir, path, value, OPEN_HOW.size],
    object: quote(path),
  };
}

/** close(2). */
export function close(fd: Fd): Call {
  return { syscall: "close", args: [fd], object: "" };
}

/** close_range(2): closes `first` to `last`, or marks them close-on-exec. */
export function closeRange(first: number, last: number, flags = 0): Call {
  return { syscall: "close_range", args: [first, last, flags], object: "" };
}

/** dup3(2): makes `to` a copy of `from`. */
export function dup3(from: Fd, to: number, flags = 0): Call {
  return { syscall: "dup3", args: [from, to, flags], object: "" };
}

/** fcntl(2) with a number as its argument. */
export function fcntl(fd: Fd, command: number, value: number): Call {
  return { syscall: "fcntl", args: [fd, command, value], object: "" };
}

/** read(2) of at most `size` bytes; the output is the bytes. */
export function read(fd: Fd, size: number): Call {
  return { syscall: "read", args: [fd, { output: size }, size], object: "" };
}

/** write(2). */
export function write(fd: Fd, data: Uint8Array | string, object = ""): Call {
  const bytes = typeof data === "string"
    ? new TextEncoder().encode(data)
    : data;
  return { syscall: "write", args: [fd, bytes, bytes.length], object };
}

/** lseek(2) from the start. */
export function lseek(fd: Fd, offset: number): Call {
  return { syscall: "lseek", args: [fd, offset, 0], object: "" };
}

/** mkdirat(2). */
export function mkdirat(dir: Fd, path: string, mode: number): Call {
  return { syscall: "mkdirat", args: [dir, path, mode], object: quote(path) };
}

/** mknodat(2): `mode` has the type, `device` is a `makedev`. */
export function mknodat(
  dir: Fd,
  path: string,
  mode: number,
  device: number,
): Call {
  return {
    syscall: "mknodat",
    args: [dir, path, mode, device],
    object: quote(path),
  };
}

/** symlinkat(2). */
export function symlinkat(target: string, dir: Fd, path: string): Call {
  return {
    syscall: "symlinkat",
    args: [target, dir, path],
    object: quote(path),
  };
}

/** unlinkat(2). */
export function unlinkat(dir: Fd, path: string, flags = 0): Call {
  return { syscall: "unlinkat", args: [dir, path, flags], object: quote(path) };
}

/** readlinkat(2) of at most 4096 bytes. */
export function readlinkat(dir: Fd, path: string): Call {
  return {
    syscall: "readlinkat",
    args: [dir, path, { output: 4096 }, 4096],
    object: quote(path),
  };
}

/** fchmod(2); not for a descriptor of O_PATH. */
export function fchmod(fd: Fd, mode: number): Call {
  return { syscall: "fchmod", args: [fd, mode], object: "" };
}

/** fchownat(2) on the descriptor itself. */
export function fchown(fd: Fd, uid: number, gid: number): Call {
  return {
    syscall: "fchownat",
    args: [fd, "", uid, gid, FCNTL.AT_EMPTY_PATH],
    object: "",
  };
}

/** fchmodat(2): follows the path, so only below `/proc/self/fd`. */
export function fchmodat(dir: Fd, path: string, mode: number): Call {
  return { syscall: "fchmodat", args: [dir, path, mode], object: quote(path) };
}

/** umask(2). */
export function umask(mask: number): Call {
  return { syscall: "umask", args: [mask], object: "" };
}

/** statx(2) of the descriptor itself where `path` is empty. */
export function statx(dir: Fd, path: string, flags = 0): Call {
  const empty = path === "" ? FCNTL.AT_EMPTY_PATH : 0;
  return {
    syscall: "statx",
    args: [
      dir,
      path,
      flags | empty,
      STATX.STATX_BASIC_STATS | STATX.STATX_MNT_ID,
      { output: STATX_BUFFER.size },
    ],
    object: quote(path),
  };
}

/** fstatfs(2). */
export function fstatfs(fd: Fd): Call {
  return {
    syscall: "fstatfs",
    args: [fd, { output: STATFS.size }],
    object: "",
  };
}

/** faccessat2(2) by the effective ids. */
export function faccessat2(dir: Fd, path: string, mode: number): Call {
  return {
    syscall: "faccessat2",
    args: [dir, path, mode, FCNTL.AT_EACCESS],
    object: quote(path),
  };
}

/** chdir(2). */
export function chdir(path: string): Call {
  return { syscall: "chdir", args: [path], object: quote(path) };
}

/** fchdir(2). */
export function fchdir(fd: Fd): Call {
  return { syscall: "fchdir", args: [fd], object: "" };
}

/** getcwd(2). */
export function getcwd(): Call {
  return { syscall: "getcwd", args: [{ output: 4096 }, 4096], object: "" };
}

/** pipe2(2), close-on-exec; the output is two descriptors. */
export function pipe2(flags = 0): Call {
  return {
    syscall: "pipe2",
    args: [{ output: 8 }, flags | FCNTL.O_CLOEXEC],
    object: "",
  };
}

/** flock(2). */
export function flock(fd: Fd, operation: number, object: string): Call {
  return { syscall: "flock", args: [fd, operation], object: quote(object) };
}

/** memfd_create(2). */
export function memfdCreate(name: string, flags: number): Call {
  return { syscall: "memfd_create", args: [name, flags], object: quote(name) };
}

/** ioctl(2). */
export function ioctl(fd: Fd, request: number, value: Arg): Call {
  return { syscall: "ioctl", args: [fd, request, value], object: "" };
}
