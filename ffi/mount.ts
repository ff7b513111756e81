/**
 * System calls of mounts, as data: mount_setattr(2), open_tree(2), fsopen(2)
 * and their kin, and the older mount(2) where propagation is set by path.
 *
 * @module
 */

import { MOUNT_ATTR } from "./abi/layout.ts";
import { FCNTL } from "./abi/fcntl.ts";
import { MOUNT } from "./abi/mount.ts";
import type { Call } from "./call.ts";
import type { Fd } from "./file.ts";
import { pack } from "./struct.ts";

/** mount(2). `data` null: none. */
export function mount(
  source: string,
  target: string,
  type: string,
  flags: number,
  data: string | null = null,
): Call {
  return {
    syscall: "mount",
    args: [source, target, type, flags, data],
    object: JSON.stringify(target),
  };
}

/** umount2(2). */
export function umount2(target: string, flags: number): Call {
  return {
    syscall: "umount2",
    args: [target, flags],
    object: JSON.stringify(target),
  };
}

/** pivot_root(2). */
export function pivotRoot(newRoot: string, putOld: string): Call {
  return { syscall: "pivot_root", args: [newRoot, putOld], object: "" };
}

/** chroot(2). */
export function chroot(path: string): Call {
  return { syscall: "chroot", args: [path], object: JSON.stringify(path) };
}

/** open_tree(2): a detached copy of the mount at `path`, or of a descriptor. */
export function openTree(
  dir: Fd,
  path: string,
  options: { recursive?: boolean; object?: string } = {},
): Call {
  const flags = MOUNT.OPEN_TREE_CLONE | MOUNT.OPEN_TREE_CLOEXEC |
    (path === "" ? FCNTL.AT_EMPTY_PATH : 0) |
    (options.recursive ? FCNTL.AT_RECURSIVE : 0);
  return {
    syscall: "open_tree",
    args: [dir, path, flags],
    object: JSON.stringify(options.object ?? path),
  };
}

/** move_mount(2): attaches a detached tree to the directory or file `to`. */
export function moveMount(tree: Fd, to: Fd, object: string): Call {
  const flags = MOUNT.MOVE_MOUNT_F_EMPTY_PATH | MOUNT.MOVE_MOUNT_T_EMPTY_PATH;
  return {
    syscall: "move_mount",
    args: [tree, "", to, "", flags],
    object: JSON.stringify(object),
  };
}

/** fsopen(2). */
export function fsopen(type: string): Call {
  return {
    syscall: "fsopen",
    args: [type, MOUNT.FSOPEN_CLOEXEC],
    object: JSON.stringify(type),
  };
}

/** fsconfig(2): a key with a value; null: a flag. */
export function fsconfigSet(fs: Fd, key: string, value: string | null): Call {
  const command = value === null
    ? MOUNT.FSCONFIG_SET_FLAG
    : MOUNT.FSCONFIG_SET_STRING;
  return {
    syscall: "fsconfig",
    args: [fs, command, key, value, 0],
    object: JSON.stringify(value === null ? key : `${key}=${value}`),
  };
}

/** fsconfig(2): makes the superblock. */
export function fsconfigCreate(fs: Fd, type: string): Call {
  return {
    syscall: "fsconfig",
    args: [fs, MOUNT.FSCONFIG_CMD_CREATE, null, null, 0],
    object: JSON.stringify(type),
  };
}

/** fsmount(2): a detached mount with `MOUNT_ATTR_*` attributes. */
export function fsmount(fs: Fd, attributes: number, object: string): Call {
  return {
    syscall: "fsmount",
    args: [fs, MOUNT.FSMOUNT_CLOEXEC, attributes],
    object: JSON.stringify(object),
  };
}

/** mount_setattr(2) on a descriptor. `MOUNT_ATTR_*` bits; `MS_*` propagation. */
export function mountSetattr(
  fd: Fd,
  change: {
    set?: number;
    clear?: number;
    propagation?: number;
    userns?: number;
    recursive?: boolean;
  },
  object: string,
): Call {
  const flags = FCNTL.AT_EMPTY_PATH |
    (change.recursive ? FCNTL.AT_RECURSIVE : 0);
  const attr = pack(MOUNT_ATTR, {
    attr_set: change.set ?? 0,
    attr_clr: change.clear ?? 0,
    propagation: change.propagation ?? 0,
    userns_fd: change.userns ?? 0,
  });
  return {
    syscall: "mount_setattr",
    args: [fd, "", flags, attr, MOUNT_ATTR.size],
    object: JSON.stringify(object),
  };
}
