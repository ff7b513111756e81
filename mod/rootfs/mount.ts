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
import { MAGIC } from "../../ffi/abi/magic.ts";
import { perform, tolerate } from "../../ffi/call.ts";
import type { Call, Target } from "../../ffi/call.ts";
import { AT_FDCWD, close, openat, read } from "../../ffi/file.ts";
import type { Fd } from "../../ffi/file.ts";
import {
  fsconfigCreate,
  fsconfigSet,
  fsmount,
  fsopen,
  mountSetattr,
  moveMount,
} from "../../ffi/mount.ts";
import { SyscallError } from "../../ffi/errno.ts";
import { RuntimeError } from "../errors.ts";
import type { Context, Tree } from "../gofer/context.ts";
import { goferOf, rootOf } from "../gofer/context.ts";
import type { MountOptions } from "./option.ts";
import { copyUp } from "./copy_up.ts";
import { idMapCalls, idMapError } from "./id_map.ts";
import { parseOptions } from "./option.ts";
import { openOrMake, statusOf } from "./resolve.ts";
import type { Opened } from "./resolve.ts";
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

/**
 * Refuses a target that would undo the container: its root, or something in
 * procfs (CVE-2019-16884, CVE-2019-19921, CVE-2023-27561, CVE-2025-52881).
 */
function checkTarget(context: Context, step: MountStep, to: Opened): void {
  const root = rootStatus(context);
  if (
    to.status.stx_ino === root.stx_ino &&
    to.status.stx_mnt_id === root.stx_mnt_id
  ) {
    throw new RuntimeError("the destination is the root of the container");
  }
  if (to.magic !== MAGIC.PROC_SUPER_MAGIC) return;
  if (COVERABLE.has(step.destination)) return;
  const tree = treeOf(step, context);
  const isProc = tree === undefined
    ? step.type === "proc"
    : tree.magic === MAGIC.PROC_SUPER_MAGIC;
  if (step.destination === "/proc" && isProc) return;
  throw new RuntimeError("the destination is inside procfs");
}

/** What statx says of the container's root; asked once. */
function rootStatus(context: Context): NonNullable<Context["rootStatus"]> {
  context.rootStatus ??= statusOf(goferOf(context), rootOf(context));
  return context.rootStatus;
}

/** The detached tree of a bind. */
function treeOf(step: MountStep, context: Context): Tree | undefined {
  return step.tree === undefined ? undefined : context.trees.get(step.tree);
}

/** The permissions of a directory that was there, for the tmpfs over it. */
function inheritedMode(
  step: MountStep,
  options: MountOptions,
  to: Opened,
): string[] {
  const given = options.data.some((word) => word.startsWith("mode="));
  if (step.type !== "tmpfs" || given || to.made) return [];
  return [`mode=${(to.status.stx_mode & 0o7777).toString(8)}`];
}

/** Is it an error about a mount's attributes? */
function isAttribute(error: unknown): boolean {
  return error instanceof SyscallError && error.syscall === "mount_setattr";
}

/** Is it an error of which the filesystem itself may say more? */
function isOfFilesystem(error: unknown): boolean {
  return error instanceof SyscallError && /^fs/.test(error.syscall);
}

/** The calls that make a new filesystem; the last is the detached mount. */
function filesystemCalls(
  step: MountStep,
  options: MountOptions,
  to: Opened,
): { fs: Call; settings: Call[]; tree: Call } {
  const fs = fsopen(step.type);
  const words = [...options.data, ...inheritedMode(step, options, to)];
  if (options.readonly && !VIRTUAL.has(step.type)) words.unshift("ro");
  const settings: Call[] = words.map((word) => {
    const [key = word, ...value] = word.split("=");
    return fsconfigSet(fs, key, value.length === 0 ? null : value.join("="));
  });
  if (step.source !== "") {
    settings.unshift(fsconfigSet(fs, "source", step.source));
  }
  settings.push(fsconfigCreate(fs, step.type));
  const attributes = options.set & ~deferred(step, options);
  return { fs, settings, tree: fsmount(fs, attributes, step.type) };
}

/** What the filesystem itself says of a refusal: fsopen(2), messages. */
function explain(
  gofer: Target,
  { fs, settings }: { fs: Call; settings: Call[] },
): string {
  const message = tolerate(read(fs, 512));
  const results = gofer.run(fs, ...settings.map(tolerate), message);
  const size = Math.max(0, results.value(message));
  const text = results.output(message).subarray(0, size);
  return new TextDecoder().decode(text).replace(/^[ewi] /, "").trim();
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

/** Opens the target of a mount, making what is missing. */
function openTarget(step: MountStep, context: Context): Opened {
  // procfs and sysfs belong where they are named: never through a symlink.
  const plain = step.type === "proc" || step.type === "sysfs";
  const resolve = plain ? FCNTL.RESOLVE_NO_SYMLINKS : 0;
  const tree = treeOf(step, context);
  const missing = tree?.isDirectory === false ? "file" : "directory";
  const { destination, type } = step;
  const root = rootOf(context);
  try {
    return openOrMake(goferOf(context), root, destination, missing, resolve);
  } catch (error) {
    if (error instanceof SyscallError && error.code === "ELOOP") {
      const why = `mount ${type}: a symbolic link is in the way`;
      throw new RuntimeError(why, { cause: error });
    }
    throw error;
  }
}

/** Attaches one mount. */
export function attachMount(step: MountStep, context: Context): void {
  const gofer = goferOf(context);
  const options = parseOptions(step.options);
  const to = openTarget(step, context);
  checkTarget(context, step, to);
  const attach = (tree: Fd) => [
    moveMount(tree, to.fd, step.destination),
    ...options.propagation.map(({ type, recursive }) =>
      mountSetattr(tree, { propagation: type, recursive }, step.destination)
    ),
    close(tree),
    close(to.fd),
  ];
  const source = treeOf(step, context);
  if (source !== undefined) {
    gofer.run(...attach(source.fd));
    return;
  }
  const made = filesystemCalls(step, options, to);
  const { fs, settings, tree } = made;
  const mapped = idMapCalls(tree, step.idmap, context, step.destination);
  const make = [fs, ...settings, tree, close(fs), ...mapped];
  try {
    if (options.copyUp && !to.made) {
      const fd = gofer.run(...make).value(tree);
      copyUp(gofer, to.fd, fd, step.destination);
      gofer.run(...attach(fd));
    } else gofer.run(...make, ...attach(tree));
  } catch (error) {
    if (step.idmap !== undefined && isAttribute(error)) {
      throw idMapError(error, step.destination);
    }
    if (!isOfFilesystem(error)) throw error;
    const why = explain(gofer, made);
    if (why === "") throw error;
    throw new RuntimeError(why, { cause: error });
  }
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
