/**
 * Where a built-in hook works: a gofer in the container's mount namespace and
 * the root of the container, before the pivot; and what it does to files there.
 *
 * Every path is resolved beneath the root by openat2 (RESOLVE_IN_ROOT, no magic
 * links): a symlink of the image leads nowhere else (CVE-2024-0134,
 * CVE-2025-23267). Files are written beside their place and renamed onto it, so
 * that nothing is written through a link.
 *
 * Runs in: launcher, which drives the gofer.
 *
 * @module
 */

import { FCNTL } from "../../../ffi/abi/fcntl.ts";
import { STATX_BUFFER } from "../../../ffi/abi/layout.ts";
import { attempt, callError, tolerate } from "../../../ffi/call.ts";
import type { Call } from "../../../ffi/call.ts";
import {
  close,
  fchmod,
  lseek,
  openat,
  openat2,
  read,
  statx,
  unlinkat,
  write,
} from "../../../ffi/file.ts";
import type { Fd } from "../../../ffi/file.ts";
import type { Gofer } from "../../../ffi/gofer/channel.ts";
import { unpack } from "../../../ffi/struct.ts";
import type { ByteSource } from "../elf.ts";

/** Where a hook works. */
export interface HookSite {
  /** In the container's namespaces, with the host's filesystem still in reach. */
  readonly gofer: Gofer;
  /** In the gofer: the root of the container. */
  readonly root: number;
  /** Opens a folder beneath the root with O_PATH, making what is missing. */
  openFolder(path: string): number;
  /** Says what is not done. */
  warn(message: string): void;
}

/** A file of the configuration is read up to this many bytes. */
const MOST_TEXT = 0x10000;
const PIECE = 0x10000;
/** An answer has room for all that was asked for: ask for little. */
const PIECE_OF_TEXT = 0x1000;
const NAMES = 0x1000;
const ENOENT = -2;
const EEXIST = -17;
const S_IFMT = 0o170000;

/** How a file that an image made is opened: it may be a fifo, or a terminal. */
const QUIETLY = FCNTL.O_NONBLOCK | FCNTL.O_NOCTTY;

/** The kinds of file that hooks tell apart. */
export type FileKind = "file" | "directory" | "link" | "char" | "other";

const KINDS: Readonly<Record<number, FileKind>> = {
  0o100000: "file",
  0o040000: "directory",
  0o120000: "link",
  0o020000: "char",
};

/** openat2 beneath the root. */
export function openIn(
  { root }: HookSite,
  path: string,
  flags: number = FCNTL.O_PATH,
): Call {
  return openat2(root, path.replace(/^\/+/, "") || ".", {
    flags,
    resolve: FCNTL.RESOLVE_IN_ROOT | FCNTL.RESOLVE_NO_MAGICLINKS,
  });
}

/** renameat2(2) within a folder. */
export function rename(dir: Fd, from: string, to: string): Call {
  return {
    syscall: "renameat2",
    args: [dir, from, dir, to, 0],
    object: JSON.stringify(to),
  };
}

/** The folder and the name in it of a path; `..` is left to the kernel. */
export function splitPath(path: string): { folder: string; name: string } {
  const trimmed = path.replace(/\/+$/, "");
  const cut = trimmed.lastIndexOf("/");
  return { folder: trimmed.slice(0, cut) || "/", name: trimmed.slice(cut + 1) };
}

/** The kind of an entry of a folder, and its device minor; links as such. */
export function kindOf(
  { gofer }: HookSite,
  dir: number,
  name: string,
): { kind: FileKind; minor: number } | undefined {
  const call = tolerate(statx(dir, name, FCNTL.AT_SYMLINK_NOFOLLOW));
  const results = gofer.run(call);
  if (results.value(call) < 0) return undefined;
  const status = unpack(STATX_BUFFER, results.output(call));
  return {
    kind: KINDS[status.stx_mode & S_IFMT] ?? "other",
    minor: status.stx_rdev_minor,
  };
}

/** The names in what getdents64 gave. */
function namesIn(bytes: Uint8Array): string[] {
  const data = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const decoder = new TextDecoder();
  const names: string[] = [];
  // struct linux_dirent64: length at 16, name from 19.
  for (let at = 0; at < bytes.length; at += data.getUint16(at + 16, true)) {
    const name = bytes.subarray(at + 19, bytes.indexOf(0, at + 19));
    names.push(decoder.decode(name));
  }
  return names;
}

/** The names in a folder, sorted; none where it is not there. */
export function listFolder(site: HookSite, path: string): string[] {
  const { gofer } = site;
  const getdents = (fd: Fd): Call =>
    tolerate({
      syscall: "getdents64",
      args: [fd, { output: NAMES }, NAMES],
      object: JSON.stringify(path),
    });
  const open = tolerate(openIn(site, path, FCNTL.O_DIRECTORY | QUIETLY));
  let call = getdents(open);
  let results = gofer.run(open, call);
  const fd = results.value(open);
  if (fd < 0) return [];
  const names: string[] = [];
  for (let pieces = 0; pieces < 256; pieces++) {
    const size = results.value(call);
    if (size <= 0) break;
    names.push(...namesIn(results.output(call).subarray(0, size)));
    call = getdents(fd);
    results = gofer.run(call);
  }
  gofer.run(close(fd));
  return names.filter((name) => name !== "." && name !== "..").sort();
}

/** Reads the head of a file that `open` opens; undefined where there is none. */
function readOpened({ gofer }: HookSite, open: Call): string | undefined {
  const opening = tolerate(open);
  // Of one that was not opened, the others fail: one round trip does it all.
  let call = tolerate(read(opening, PIECE_OF_TEXT));
  let results = gofer.run(opening, call);
  const fd = results.value(opening);
  if (fd < 0) return undefined;
  const parts: Uint8Array[] = [];
  let size = 0;
  for (;;) {
    const got = results.value(call);
    if (got < 0 && parts.length === 0) {
      gofer.run(close(fd));
      return undefined;
    }
    if (got > 0) parts.push(results.output(call).slice(0, got));
    size += Math.max(0, got);
    if (got < PIECE_OF_TEXT || size >= MOST_TEXT) break;
    call = tolerate(read(fd, PIECE_OF_TEXT));
    results = gofer.run(call);
  }
  gofer.run(close(fd));
  return new TextDecoder().decode(joined(parts));
}

/** The beginning of a file of the container; undefined where there is none. */
export function readText(site: HookSite, path: string): string | undefined {
  return readOpened(site, openIn(site, path, QUIETLY));
}

/** Bytes one behind the other. */
function joined(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((n, p) => n + p.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/**
 * Writes a file in a folder, unless it says the same already. Atomic; what was
 * there, a link too, is replaced.
 *
 * @throws {SyscallError}
 */
export function writeText(
  site: HookSite,
  dir: number,
  name: string,
  text: string,
  mode: number,
): void {
  const { gofer } = site;
  const there = openat(dir, name, FCNTL.O_NOFOLLOW | QUIETLY);
  if (readOpened(site, there) === text) return;
  const part = `.${name}.burrow`;
  const open = openat(
    dir,
    part,
    FCNTL.O_CREAT | FCNTL.O_EXCL | FCNTL.O_NOFOLLOW | FCNTL.O_RDWR,
    0o600,
  );
  let fd = attempt(gofer, open);
  if (fd === EEXIST) {
    // Of one that was killed.
    gofer.run(unlinkat(dir, part));
    fd = attempt(gofer, open);
  }
  if (fd < 0) throw callError(openat(dir, name, 0), fd);
  gofer.run(
    write(fd, text, name),
    fchmod(fd, mode),
    close(fd),
    rename(dir, part, name),
  );
}

/** A regular file of the container, to be read in pieces; undefined: none. */
export function openSource(
  site: HookSite,
  path: string,
): (ByteSource & Disposable) | undefined {
  const { gofer } = site;
  const fd = attempt(gofer, openIn(site, path, QUIETLY));
  if (fd < 0) return undefined;
  return {
    read(offset, length) {
      const parts: Uint8Array[] = [];
      for (let at = 0; at < length;) {
        const size = Math.min(PIECE, length - at);
        const call = tolerate(read(fd, size));
        const results = gofer.run(tolerate(lseek(fd, offset + at)), call);
        const got = results.value(call);
        if (got <= 0) break;
        parts.push(results.output(call).slice(0, got));
        at += got;
      }
      return joined(parts);
    },
    [Symbol.dispose]: () => void attempt(gofer, close(fd)),
  };
}

/** Is there something at this path of the container? */
export function exists(site: HookSite, path: string): boolean {
  const open = tolerate(openIn(site, path));
  const fd = site.gofer.run(open, tolerate(close(open))).value(open);
  return fd >= 0 || fd !== ENOENT;
}
