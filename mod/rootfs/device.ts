/**
 * Device nodes and the links of /dev: which, and how they are made.
 *
 * @see https://github.com/opencontainers/runtime-spec/blob/v1.3.0/config-linux.md#default-devices
 * @module
 */

import { FCNTL } from "../../ffi/abi/fcntl.ts";
import { STATX_BUFFER } from "../../ffi/abi/layout.ts";
import { callError, tolerate } from "../../ffi/call.ts";
import {
  close,
  fchmodat,
  fchown,
  mknodat,
  statx,
  symlinkat,
  unlinkat,
} from "../../ffi/file.ts";
import { moveMount } from "../../ffi/mount.ts";
import { unpack } from "../../ffi/struct.ts";
import { RuntimeError } from "../errors.ts";
import type { Context } from "../gofer/context.ts";
import { goferOf, procOf, rootOf } from "../gofer/context.ts";
import type { Spec } from "../spec/config.ts";
import { openIn, openOrMake } from "./resolve.ts";
import type { DeviceStep, LinkStep } from "./step.ts";

const EEXIST = -17;
const S_IFMT = 0o170000;
const TYPE = { c: 0o020000, b: 0o060000, p: 0o010000 } as const;

/** The nodes that every container has: path, major, minor. */
const DEFAULT: readonly (readonly [string, number, number])[] = [
  ["/dev/null", 1, 3],
  ["/dev/zero", 1, 5],
  ["/dev/full", 1, 7],
  ["/dev/tty", 5, 0],
  ["/dev/random", 1, 8],
  ["/dev/urandom", 1, 9],
];

/** The links of /dev, and what they say. */
const LINKS: readonly (readonly [string, string])[] = [
  ["/dev/fd", "/proc/self/fd"],
  ["/dev/stdin", "/proc/self/fd/0"],
  ["/dev/stdout", "/proc/self/fd/1"],
  ["/dev/stderr", "/proc/self/fd/2"],
  ["/dev/ptmx", "pts/ptmx"],
];

/** makedev(3). */
function makedev(major: number, minor: number): number {
  return ((minor & 0xff) | ((major & 0xfff) << 8) |
    ((minor & ~0xff) << 12)) >>> 0;
}

/** Is /dev the host's? Then nothing is made there. */
export function isDevBound(spec: Spec): boolean {
  return (spec.mounts ?? []).some((mount) =>
    mount.destination.replace(/\/+$/, "") === "/dev" &&
    (mount.type === "bind" ||
      (mount.options ?? []).some((o) => o === "bind" || o === "rbind"))
  );
}

/**
 * The device steps of a spec. A node of the spec takes the place of a default
 * one at the same path. Pure.
 */
export function planDevices(spec: Spec): DeviceStep[] {
  if (isDevBound(spec)) return [];
  const steps = new Map<string, DeviceStep>();
  for (const [path, major, minor] of DEFAULT) {
    steps.set(path, {
      kind: "device",
      path,
      type: "c",
      major,
      minor,
      mode: 0o666,
      uid: 0,
      gid: 0,
    });
  }
  for (const device of spec.linux?.devices ?? []) {
    steps.set(device.path, {
      kind: "device",
      path: device.path,
      type: device.type === "u" ? "c" : device.type,
      major: device.major ?? 0,
      minor: device.minor ?? 0,
      mode: (device.fileMode ?? 0o666) & 0o7777,
      uid: device.uid ?? 0,
      gid: device.gid ?? 0,
    });
  }
  return [...steps.values()];
}

/** The link steps of a spec; `/dev/core` where the host has /proc/kcore. Pure. */
export function planLinks(spec: Spec, hasKcore: boolean): LinkStep[] {
  if (isDevBound(spec)) return [];
  const all = hasKcore
    ? [...LINKS, ["/dev/core", "/proc/kcore"] as const]
    : LINKS;
  return all.map(([path, target]) => ({ kind: "link", path, target }));
}

/** Splits a path into its directory and its last component. */
function split(path: string): [directory: string, name: string] {
  const at = path.lastIndexOf("/");
  return [path.slice(0, at) || "/", path.slice(at + 1)];
}

/** Attaches the host's node, opened before, to an empty file. */
function bindDevice(step: DeviceStep, tree: number, context: Context): void {
  const gofer = goferOf(context);
  const target = openOrMake(gofer, rootOf(context), step.path, "file");
  gofer.run(
    moveMount(tree, target.fd, step.path),
    close(tree),
    close(target.fd),
  );
}

/**
 * Makes a device node: through a descriptor of its directory in the root, then
 * opened again and verified before its owner is set (CVE-2025-52565 and its
 * like). Runs in: gofer, driven by the launcher, with umask 0.
 */
export function makeDevice(step: DeviceStep, context: Context): void {
  const gofer = goferOf(context);
  const tree = step.tree === undefined
    ? undefined
    : context.trees.get(step.tree);
  if (tree !== undefined) return bindDevice(step, tree.fd, context);
  const [directory, name] = split(step.path);
  const root = rootOf(context);
  const parent = openOrMake(gofer, root, directory, "directory").fd;
  const type = TYPE[step.type];
  const device = step.type === "p" ? 0 : makedev(step.major, step.minor);
  const node = tolerate(mknodat(parent, name, type | step.mode, device));
  const open = openIn(parent, name, FCNTL.O_PATH | FCNTL.O_NOFOLLOW);
  const stat = statx(open, "");
  const results = gofer.run(node, open, stat);
  const made = results.value(node);
  if (made < 0 && made !== EEXIST) throw callError(node, made);
  const fd = results.value(open);
  const status = unpack(STATX_BUFFER, results.output(stat));
  const isIt = (status.stx_mode & S_IFMT) === type &&
    (step.type === "p" ||
      (status.stx_rdev_major === step.major &&
        status.stx_rdev_minor === step.minor));
  if (!isIt) {
    throw new RuntimeError(`"${step.path}" is there already, and is another`);
  }
  const owned = status.stx_uid === step.uid && status.stx_gid === step.gid;
  const right = (status.stx_mode & 0o7777) === step.mode;
  gofer.run(
    ...owned ? [] : [fchown(fd, step.uid, step.gid)],
    ...right ? [] : [fchmodat(procOf(context), `self/fd/${fd}`, step.mode)],
    close(fd),
    close(parent),
  );
}

/** Makes a symbolic link; one that is there stays, /dev/ptmx is replaced. */
export function makeLink(step: LinkStep, context: Context): void {
  const [directory, name] = split(step.path);
  const gofer = goferOf(context);
  const root = rootOf(context);
  const parent = openOrMake(gofer, root, directory, "directory").fd;
  const link = tolerate(symlinkat(step.target, parent, name));
  const replace = step.path === "/dev/ptmx"
    ? [tolerate(unlinkat(parent, name))]
    : [];
  const made = gofer.run(...replace, link, close(parent)).value(link);
  if (made < 0 && made !== EEXIST) throw callError(link, made);
}
