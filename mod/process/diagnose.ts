/**
 * Why a program could not be executed. The kernel answers "no such file or
 * directory" for a script whose interpreter is missing, and "exec format error"
 * for another machine's program: which one, and what, is read from the file.
 *
 * Runs in: launcher, with the host's rights. The file is the container's: it is
 * opened beneath the container's root, only if it is a regular file, and no
 * more than its head is read.
 *
 * @see https://man7.org/linux/man-pages/man5/elf.5.html
 * @module
 */

import { ARCH, ELF_MACHINE } from "../../ffi/abi/arch.ts";
import { FCNTL } from "../../ffi/abi/fcntl.ts";
import { STATFS, STATX_BUFFER } from "../../ffi/abi/layout.ts";
import { attempt, perform } from "../../ffi/call.ts";
import {
  AT_FDCWD,
  close,
  fstatfs,
  openat,
  openat2,
  statx,
} from "../../ffi/file.ts";
import { local } from "../../ffi/local.ts";
import { unpack } from "../../ffi/struct.ts";

const S_IFMT = 0o170000;
const S_IFREG = 0o100000;
const S_IFDIR = 0o040000;
const ST_NOEXEC = 8;
/** As much of a file as is read: the kernel looks at 256 bytes, and segments. */
const HEAD = 4096;
/** A path in a file that is longer than this is none. */
const MOST_PATH = 1024;
/** How often an interpreter may have an interpreter: the kernel's limit. */
const MOST_DEPTH = 5;

const ENOENT = 2;
const ENOEXEC = 8;
const EACCES = 13;

/** e_machine by number, as far as containers have them. */
const MACHINE: Readonly<Record<number, string>> = {
  3: "x86 (32 bit)",
  8: "mips",
  20: "ppc",
  21: "ppc64",
  22: "s390x",
  40: "arm (32 bit)",
  62: "x86_64",
  183: "aarch64",
  243: "riscv",
  258: "loongarch",
};

/** What a file is, from its head. */
export type Head =
  /** A script: what its first line names, and whether it ends in CRLF. */
  | { readonly kind: "script"; readonly path: string; readonly crlf: boolean }
  /** A program: for which machine, and what loads it. */
  | {
    readonly kind: "elf";
    readonly machine: number;
    readonly bits: 32 | 64;
    readonly bigEndian: boolean;
    readonly loader?: string;
  }
  | { readonly kind: "empty" }
  | { readonly kind: "unknown" };

/** Text up to the first NUL. */
function text(bytes: Uint8Array): string {
  const end = bytes.indexOf(0);
  return new TextDecoder().decode(end < 0 ? bytes : bytes.subarray(0, end));
}

/** Reads the first line of a script as binfmt_script does. */
function scriptHead(bytes: Uint8Array): Head {
  const end = bytes.indexOf(0x0a);
  const line = text(bytes.subarray(2, end < 0 ? 256 : end))
    .replace(/^[ \t]+/, "");
  const crlf = line.endsWith("\r");
  const [path = ""] = line.split(/[ \t]/);
  return { kind: "script", path, crlf };
}

/** Reads the header of a program; `read` gets a piece from further behind. */
function elfHead(
  bytes: Uint8Array,
  read: (offset: number, size: number) => Uint8Array,
): Head {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < 64) return { kind: "unknown" };
  const wide = bytes[4] === 2;
  const little = bytes[5] !== 2;
  const machine = view.getUint16(18, little);
  const head = {
    kind: "elf",
    machine,
    bits: wide ? 64 : 32,
    bigEndian: !little,
  } as const;
  const number = (v: DataView, offset: number) =>
    wide ? Number(v.getBigUint64(offset, little)) : v.getUint32(offset, little);
  const table = number(view, wide ? 32 : 28);
  const size = view.getUint16(wide ? 54 : 42, little);
  const count = view.getUint16(wide ? 56 : 44, little);
  if (size < (wide ? 56 : 32) || count === 0 || count > 256) return head;
  const entries = read(table, size * count);
  const all = new DataView(
    entries.buffer,
    entries.byteOffset,
    entries.byteLength,
  );
  for (let at = 0; at + size <= entries.length; at += size) {
    const PT_INTERP = 3;
    if (all.getUint32(at, little) !== PT_INTERP) continue;
    const offset = number(all, at + (wide ? 8 : 4));
    const length = number(all, at + (wide ? 32 : 16));
    const loader = text(read(offset, Math.min(length, MOST_PATH)));
    return { ...head, loader };
  }
  return head;
}

/** Says what a file is, from its bytes. Pure but for `read`. */
export function readHead(
  read: (offset: number, size: number) => Uint8Array,
): Head {
  const bytes = read(0, HEAD);
  if (bytes.length === 0) return { kind: "empty" };
  if (bytes[0] === 0x23 && bytes[1] === 0x21) return scriptHead(bytes);
  const magic = [0x7f, 0x45, 0x4c, 0x46];
  if (magic.every((byte, i) => bytes[i] === byte)) return elfHead(bytes, read);
  return { kind: "unknown" };
}

/** A file of the container, as far as it could be looked at. */
interface Looked {
  readonly errno: number;
  readonly mode: number;
  readonly noexec: boolean;
  readonly head: Head;
}

/** Looks at a file beneath a root, without waiting for or waking anything. */
function look(root: number, path: string): Looked {
  const none = { mode: 0, noexec: false, head: { kind: "unknown" } } as const;
  const fd = attempt(
    local,
    openat2(root, path === "" ? "." : path, {
      flags: FCNTL.O_PATH,
      resolve: FCNTL.RESOLVE_IN_ROOT | FCNTL.RESOLVE_NO_MAGICLINKS,
    }),
  );
  if (fd < 0) return { errno: -fd, ...none };
  try {
    const stat = statx(fd, "");
    const fs = fstatfs(fd);
    const results = local.run(stat, fs);
    const mode = unpack(STATX_BUFFER, results.output(stat)).stx_mode;
    const { f_flags } = unpack(STATFS, results.output(fs));
    const noexec = (f_flags & ST_NOEXEC) !== 0;
    const regular = (mode & S_IFMT) === S_IFREG;
    return {
      errno: 0,
      mode,
      noexec,
      head: regular ? headOf(fd) : { kind: "unknown" },
    };
  } finally {
    local.run(close(fd));
  }
}

/** The head of a regular file that is open as O_PATH. */
function headOf(path: number): Head {
  const fd = attempt(
    local,
    openat(AT_FDCWD, `/proc/self/fd/${path}`, FCNTL.O_NONBLOCK),
  );
  if (fd < 0) return { kind: "unknown" };
  try {
    return readHead((offset, size) => readAt(fd, offset, size));
  } finally {
    local.run(close(fd));
  }
}

/** Reads a piece of a file; what lies behind its end is missing. */
function readAt(fd: number, offset: number, size: number): Uint8Array {
  if (!Number.isSafeInteger(offset) || size <= 0) return new Uint8Array();
  const seek = { syscall: "lseek", args: [fd, offset, 0], object: "" } as const;
  if (attempt(local, seek) < 0) return new Uint8Array();
  const call = {
    syscall: "read",
    args: [fd, { output: size }, size],
    object: "",
    tolerant: true,
  } as const;
  const results = local.run(call);
  return results.output(call).slice(0, Math.max(0, results.value(call)));
}

/** Does a program of this machine run here? */
function isNative(head: Head): boolean {
  if (head.kind !== "elf") return true;
  const own = head.machine === ELF_MACHINE[ARCH];
  const compatible = (ARCH === "x86_64" && head.machine === 3) ||
    (ARCH === "aarch64" && head.machine === 40);
  return (own || compatible) && !head.bigEndian;
}

/** The name of the machine of a program. */
function machineName(machine: number): string {
  return MACHINE[machine] ?? `machine ${machine}`;
}

/** Why a file that an executable names cannot be used; undefined: it can. */
function interpreterFault(
  root: number,
  cwd: string,
  path: string,
): string | undefined {
  const { errno, mode, noexec } = look(root, absolute(path, cwd));
  if (errno === ENOENT) return "which does not exist in the container";
  if (errno !== 0) return "which cannot be reached in the container";
  if ((mode & S_IFMT) === S_IFDIR) return "which is a directory";
  if ((mode & 0o111) === 0) {
    return `which is not executable (mode ${octal(mode)})`;
  }
  if (noexec) return "which is on a mount with noexec";
  return undefined;
}

/** A path of the container from its root. */
function absolute(path: string, cwd: string): string {
  return path.startsWith("/") ? path : `${cwd}/${path}`;
}

/** The permission bits as chmod(1) has them. */
function octal(mode: number): string {
  return (mode & 0o7777).toString(8).padStart(4, "0");
}

/** Why the kernel refused a file that is there, by what the file is. */
function headFault(
  root: number,
  cwd: string,
  head: Head,
  errno: number,
  depth: number,
): string | undefined {
  if (head.kind === "empty") return "the file is empty";
  if (head.kind === "script") {
    if (head.path.replace("\r", "") === "") {
      return 'its first line, "#!", names no interpreter';
    }
    if (head.crlf && errno === ENOENT) {
      return `its first line ends in CRLF, so the interpreter that it names ` +
        `is ${JSON.stringify(head.path)}: convert the script to LF`;
    }
    const fault = interpreterFault(root, cwd, head.path);
    const name = JSON.stringify(head.path);
    if (fault !== undefined) return `its interpreter is ${name}, ${fault}`;
    if (depth >= MOST_DEPTH) return "its interpreters are nested too deeply";
    const next = look(root, absolute(head.path, cwd));
    const deeper = headFault(root, cwd, next.head, errno, depth + 1);
    return deeper === undefined
      ? undefined
      : `its interpreter is ${name}, and of that ${deeper}`;
  }
  if (head.kind === "elf") {
    const machine = machineName(head.machine);
    if (errno === ENOEXEC && !isNative(head)) {
      return `it is a program for ${machine}, and this machine is ${ARCH}`;
    }
    if (head.loader === undefined) return undefined;
    const fault = interpreterFault(root, cwd, head.loader);
    const name = JSON.stringify(head.loader);
    return fault === undefined ? undefined : `its loader is ${name}, ${fault}`;
  }
  return errno === ENOEXEC
    ? 'it is neither a program nor a script that begins with "#!"'
    : undefined;
}

/**
 * Says why `path` could not be executed, beyond what the errno says; undefined
 * where nothing more was found.
 *
 * @param root descriptor of the container's root: O_PATH will do
 * @param cwd working directory of the program, for a relative path
 * @param errno what execve(2), or the look at the file, gave
 */
export function diagnose(
  root: number,
  cwd: string,
  path: string,
  errno: number,
): string | undefined {
  const { errno: lost, mode, noexec, head } = look(root, absolute(path, cwd));
  if (lost !== 0) return undefined; // the errno says it all
  if (errno === EACCES) {
    if ((mode & S_IFMT) === S_IFDIR) return "it is a directory";
    if ((mode & S_IFMT) !== S_IFREG) return "it is not a regular file";
    if (noexec) return "it is on a mount with noexec";
    if ((mode & 0o111) === 0) {
      return `it is not executable: mode ${octal(mode)}`;
    }
  }
  return headFault(root, cwd, head, errno, 0);
}

/** Opens the root of a process, to be given to {@link diagnose}. */
export function openRootOf(pid: number): number {
  return perform(
    local,
    openat(AT_FDCWD, `/proc/${pid}/root`, FCNTL.O_PATH | FCNTL.O_DIRECTORY),
  );
}
