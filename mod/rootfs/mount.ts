/**
 * Attaches the mounts of the spec, by descriptor: the target is opened beneath
 * the root and pinned, then the detached mount is moved onto it, so that nobody
 * can exchange the path in between (CVE-2021-30465).
 *
 * Runs in: gofer, driven by the launcher.
 *
 * @module
 */

import { FCNTL } from "../../ffi/abi/fcntl.ts";
import { STATFS } from "../../ffi/abi/layout.ts";
import { MAGIC } from "../../ffi/abi/magic.ts";
import { perform, tolerate } from "../../ffi/call.ts";
import type { Call, Target } from "../../ffi/call.ts";
import { AT_FDCWD, close, fstatfs, openat, read } from "../../ffi/file.ts";
import {
  fsconfigCreate,
  fsconfigSet,
  fsmount,
  fsopen,
  mountSetattr,
  moveMount,
} from "../../ffi/mount.ts";
import { unpack } from "../../ffi/struct.ts";
import { SyscallError } from "../../ffi/errno.ts";
import { RuntimeError } from "../errors.ts";
import type { Context } from "../gofer/context.ts";
import { goferOf, rootOf } from "../gofer/context.ts";
import type { MountOptions } from "./option.ts";
import { parseOptions } from "./option.ts";
import { openOrMake, statusOf } from "./resolve.ts";
import type { Status } from "./resolve.ts";
import type { MountStep } from "./step.ts";

/** Files of procfs that a mount may cover: what lxcfs and its like replace. */
const COVERABLE = new Set([
  "/proc/cpuinfo",
  "/proc/diskstats",
  "/proc/meminfo",
  "/proc/stat",
  "/proc/swaps",
  "/proc/uptime",
  "/proc/loadavg",
  "/proc/slabinfo",
  "/proc/sys/kernel/ns_last_pid",
  "/proc/sys/crypto/fips_enabled",
]);

/** Filesystems without a device, whose superblock needs no `ro`. */
const VIRTUAL = new Set([
  "proc",
  "sysfs",
  "tmpfs",
  "devpts",
  "mqueue",
  "cgroup",
  "cgroup2",
  "overlay",
]);

/** The kind of filesystem that an open file is on. */
function magicOf(target: Target, fd: number): number {
  const call = fstatfs(fd);
  return unpack(STATFS, target.run(call).output(call)).f_type;
}

/**
 * Refuses a target that would undo the container: its root, or something in
 * procfs (CVE-2019-16884, CVE-2019-19921, CVE-2023-27561, CVE-2025-52881).
 */
function checkTarget(
  context: Context,
  step: MountStep,
  fd: number,
  status: Status,
): void {
  const gofer = goferOf(context);
  const root = statusOf(gofer, rootOf(context));
  if (
    status.stx_ino === root.stx_ino && status.stx_mnt_id === root.stx_mnt_id
  ) {
    throw new RuntimeError("the destination is the root of the container");
  }
  if (magicOf(gofer, fd) !== MAGIC.PROC_SUPER_MAGIC) return;
  if (COVERABLE.has(step.destination)) return;
  const tree = step.tree === undefined
    ? undefined
    : context.trees.get(step.tree);
  const isProc = tree === undefined
    ? step.type === "proc"
    : magicOf(gofer, tree.fd) === MAGIC.PROC_SUPER_MAGIC;
  if (step.destination === "/proc" && isProc) return;
  throw new RuntimeError("the destination is inside procfs");
}

/** The permissions of a directory that was there, for the tmpfs over it. */
function inheritedMode(
  step: MountStep,
  options: MountOptions,
  made: boolean,
  status: Status,
): string[] {
  const given = options.data.some((word) => word.startsWith("mode="));
  if (step.type !== "tmpfs" || given || made) return [];
  return [`mode=${(status.stx_mode & 0o7777).toString(8)}`];
}

/** A new filesystem, detached. */
function makeFilesystem(
  gofer: Target,
  step: MountStep,
  options: MountOptions,
  data: readonly string[],
): number {
  const fs = perform(gofer, fsopen(step.type));
  const tree = fsmount(fs, options.set & ~deferred(step, options), step.type);
  const words = [...data];
  if (options.readonly && !VIRTUAL.has(step.type)) words.unshift("ro");
  const settings: Call[] = words.map((word) => {
    const [key = word, ...value] = word.split("=");
    return fsconfigSet(fs, key, value.length === 0 ? null : value.join("="));
  });
  if (step.source !== "") {
    settings.unshift(fsconfigSet(fs, "source", step.source));
  }
  try {
    const results = gofer.run(
      ...settings,
      fsconfigCreate(fs, step.type),
      tree,
      close(fs),
    );
    return results.value(tree);
  } catch (error) {
    const hint = explain(gofer, fs);
    if (hint === "") throw error;
    throw new RuntimeError(hint, { cause: error });
  }
}

/** What the filesystem itself says of its refusal: fsopen(2), messages. */
function explain(gofer: Target, fs: number): string {
  const call = tolerate(read(fs, 512));
  const results = gofer.run(call);
  const size = Math.max(0, results.value(call));
  const text = new TextDecoder().decode(results.output(call).subarray(0, size));
  return text.replace(/^[ewi] /, "").trim();
}

/** Read-only comes later where we still have to write: after the hooks. */
function deferred(step: MountStep, options: MountOptions): number {
  return isDeferredReadOnly(step.type, step.destination) && options.readonly
    ? 1 // MOUNT_ATTR_RDONLY
    : 0;
}

/** Is a read-only mount of this kind made read-only only after the hooks? */
export function isDeferredReadOnly(type: string, destination: string): boolean {
  return type === "tmpfs" || destination === "/dev";
}

/** Attaches one mount. */
export function attachMount(step: MountStep, context: Context): void {
  const gofer = goferOf(context);
  const options = parseOptions(step.options);
  const tree = step.tree === undefined
    ? undefined
    : context.trees.get(step.tree);
  // procfs and sysfs belong where they are named: never through a symlink.
  const resolve = step.type === "proc" || step.type === "sysfs"
    ? FCNTL.RESOLVE_NO_SYMLINKS
    : 0;
  const missing = tree?.isDirectory === false ? "file" : "directory";
  let target: { fd: number; made: boolean };
  try {
    target = openOrMake(
      gofer,
      rootOf(context),
      step.destination,
      missing,
      resolve,
    );
  } catch (error) {
    if (error instanceof SyscallError && error.code === "ELOOP") {
      const why = `mount ${step.type}: a symbolic link is in the way`;
      throw new RuntimeError(why, { cause: error });
    }
    throw error;
  }
  const status = statusOf(gofer, target.fd);
  checkTarget(context, step, target.fd, status);
  const data = [
    ...options.data,
    ...inheritedMode(step, options, target.made, status),
  ];
  const fd = tree?.fd ?? makeFilesystem(gofer, step, options, data);
  perform(gofer, moveMount(fd, target.fd, step.destination));
  for (const { type, recursive } of options.propagation) {
    perform(
      gofer,
      mountSetattr(fd, { propagation: type, recursive }, step.destination),
    );
  }
  gofer.run(close(fd), close(target.fd));
}

/**
 * A procfs of the container's pid namespace that is attached nowhere: what is
 * written there reaches the kernel, whatever the image mounts (CVE-2025-52881).
 * Where the kernel refuses (a host that hides parts of its own procfs, seen
 * from a user namespace) the host's is taken, before the pivot.
 */
export function openProc(_step: unknown, context: Context): void {
  const gofer = goferOf(context);
  const fs = fsopen("proc");
  const tree = fsmount(fs, 0, "proc");
  try {
    const results = gofer.run(fs, fsconfigCreate(fs, "proc"), tree, close(fs));
    context.proc = results.value(tree);
  } catch (error) {
    if (!(error instanceof SyscallError) || error.code !== "EPERM") throw error;
    const host = openat(AT_FDCWD, "/proc", FCNTL.O_PATH | FCNTL.O_DIRECTORY);
    context.proc = perform(gofer, host);
  }
}
