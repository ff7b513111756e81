/**
 * A pty of the container's own devpts, made where a hostile image may lie in
 * wait: what is opened is verified by its descriptor, and nothing that follows
 * is done by path (CVE-2025-52565 and its like).
 *
 * Runs in: gofer, driven by the launcher, in the container's mount namespace.
 *
 * @module
 */

import { FCNTL } from "../../ffi/abi/fcntl.ts";
import { STATFS, STATX_BUFFER } from "../../ffi/abi/layout.ts";
import { MAGIC } from "../../ffi/abi/magic.ts";
import { attempt, tolerate } from "../../ffi/call.ts";
import type { Results, Target } from "../../ffi/call.ts";
import {
  close,
  dup3,
  fstatfs,
  openat,
  openat2,
  statx,
} from "../../ffi/file.ts";
import { moveMount, openTree } from "../../ffi/mount.ts";
import { SyscallError } from "../../ffi/errno.ts";
import { unpack } from "../../ffi/struct.ts";
import {
  openPeer,
  ptyNumber,
  setWindowSize,
  takeTerminal,
  unlockPeer,
} from "../../ffi/tty.ts";
import type { WindowSize } from "../../ffi/tty.ts";
import { RuntimeError } from "../errors.ts";

const S_IFMT = 0o170000;
const S_IFCHR = 0o020000;
const S_IFDIR = 0o040000;
const S_IFLNK = 0o120000;
/** Major numbers of ptys' peers: UNIX98_PTY_SLAVE_MAJOR and seven more. */
const PEER_MAJORS = [136, 143] as const;

/** A pty: descriptors in the target, and its path in the container. */
export interface Pty {
  /** Whoever holds this writes what the program reads. */
  readonly master: number;
  /** The terminal itself. */
  readonly peer: number;
  /** Such as `/dev/pts/0`. */
  readonly name: string;
}

/** Whether the calls say that a descriptor is a character device of a devpts. */
function isTerminal(
  results: Results,
  calls: { stat: ReturnType<typeof statx>; fs: ReturnType<typeof fstatfs> },
  fits: (major: number, minor: number) => boolean,
): boolean {
  const stat = unpack(STATX_BUFFER, results.output(calls.stat));
  const { f_type } = unpack(STATFS, results.output(calls.fs));
  return f_type === MAGIC.DEVPTS_SUPER_MAGIC &&
    (stat.stx_mode & S_IFMT) === S_IFCHR &&
    fits(stat.stx_rdev_major, stat.stx_rdev_minor);
}

/**
 * Opens the directory of the container's devpts, and proves that it is one: in
 * it nobody can make a node, so that opening its `ptmx` has no effect that an
 * image could choose.
 */
function openDevpts(target: Target, root: number): number {
  const open = openat2(root, "dev/pts", {
    flags: FCNTL.O_PATH | FCNTL.O_DIRECTORY,
    resolve: FCNTL.RESOLVE_IN_ROOT | FCNTL.RESOLVE_NO_SYMLINKS |
      FCNTL.RESOLVE_NO_MAGICLINKS,
  });
  const fs = fstatfs(open);
  const hint = "a terminal needs a mount of type devpts on /dev/pts";
  let results: Results;
  try {
    results = target.run(open, fs);
  } catch (cause) {
    throw new RuntimeError('no terminal can be made in "/dev/pts"', {
      cause,
      hint,
    });
  }
  const fd = results.value(open);
  const { f_type } = unpack(STATFS, results.output(fs));
  if (f_type === MAGIC.DEVPTS_SUPER_MAGIC) return fd;
  target.run(close(fd));
  throw new RuntimeError('"/dev/pts" of the container is no devpts', { hint });
}

/**
 * Makes a pty in the devpts at `/dev/pts` beneath `root`.
 *
 * @throws {RuntimeError} where there is none, or what is there is something else
 */
export function openPty(target: Target, root: number): Pty {
  const devpts = openDevpts(target, root);
  const master = openat2(devpts, "ptmx", {
    flags: FCNTL.O_RDWR | FCNTL.O_NOCTTY,
    // A mount over it would be somebody's: refused.
    resolve: FCNTL.RESOLVE_BENEATH | FCNTL.RESOLVE_NO_SYMLINKS |
      FCNTL.RESOLVE_NO_XDEV,
  });
  const peer = openPeer(master);
  const number = ptyNumber(master);
  const ofMaster = { stat: statx(master, ""), fs: fstatfs(master) };
  const ofPeer = { stat: statx(peer, ""), fs: fstatfs(peer) };
  let results: Results;
  try {
    results = target.run(
      master,
      ofMaster.stat,
      ofMaster.fs,
      unlockPeer(master),
      number,
      peer,
      ofPeer.stat,
      ofPeer.fs,
    );
  } catch (cause) {
    const covered = cause instanceof SyscallError && cause.code === "EXDEV";
    throw new RuntimeError('cannot open a terminal at "/dev/pts/ptmx"', {
      cause,
      ...covered ? { hint: "something is mounted over it" } : {},
    });
  } finally {
    attempt(target, close(devpts));
  }
  const [first, last] = PEER_MAJORS;
  const isPty = isTerminal(results, ofMaster, (a, b) => a === 5 && b === 2) &&
    isTerminal(results, ofPeer, (major) => major >= first && major <= last);
  if (!isPty) {
    throw new RuntimeError('"/dev/pts/ptmx" of the container is no terminal');
  }
  const output = results.output(number);
  const index = new DataView(output.buffer, output.byteOffset)
    .getUint32(0, true);
  return {
    master: results.value(master),
    peer: results.value(peer),
    name: `/dev/pts/${index}`,
  };
}

/**
 * Binds a terminal on the container's `/dev/console`, which is made where it is
 * missing; a symbolic link there is not followed.
 *
 * @throws {RuntimeError} where something else is in its place
 */
export function bindConsole(target: Target, root: number, peer: number): void {
  const parent = openat2(root, "dev", {
    flags: FCNTL.O_PATH | FCNTL.O_DIRECTORY,
    resolve: FCNTL.RESOLVE_IN_ROOT | FCNTL.RESOLVE_NO_MAGICLINKS,
  });
  const make = tolerate(openat(
    parent,
    "console",
    FCNTL.O_CREAT | FCNTL.O_EXCL | FCNTL.O_NOFOLLOW,
    0o600,
  ));
  const place = openat2(parent, "console", {
    flags: FCNTL.O_PATH | FCNTL.O_NOFOLLOW,
    resolve: FCNTL.RESOLVE_BENEATH | FCNTL.RESOLVE_NO_MAGICLINKS,
  });
  const stat = statx(place, "");
  let results: Results;
  try {
    results = target.run(
      parent,
      make,
      tolerate(close(make)),
      place,
      close(parent),
      stat,
    );
  } catch (cause) {
    throw new RuntimeError('cannot make "/dev/console" of the container', {
      cause,
    });
  }
  const fd = results.value(place);
  const type = unpack(STATX_BUFFER, results.output(stat)).stx_mode & S_IFMT;
  if (type === S_IFLNK || type === S_IFDIR) {
    const what = type === S_IFLNK ? "symbolic link" : "directory";
    throw new RuntimeError(`"/dev/console" of the container is a ${what}`);
  }
  const tree = openTree(peer, "", { object: "/dev/console" });
  target.run(
    tree,
    moveMount(tree, fd, "/dev/console"),
    close(tree),
    close(fd),
  );
}

/**
 * Makes a terminal the standard streams of the target. The descriptor itself is
 * closed.
 */
export function attachTerminal(
  target: Target,
  peer: number,
  size: WindowSize | undefined,
): void {
  target.run(
    ...size === undefined ? [] : [setWindowSize(peer, size)],
    dup3(peer, 0),
    dup3(peer, 1),
    dup3(peer, 2),
    close(peer),
  );
}

/** Makes stdin the controlling terminal of the target, a session's leader. */
export function controlTerminal(target: Target): void {
  target.run(takeTerminal(0));
}
