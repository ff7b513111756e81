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
import { STATX_BUFFER } from "../../ffi/abi/layout.ts";
import { attempt, callError, perform } from "../../ffi/call.ts";
import type { Call, Target } from "../../ffi/call.ts";
import {
  close,
  mkdirat,
  openat,
  openat2,
  readlinkat,
  statx,
} from "../../ffi/file.ts";
import { unpack } from "../../ffi/struct.ts";
import { RuntimeError } from "../errors.ts";

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

/** What a link says, beneath the root. */
function readLink(target: Target, dir: number, name: string): string {
  const link = readlinkat(dir, name);
  const results = target.run(link);
  const size = results.value(link);
  return new TextDecoder().decode(results.output(link).subarray(0, size));
}

/**
 * Opens `path` beneath `root` with O_PATH, making what is missing: directories
 * of mode 0755, and a file of mode 0644 where asked. The target of a dangling
 * symlink is made where it points to, inside the root.
 *
 * @throws {RuntimeError} naming the path
 */
export function openOrMake(
  target: Target,
  root: number,
  path: string,
  missing: Missing,
  resolve = 0,
): { fd: number; made: boolean } {
  const whole = openIn(root, path, FCNTL.O_PATH, resolve);
  const found = attempt(target, whole);
  if (found >= 0) return { fd: found, made: false };
  if (found !== ENOENT || missing === "nothing") {
    throw callError(whole, found);
  }
  let parts = components(path);
  let links = 0;
  for (let i = 0; i < parts.length; i++) {
    const last = i === parts.length - 1;
    const prefix = parts.slice(0, i + 1).join("/");
    const there = attempt(target, openIn(root, prefix, FCNTL.O_PATH, resolve));
    if (there >= 0) {
      if (last) return { fd: there, made: true };
      target.run(close(there));
      continue;
    }
    if (there !== ENOENT) throw callError(openIn(root, prefix), there);
    const name = parts[i] ?? "";
    const parent = perform(target, openIn(root, parts.slice(0, i).join("/")));
    try {
      const made = last && missing === "file"
        ? makeFile(target, parent, name)
        : attempt(target, mkdirat(parent, name, 0o755));
      if (made === EEXIST) {
        // A dangling link (or a race, which opening again settles).
        if (++links > MOST_LINKS) {
          throw new RuntimeError(`open "${path}": too many symbolic links`);
        }
        const link = readLink(target, parent, name);
        const base = link.startsWith("/") ? [] : parts.slice(0, i);
        parts = [...base, ...components(link), ...parts.slice(i + 1)];
        i = -1;
      } else if (made < 0) {
        throw callError(mkdirat(-1, `/${prefix}`, 0), made);
      } else i--; // open what was made
    } finally {
      target.run(close(parent));
    }
  }
  return {
    fd: perform(target, openIn(root, parts.join("/") || "/")),
    made: true,
  };
}

/** Makes an empty file that was not there; 0 or -errno. */
function makeFile(target: Target, parent: number, name: string): number {
  const flags = FCNTL.O_CREAT | FCNTL.O_EXCL | FCNTL.O_NOFOLLOW;
  const fd = attempt(target, openat(parent, name, flags, 0o644));
  if (fd < 0) return fd;
  target.run(close(fd));
  return 0;
}

/** What statx tells of an open file. */
export type Status = ReturnType<typeof unpack<typeof STATX_BUFFER>>;

/** statx of a descriptor. */
export function statusOf(target: Target, fd: number): Status {
  const call = statx(fd, "");
  return unpack(STATX_BUFFER, target.run(call).output(call));
}

/** Is it a directory? */
export function isDirectory(status: Status): boolean {
  return (status.stx_mode & S_IFMT) === S_IFDIR;
}
