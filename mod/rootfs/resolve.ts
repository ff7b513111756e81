/**
 * Opens paths of the container beneath its root, through `openat2` with
 * RESOLVE_IN_ROOT: an absolute symlink or `..` of the image stays inside, a
 * magic link is refused, and what is opened is pinned by its descriptor
 * (CVE-2021-30465, CVE-2024-45310, CVE-2026-41579).
 *
 * Runs in: gofer, driven by the launcher, before and after the pivot.
 *
 * @module
 */

import { FCNTL } from "../../ffi/abi/fcntl.ts";
import { STATFS, STATX_BUFFER } from "../../ffi/abi/layout.ts";
import { callError, tolerate } from "../../ffi/call.ts";
import type { Call, Target } from "../../ffi/call.ts";
import {
  close,
  fstatfs,
  mkdirat,
  openat,
  openat2,
  readlinkat,
  statx,
} from "../../ffi/file.ts";
import { unpack } from "../../ffi/struct.ts";

const ENOENT = -2;
const EEXIST = -17;
const S_IFMT = 0o170000;
const S_IFDIR = 0o040000;
/** As many symbolic links as the kernel follows in a path. */
const MOST_LINKS = 40;

/** What is made where nothing is. */
export type Missing = "directory" | "file" | "nothing";

/** openat2 beneath `root`; O_PATH unless `flags` says otherwise. */
export function openIn(
  root: number,
  path: string,
  flags: number = FCNTL.O_PATH,
  resolve = 0,
): Call {
  return openat2(root, path === "/" || path === "" ? "." : path, {
    flags,
    resolve: FCNTL.RESOLVE_IN_ROOT | FCNTL.RESOLVE_NO_MAGICLINKS | resolve,
  });
}

/** The components of a path, without empty ones and `.`. */
function components(path: string): string[] {
  return path.split("/").filter((part) => part !== "" && part !== ".");
}

/** What statx tells of an open file. */
export type Status = ReturnType<typeof unpack<typeof STATX_BUFFER>>;

/** An open path, and what lies there. */
export interface Opened {
  /** The descriptor, of O_PATH. */
  readonly fd: number;
  /** It was missing, and made. */
  readonly made: boolean;
  /** What statx says of it. */
  readonly status: Status;
  /** The kind of its filesystem: `MAGIC`. */
  readonly magic: number;
}

/** Opens a path and looks at it, in one round trip; or -errno. */
function openAndLook(
  target: Target,
  before: readonly Call[],
  open: Call,
  after: readonly Call[],
): { fd: number; status: Status; magic: number } {
  const tolerant = tolerate(open);
  const stat = tolerate(statx(tolerant, ""));
  const fs = tolerate(fstatfs(tolerant));
  const results = target.run(...before, tolerant, stat, fs, ...after);
  return {
    fd: results.value(tolerant),
    status: unpack(STATX_BUFFER, results.output(stat)),
    magic: unpack(STATFS, results.output(fs)).f_type,
  };
}

/** Opens a path that must be there, and looks at it. */
export function openThere(target: Target, open: Call): Opened {
  const opened = openAndLook(target, [], open, []);
  if (opened.fd < 0) throw callError(open, opened.fd);
  return { ...opened, made: false };
}

/** The call that makes what is missing. */
function makeCall(parent: Call, name: string, file: boolean): Call {
  // O_EXCL: nothing that is there is opened, or followed.
  const flags = FCNTL.O_CREAT | FCNTL.O_EXCL | FCNTL.O_NOFOLLOW;
  return tolerate(
    file ? openat(parent, name, flags, 0o644) : mkdirat(parent, name, 0o755),
  );
}

/**
 * Opens `path` beneath `root` with O_PATH, making what is missing: directories
 * of mode 0755, and a file of mode 0644 where asked. The target of a dangling
 * symlink is made where it points to, inside the root.
 *
 * @throws {SyscallError | RuntimeError} naming the path
 */
export function openOrMake(
  target: Target,
  root: number,
  path: string,
  missing: Missing,
  resolve = 0,
): Opened {
  const whole = openIn(root, path, FCNTL.O_PATH, resolve);
  const found = openAndLook(target, [], whole, []);
  if (found.fd >= 0) return { ...found, made: false };
  if (found.fd !== ENOENT || missing === "nothing") {
    throw callError(whole, found.fd);
  }
  // Nearly always only the last component is missing.
  const file = missing === "file";
  let parts = components(path);
  const last = makeLast(target, root, parts, file, whole);
  if (last !== undefined) return last;
  let links = 0;
  for (let i = 0; i < parts.length; i++) {
    const prefix = parts.slice(0, i + 1);
    const name = prefix.at(-1) ?? "";
    const parent = tolerate(openIn(root, prefix.slice(0, -1).join("/")));
    const make = makeCall(parent, name, file && i === parts.length - 1);
    const link = tolerate(readlinkat(parent, name));
    const there = tolerate(openIn(root, prefix.join("/")));
    const results = target.run(parent, make, there, link);
    closeAll(target, [
      results.value(parent),
      results.value(there),
      // Only a file leaves a descriptor; a directory's 0 is stdin.
      make.syscall === "openat" ? results.value(make) : -1,
    ]);
    if (results.value(parent) < 0) {
      throw callError(parent, results.value(parent));
    }
    if (results.value(there) >= 0) continue;
    const made = results.value(make);
    if (made < 0 && made !== EEXIST) {
      throw callError(mkdirat(-1, `/${prefix.join("/")}`, 0), made);
    }
    // A dangling link: what it says takes the place of its name.
    const size = results.value(link);
    if (size < 0 || ++links > MOST_LINKS) {
      throw callError(there, results.value(there));
    }
    const text = new TextDecoder().decode(results.output(link).slice(0, size));
    const base = text.startsWith("/") ? [] : prefix.slice(0, -1);
    parts = [...base, ...components(text), ...parts.slice(i + 1)];
    i = -1;
  }
  const made = openIn(root, parts.join("/"), FCNTL.O_PATH, resolve);
  return { ...openThere(target, made), made: true };
}

/** Makes the last component and opens it, in one round trip, if it can be. */
function makeLast(
  target: Target,
  root: number,
  parts: readonly string[],
  file: boolean,
  whole: Call,
): Opened | undefined {
  const parent = tolerate(openIn(root, parts.slice(0, -1).join("/")));
  const make = makeCall(parent, parts.at(-1) ?? "", file);
  const done = tolerate(close(parent));
  const after = file ? [done, tolerate(close(make))] : [done];
  const opened = openAndLook(target, [parent, make], whole, after);
  return opened.fd < 0 ? undefined : { ...opened, made: true };
}

/** Closes those that are open. */
function closeAll(target: Target, fds: readonly number[]): void {
  target.run(...fds.filter((fd) => fd >= 0).map((fd) => close(fd)));
}

/** statx of a descriptor. */
export function statusOf(target: Target, fd: number): Status {
  const call = statx(fd, "");
  return unpack(STATX_BUFFER, target.run(call).output(call));
}

/** Is it a directory? */
export function isDirectory(status: Status): boolean {
  return (status.stx_mode & S_IFMT) === S_IFDIR;
}
