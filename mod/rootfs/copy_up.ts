/**
 * `tmpcopyup`: fills a tmpfs with what it covers. The gofer copies, so that the
 * memory is the container's, and so are the rights: nothing that the image has
 * in the way (a symlink, a fifo, a device) is followed or opened.
 *
 * Runs in: gofer, driven by the launcher, before the tmpfs is attached.
 *
 * @module
 */

import { FCNTL } from "../../ffi/abi/fcntl.ts";
import { STATX_BUFFER } from "../../ffi/abi/layout.ts";
import { perform } from "../../ffi/call.ts";
import type { Call, Target } from "../../ffi/call.ts";
import { getdents64, lchownat, names, sendfile } from "../../ffi/copy.ts";
import {
  close,
  fchmodat,
  mkdirat,
  mknodat,
  openat,
  readlinkat,
  statx,
  symlinkat,
} from "../../ffi/file.ts";
import { unpack } from "../../ffi/struct.ts";
import { RuntimeError } from "../errors.ts";
import type { Status } from "./resolve.ts";

const S_IFMT = 0o170000;
const S_IFDIR = 0o040000;
const S_IFREG = 0o100000;
const S_IFLNK = 0o120000;
const O_WRONLY = 1;
/** As many bytes as one sendfile(2) copies: MAX_RW_COUNT, at 4 KiB a page. */
const MOST_BYTES = 0x7ffff000;
/** Bytes of directory entries that are read in one round trip. */
const ENTRIES = 0x8000;
/** As many entries are copied in one round trip: each may be a long link. */
const AT_ONCE = 16;
/** As deep as directories are copied: each holds two descriptors. */
const MOST_DEPTH = 64;

/** An entry of a directory. */
interface Entry {
  readonly name: string;
  readonly status: Status;
}

/** All names of an open directory. */
function list(target: Target, directory: number): string[] {
  const found: string[] = [];
  for (;;) {
    const call = getdents64(directory, ENTRIES);
    const results = target.run(call);
    const size = results.value(call);
    if (size === 0) return found;
    found.push(...names(results.output(call).subarray(0, size)));
  }
}

/** The calls that give an entry its owner, where that is not the container's root. */
function ownCalls(to: number, { name, status }: Entry): Call[] {
  const { stx_uid, stx_gid } = status;
  if (stx_uid === 0 && stx_gid === 0) return [];
  return [lchownat(to, name, stx_uid, stx_gid)];
}

/** makedev(3). */
function deviceOf({ stx_rdev_major, stx_rdev_minor }: Status): number {
  return ((stx_rdev_minor & 0xff) | ((stx_rdev_major & 0xfff) << 8) |
    ((stx_rdev_minor & ~0xff) << 12)) >>> 0;
}

/** The calls that copy an entry which is no directory and no link. */
function copyCalls(from: number, to: number, entry: Entry): Call[] {
  const { name, status } = entry;
  const mode = status.stx_mode & 0o7777;
  // A change of owner takes the set-user-ID bit away: the mode comes last.
  const finish = [...ownCalls(to, entry), fchmodat(to, name, mode)];
  if ((status.stx_mode & S_IFMT) !== S_IFREG) {
    const node = mknodat(to, name, status.stx_mode, deviceOf(status));
    return [node, ...finish];
  }
  const source = openat(from, name, FCNTL.O_NOFOLLOW | FCNTL.O_NONBLOCK);
  const copy = openat(to, name, O_WRONLY | FCNTL.O_CREAT | FCNTL.O_EXCL, 0o600);
  const parts = Math.ceil(status.stx_size / MOST_BYTES);
  const sends = Array.from(
    { length: parts },
    () => sendfile(copy, source, MOST_BYTES, name),
  );
  return [source, copy, ...sends, close(source), close(copy), ...finish];
}

/** Copies symbolic links. */
function copyLinks(
  target: Target,
  from: number,
  to: number,
  links: readonly Entry[],
): void {
  if (links.length === 0) return;
  const reads = links.map(({ name }) => readlinkat(from, name));
  const results = target.run(...reads);
  const text = new TextDecoder("utf-8", { fatal: true });
  const makes = links.flatMap((entry, i) => {
    const read = reads[i];
    if (read === undefined) return [];
    const path = results.output(read).subarray(0, results.value(read));
    return [symlinkat(text.decode(path), to, entry.name)]
      .concat(ownCalls(to, entry));
  });
  target.run(...makes);
}

/** Looks at some entries of a directory. */
function look(target: Target, from: number, some: readonly string[]): Entry[] {
  const calls = some.map((name) =>
    statx(from, name, FCNTL.AT_SYMLINK_NOFOLLOW)
  );
  const results = target.run(...calls);
  return calls.map((call, i) => ({
    name: some[i] ?? "",
    status: unpack(STATX_BUFFER, results.output(call)),
  }));
}

/** Copies what is in an open directory. */
function copyDirectory(
  target: Target,
  from: number,
  to: number,
  depth: number,
): void {
  if (depth > MOST_DEPTH) {
    throw new RuntimeError(`directories lie deeper than ${MOST_DEPTH}`);
  }
  const all = list(target, from);
  for (let i = 0; i < all.length; i += AT_ONCE) {
    const entries = look(target, from, all.slice(i, i + AT_ONCE));
    const kind = ({ status }: Entry) => status.stx_mode & S_IFMT;
    const calls = entries
      .filter((entry) => kind(entry) !== S_IFDIR && kind(entry) !== S_IFLNK)
      .flatMap((entry) => copyCalls(from, to, entry));
    if (calls.length > 0) target.run(...calls);
    const links = entries.filter((entry) => kind(entry) === S_IFLNK);
    copyLinks(target, from, to, links);
    for (const entry of entries.filter((e) => kind(e) === S_IFDIR)) {
      const { name, status } = entry;
      const flags = FCNTL.O_DIRECTORY | FCNTL.O_NOFOLLOW;
      const source = openat(from, name, flags);
      const copy = openat(to, name, flags);
      const results = target.run(
        mkdirat(to, name, 0o700),
        ...ownCalls(to, entry),
        fchmodat(to, name, status.stx_mode & 0o7777),
        source,
        copy,
      );
      const fds = [results.value(source), results.value(copy)] as const;
      copyDirectory(target, ...fds, depth + 1);
      target.run(close(fds[0]), close(fds[1]));
    }
  }
}

/**
 * Copies what is in the directory `covered` into the detached mount `tree`.
 * Owners and permissions go along, times and extended attributes do not.
 *
 * @throws {RuntimeError} naming the destination
 */
export function copyUp(
  target: Target,
  covered: number,
  tree: number,
  destination: string,
): void {
  const flags = FCNTL.O_DIRECTORY;
  try {
    const source = openat(covered, ".", flags);
    const copy = openat(tree, ".", flags);
    const results = target.run(source, copy);
    const fds = [results.value(source), results.value(copy)] as const;
    copyDirectory(target, ...fds, 0);
    perform(target, close(fds[0]));
    perform(target, close(fds[1]));
  } catch (cause) {
    const what = `tmpcopyup of "${destination}"`;
    throw new RuntimeError(what, { cause });
  }
}
