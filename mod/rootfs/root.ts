/**
 * The root of the container: opened as a detached tree with the host's rights,
 * bound on itself, and entered.
 *
 * Runs in: gofer, driven by the launcher.
 *
 * @module
 */

import { FCNTL } from "../../ffi/abi/fcntl.ts";
import { STATFS, STATX_BUFFER } from "../../ffi/abi/layout.ts";
import { MOUNT } from "../../ffi/abi/mount.ts";
import { SCHED } from "../../ffi/abi/sched.ts";
import { perform, tolerate } from "../../ffi/call.ts";
import type { Call, Results } from "../../ffi/call.ts";
import { SyscallError } from "../../ffi/errno.ts";
import {
  AT_FDCWD,
  chdir,
  close,
  fchdir,
  fstatfs,
  mkdirat,
  openat,
  statx,
} from "../../ffi/file.ts";
import type { Fd } from "../../ffi/file.ts";
import {
  chroot,
  fsconfigCreate,
  fsconfigSet,
  fsmount,
  fsopen,
  mount,
  mountSetattr,
  moveMount,
  openTree,
  pivotRoot,
  umount2,
} from "../../ffi/mount.ts";
import { unshare } from "../../ffi/process.ts";
import { unpack } from "../../ffi/struct.ts";
import { RuntimeError } from "../errors.ts";
import type { Context } from "../gofer/context.ts";
import { goferOf, rootOf } from "../gofer/context.ts";
import { idMapCalls, idMapError } from "./id_map.ts";
import { parseOptions, parsePropagation } from "./option.ts";
import { isDirectory, openIn } from "./resolve.ts";
import type {
  AttachRootStep,
  EnterRootStep,
  FinalPropagationStep,
  OpenRootStep,
  OpenSourceStep,
  RemountReadOnlyStep,
  RootPropagationStep,
  UnshareMountsStep,
} from "./step.ts";

const DIRECTORY = FCNTL.O_PATH | FCNTL.O_DIRECTORY;

/** The flags of mount(2) for a word of `rootfsPropagation`. */
function propagationFlags(word: string): number {
  const way = parsePropagation(word);
  if (way === undefined) throw new RuntimeError(`propagation "${word}"`);
  return way.type | (way.recursive ? MOUNT.MS_REC : 0);
}

/** A mount namespace of our own, whose events do not reach the host. */
export function unshareMounts(step: UnshareMountsStep, context: Context): void {
  goferOf(context).run(
    unshare(SCHED.CLONE_NEWNS, "mount namespace"),
    mount("none", "/", "", propagationFlags(step.propagation)),
    // A shared holder would make pivot_root fail, and leak the self-bind.
    ...step.holder === undefined
      ? []
      : [mount("none", step.holder, "", MOUNT.MS_PRIVATE)],
  );
}

/** Escapes what overlayfs gives a meaning in a list of layers. */
function escapeLayer(path: string): string {
  return path.replace(/[\\:,]/g, "\\$&");
}

/**
 * A detached overlay whose lower layer is `lower`: edits go to a tmpfs of its
 * own that goes when the container goes.
 */
function openOverlay(context: Context, lower: string, label: string): number {
  const gofer = goferOf(context);
  // In our mount namespace only, the tmpfs lies over the state directory, so
  // that the layers have paths, which every kernel's overlayfs can take.
  const at = context.directory;
  const fs = fsopen("tmpfs");
  const upper = fsmount(fs, 0, "upper layer");
  const place = openat(AT_FDCWD, at, DIRECTORY);
  const overlay = fsopen("overlay");
  const tree = fsmount(overlay, 0, label);
  const results = gofer.run(
    fs,
    fsconfigSet(fs, "size", "50%"),
    fsconfigSet(fs, "mode", "0700"),
    fsconfigCreate(fs, "tmpfs"),
    upper,
    mkdirat(upper, "upper", 0o755),
    mkdirat(upper, "work", 0o700),
    place,
    moveMount(upper, place, at),
    overlay,
    fsconfigSet(overlay, "source", "burrow"),
    fsconfigSet(overlay, "lowerdir", escapeLayer(lower)),
    fsconfigSet(overlay, "upperdir", escapeLayer(`${at}/upper`)),
    fsconfigSet(overlay, "workdir", escapeLayer(`${at}/work`)),
    fsconfigCreate(overlay, "overlay"),
    tree,
    umount2(at, MOUNT.MNT_DETACH),
    close(overlay),
    close(place),
    close(upper),
    close(fs),
  );
  return results.value(tree);
}

/**
 * Opens the root as a detached tree, and stands in the directory where it will
 * be attached: a new mount namespace takes the working directory along, where a
 * path may be closed to the new user namespace.
 */
export function openRoot(step: OpenRootStep, context: Context): void {
  const gofer = goferOf(context);
  if (step.overlay) {
    context.root = openOverlay(context, step.path, step.path);
    gofer.run(chdir(step.path));
    return;
  }
  const place = openat(AT_FDCWD, step.path, DIRECTORY);
  const tree = openTree(place, "", { recursive: true, object: step.path });
  const results = gofer.run(place, tree, fchdir(place), close(place));
  context.root = results.value(tree);
}

/** The calls that set the attributes the options ask for; maybe none. */
function attributeCalls(
  tree: Fd,
  step: OpenSourceStep,
  context: Context,
): Call[] {
  const { set, clear, recursive } = parseOptions(step.options);
  const calls = idMapCalls(tree, step.idmap, context, step.source);
  if ((recursive.set | recursive.clear) !== 0) {
    const change = { ...recursive, recursive: true };
    calls.push(mountSetattr(tree, change, step.source));
  }
  if ((set | clear) !== 0) {
    calls.push(mountSetattr(tree, { set, clear }, step.source));
  }
  return calls;
}

/** Says why a tree cannot have the attributes that it is to have. */
function explainAttributes(error: unknown, step: OpenSourceStep): unknown {
  if (!(error instanceof SyscallError)) return error;
  if (error.syscall === "open_tree" && error.code === "EINVAL") {
    return new RuntimeError(`bind "${step.source}"`, {
      cause: error,
      hint: "a user namespace takes what is mounted below along: rbind",
    });
  }
  if (error.syscall !== "mount_setattr") return error;
  if (step.idmap !== undefined) return idMapError(error, step.source);
  if (error.code !== "EPERM") return error;
  return new RuntimeError(`bind "${step.source}"`, {
    cause: error,
    hint: "the host has locked one of its flags: " +
      step.options.filter((word) => !word.endsWith("bind")).join(", "),
  });
}

/** Opens a bind source as a detached tree, with its attributes. */
export function openSource(step: OpenSourceStep, context: Context): void {
  const gofer = goferOf(context);
  const open = openTree(AT_FDCWD, step.source, { recursive: step.recursive });
  const overlay = step.overlay
    ? openOverlay(context, step.source, step.source)
    : undefined;
  const tree = overlay ?? open;
  const stat = statx(tree, "");
  const fs = fstatfs(tree);
  const attributes = attributeCalls(tree, step, context);
  let results: Results;
  try {
    const opened = overlay === undefined ? [open] : [];
    results = gofer.run(...opened, ...attributes, stat, fs);
  } catch (error) {
    throw explainAttributes(error, step);
  }
  context.trees.set(step.tree, {
    fd: overlay ?? results.value(open),
    isDirectory: isDirectory(unpack(STATX_BUFFER, results.output(stat))),
    magic: unpack(STATFS, results.output(fs)).f_type,
  });
}

/** Binds the root on itself, where it lies, before anything is mounted in it. */
export function attachRoot(step: AttachRootStep, context: Context): void {
  const here = openat(AT_FDCWD, ".", DIRECTORY);
  const root = rootOf(context);
  goferOf(context).run(
    here,
    moveMount(root, here, step.path),
    close(here),
    fchdir(root),
  );
}

/** Sets the propagation that mounts in the root inherit: before the first. */
export function rootPropagation(
  step: RootPropagationStep,
  context: Context,
): void {
  const propagation = step.propagation === "slave"
    ? MOUNT.MS_SLAVE
    : MOUNT.MS_PRIVATE;
  perform(
    goferOf(context),
    mountSetattr(
      rootOf(context),
      { propagation, recursive: true },
      "/",
    ),
  );
}

/**
 * Makes the container's root the root of the gofer.
 *
 * pivot_root(".", ".") stacks the old root on the new one. It is made slave,
 * recursively, before it is detached: on a host whose `/` is shared the unmount
 * would reach the host, and empty it.
 */
export function enterRoot(step: EnterRootStep, context: Context): void {
  const gofer = goferOf(context);
  const root = rootOf(context);
  if (step.how === "pivot_root") {
    const old = openat(AT_FDCWD, "/", DIRECTORY);
    gofer.run(
      old,
      fchdir(root),
      pivotRoot(".", "."),
      fchdir(old),
      mount("none", ".", "", MOUNT.MS_SLAVE | MOUNT.MS_REC),
      umount2(".", MOUNT.MNT_DETACH),
      chdir("/"),
      close(old),
    );
    return;
  }
  if (step.how === "move") {
    // An initramfs cannot be pivoted away. The host's proc and sysfs would be
    // in reach below the moved root, so they are taken off first.
    gofer.run(
      tolerate(umount2("/proc", MOUNT.MNT_DETACH)),
      tolerate(umount2("/sys", MOUNT.MNT_DETACH)),
      fchdir(root),
      mount(".", "/", "", MOUNT.MS_MOVE),
    );
  }
  gofer.run(fchdir(root), chroot("."), chdir("/"));
}

/** Shares `/` after the pivot: before it, pivot_root would be refused. */
export function finalPropagation(
  step: FinalPropagationStep,
  context: Context,
): void {
  perform(
    goferOf(context),
    mount("none", "/", "", propagationFlags(step.propagation)),
  );
}

/** Makes a mount of the container read-only, with its other attributes kept. */
export function remountReadOnly(
  step: RemountReadOnlyStep,
  context: Context,
): void {
  const at = openIn(rootOf(context), step.path);
  goferOf(context).run(
    at,
    mountSetattr(at, { set: MOUNT.MOUNT_ATTR_RDONLY }, step.path),
    close(at),
  );
}
