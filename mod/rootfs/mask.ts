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
import type { Call } from "../../ffi/call.ts";
import { SyscallError } from "../../ffi/errno.ts";
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
import { isDirectory, openIn, openOrMake, openThere } from "./resolve.ts";
import type { Opened } from "./resolve.ts";
import type {
  MakeDirectoryStep,
  MaskPathStep,
  ReadOnlyPathStep,
  SysctlStep,
} from "./step.ts";

const S_IFMT = 0o170000;
const S_IFCHR = 0o020000;

/** Opens a path that may be missing, and looks at it: then undefined. */
function openIfThere(context: Context, path: string): Opened | undefined {
  try {
    return openThere(goferOf(context), openIn(rootOf(context), path));
  } catch (error) {
    const missing = error instanceof SyscallError &&
      (error.code === "ENOENT" || error.code === "ENOTDIR");
    if (missing) return undefined;
    throw error;
  }
}

/** Binds a path on itself, read-only with all below. A missing one is skipped. */
export function makeReadOnly(step: ReadOnlyPathStep, context: Context): void {
  const fd = openIfThere(context, step.path)?.fd;
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
 * The container's /dev/null: opened once, and proved to be the null device by
 * the same descriptor of which all masks are made (CVE-2025-31133).
 */
function nullDevice(context: Context): number {
  if (context.nullDevice !== undefined) return context.nullDevice;
  const { fd, status } = openThere(
    goferOf(context),
    openIn(rootOf(context), "/dev/null", FCNTL.O_PATH | FCNTL.O_NOFOLLOW),
  );
  const isNull = (status.stx_mode & S_IFMT) === S_IFCHR &&
    status.stx_rdev_major === 1 && status.stx_rdev_minor === 3;
  if (!isNull) {
    throw new RuntimeError(
      '"/dev/null" of the container is not the null device',
    );
  }
  context.nullDevice = fd;
  return fd;
}

/** The calls that attach a first empty directory, read-only. */
function emptyDirectory(to: number, path: string): Call[] {
  const fs = fsopen("tmpfs");
  const tree = fsmount(fs, MOUNT.MOUNT_ATTR_RDONLY, "mask");
  return [
    fs,
    fsconfigSet(fs, "nr_inodes", "2"),
    fsconfigSet(fs, "nr_blocks", "1"),
    fsconfigSet(fs, "mode", "0755"),
    fsconfigCreate(fs, "tmpfs"),
    tree,
    close(fs),
    moveMount(tree, to, path),
  ];
}

/**
 * Covers a path: a directory by an empty one, all else by /dev/null. One
 * superblock serves all directories.
 */
export function maskPath(step: MaskPathStep, context: Context): void {
  const gofer = goferOf(context);
  const opened = openIfThere(context, step.path);
  if (opened === undefined) return;
  const { fd } = opened;
  const directory = isDirectory(opened.status);
  if (directory && context.maskTree === undefined) {
    const calls = emptyDirectory(fd, step.path);
    const tree = calls.find(({ syscall }) => syscall === "fsmount");
    const results = gofer.run(...calls, close(fd));
    if (tree !== undefined) context.maskTree = results.value(tree);
    return;
  }
  const source = directory ? context.maskTree : nullDevice(context);
  const tree = openTree(source ?? -1, "", { object: "mask" });
  gofer.run(tree, moveMount(tree, fd, step.path), close(tree), close(fd));
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
