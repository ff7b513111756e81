/**
 * Covered and read-only paths, and sysctls: the last edits before privileges
 * go.
 *
 * Runs in: gofer, driven by the launcher, after the pivot.
 *
 * @module
 */

import { FCNTL } from "../../ffi/abi/fcntl.ts";
import { MOUNT } from "../../ffi/abi/mount.ts";
import { attempt, callError, perform } from "../../ffi/call.ts";
import { close, openat2, write } from "../../ffi/file.ts";
import {
  fsconfigCreate,
  fsconfigSet,
  fsmount,
  fsopen,
  mountSetattr,
  moveMount,
  openTree,
} from "../../ffi/mount.ts";
import { RuntimeError } from "../errors.ts";
import type { Context } from "../gofer/context.ts";
import { goferOf, procOf, rootOf } from "../gofer/context.ts";
import { sysctlPath } from "../spec/sysctl.ts";
import { isDirectory, openIn, openOrMake, statusOf } from "./resolve.ts";
import type {
  MakeDirectoryStep,
  MaskPathStep,
  ReadOnlyPathStep,
  SysctlStep,
} from "./step.ts";

const ENOENT = -2;
const ENOTDIR = -20;
const S_IFMT = 0o170000;
const S_IFCHR = 0o020000;

/** Opens a path that may be missing: then undefined. */
function openIfThere(context: Context, path: string): number | undefined {
  const call = openIn(rootOf(context), path);
  const fd = attempt(goferOf(context), call);
  if (fd === ENOENT || fd === ENOTDIR) return undefined;
  if (fd < 0) throw callError(call, fd);
  return fd;
}

/** Binds a path on itself, read-only with all below. A missing one is skipped. */
export function makeReadOnly(step: ReadOnlyPathStep, context: Context): void {
  const fd = openIfThere(context, step.path);
  if (fd === undefined) return;
  const tree = openTree(fd, "", { recursive: true, object: step.path });
  goferOf(context).run(
    tree,
    mountSetattr(
      tree,
      { set: MOUNT.MOUNT_ATTR_RDONLY, recursive: true },
      step.path,
    ),
    moveMount(tree, fd, step.path),
    close(tree),
    close(fd),
  );
}

/**
 * A detached copy of the container's /dev/null: opened, and proved to be the
 * null device by the same descriptor (CVE-2025-31133).
 */
function nullTree(context: Context): number {
  const gofer = goferOf(context);
  const fd = perform(
    gofer,
    openIn(rootOf(context), "/dev/null", FCNTL.O_PATH | FCNTL.O_NOFOLLOW),
  );
  const status = statusOf(gofer, fd);
  const isNull = (status.stx_mode & S_IFMT) === S_IFCHR &&
    status.stx_rdev_major === 1 && status.stx_rdev_minor === 3;
  if (!isNull) {
    throw new RuntimeError(
      '"/dev/null" of the container is not the null device',
    );
  }
  const tree = openTree(fd, "", { object: "/dev/null" });
  return gofer.run(tree, close(fd)).value(tree);
}

/** A detached empty directory, read-only; one superblock serves all. */
function emptyTree(context: Context): number {
  const gofer = goferOf(context);
  if (context.maskTree !== undefined) {
    return perform(gofer, openTree(context.maskTree, "", { object: "mask" }));
  }
  const fs = fsopen("tmpfs");
  const tree = fsmount(fs, MOUNT.MOUNT_ATTR_RDONLY, "mask");
  const results = gofer.run(
    fs,
    fsconfigSet(fs, "nr_inodes", "2"),
    fsconfigSet(fs, "nr_blocks", "1"),
    fsconfigSet(fs, "mode", "0755"),
    fsconfigCreate(fs, "tmpfs"),
    tree,
    close(fs),
  );
  context.maskTree = results.value(tree);
  return context.maskTree;
}

/** Covers a path: a directory by an empty one, all else by /dev/null. */
export function maskPath(step: MaskPathStep, context: Context): void {
  const gofer = goferOf(context);
  const fd = openIfThere(context, step.path);
  if (fd === undefined) return;
  const tree = isDirectory(statusOf(gofer, fd))
    ? emptyTree(context)
    : nullTree(context);
  gofer.run(moveMount(tree, fd, step.path), close(fd));
  if (tree !== context.maskTree) gofer.run(close(tree));
}

/** Writes a sysctl, through the private procfs. */
export function writeSysctl(step: SysctlStep, context: Context): void {
  const file = openat2(procOf(context), `sys/${sysctlPath(step.key)}`, {
    flags: 1, // O_WRONLY
    resolve: FCNTL.RESOLVE_BENEATH | FCNTL.RESOLVE_NO_SYMLINKS |
      FCNTL.RESOLVE_NO_XDEV,
  });
  goferOf(context).run(file, write(file, step.value, step.key), close(file));
}

/** Makes a directory of the container where it is missing. */
export function makeDirectory(step: MakeDirectoryStep, context: Context): void {
  const gofer = goferOf(context);
  const { fd } = openOrMake(gofer, rootOf(context), step.path, "directory");
  gofer.run(close(fd));
}
