/**
 * What a plan must know of this host: looked up before, without privileges, so
 * that the plan itself is pure.
 *
 * Runs in: launcher.
 *
 * @module
 */

import { FCNTL } from "../../ffi/abi/fcntl.ts";
import { STATFS } from "../../ffi/abi/layout.ts";
import { attempt, perform } from "../../ffi/call.ts";
import { AT_FDCWD, close, fstatfs, openat } from "../../ffi/file.ts";
import { local } from "../../ffi/local.ts";
import { kernelRelease, uname } from "../../ffi/process.ts";
import { unpack } from "../../ffi/struct.ts";
import { detectCgroups } from "../cgroups/detect.ts";
import type { CgroupHost } from "../cgroups/detect.ts";
import { RuntimeError } from "../errors.ts";
import { checkLabels } from "../process/label.ts";
import { openIn } from "../rootfs/resolve.ts";
import type { CompiledFilter } from "../seccomp/plan.ts";
import type { Spec } from "../spec/config.ts";
import { filterOf } from "./seccomp.ts";

/** A mount of this host: a line of /proc/self/mountinfo. */
export interface HostMount {
  /** Where it is attached. */
  readonly mountPoint: string;
  /** The type of its filesystem. */
  readonly type: string;
}

/** What is known of this host. */
export interface HostFacts {
  /** The root's path without symlinks. */
  readonly rootPath: string;
  /** The mount that holds it. */
  readonly holder: string;
  /** Its mount, or its filesystem, is read-only. */
  readonly rootReadOnly: boolean;
  /** Paths of the spec that are not in the root. */
  readonly missing: readonly string[];
  /** The launcher is root of the initial user namespace. */
  readonly hostRoot: boolean;
  /** The launcher is an ordinary user. */
  readonly rootless: boolean;
  /** Where resctrl is mounted, if the spec asks for it. */
  readonly resctrl: string | undefined;
  /** The host has /proc/kcore. */
  readonly hasKcore: boolean;
  /** Programs of createContainer hooks that are not there. */
  readonly missingHooks: ReadonlySet<string>;
  /** The host's cgroups. */
  readonly cgroups: CgroupHost;
  /** The system call filter, as this host's library compiles it. */
  readonly filter: CompiledFilter | undefined;
}

/** Undoes the octal escapes of mountinfo. */
function unescape(path: string): string {
  return path.replace(
    /\\([0-7]{3})/g,
    (_, digits) => String.fromCharCode(parseInt(digits, 8)),
  );
}

/** The mounts of this process: proc_pid_mountinfo(5). */
export function hostMounts(): HostMount[] {
  return Deno.readTextFileSync("/proc/self/mountinfo").trim().split("\n")
    .map((line) => {
      const fields = line.split(" ");
      return {
        mountPoint: unescape(fields[4] ?? ""),
        type: fields[fields.indexOf("-") + 1] ?? "",
      };
    });
}

/** Is a path a directory, or below it? */
export function isWithin(path: string, directory: string): boolean {
  return directory === "/" || path === directory ||
    path.startsWith(`${directory}/`);
}

/** The mount that holds a path: the longest mount point above it. */
function holderOf(path: string, mounts: readonly HostMount[]): string {
  let holder = "/";
  for (const { mountPoint } of mounts) {
    if (isWithin(path, mountPoint) && mountPoint.length >= holder.length) {
      holder = mountPoint;
    }
  }
  return holder;
}

/** Is this process root of the initial user namespace? */
export function isHostRoot(): boolean {
  if (Deno.uid() !== 0) return false;
  const map = Deno.readTextFileSync("/proc/self/uid_map").trim();
  return map.split(/\s+/).join(" ") === "0 0 4294967295";
}

/** Paths that the container will want to exist, in the order of the spec. */
function wantedPaths(spec: Spec): string[] {
  return [
    ...(spec.mounts ?? []).map((mount) => mount.destination),
    ...(spec.linux?.devices ?? []).map((device) => device.path),
    "/dev/null",
    ...spec.process?.terminal === true ? ["/dev/console"] : [],
    ...(spec.process === undefined ? [] : [spec.process.cwd]),
  ];
}

/** Those paths that are missing in a root; what a mount brings is not. */
function missingPaths(spec: Spec, rootPath: string): string[] {
  const root = perform(
    local,
    openat(AT_FDCWD, rootPath, FCNTL.O_PATH | FCNTL.O_DIRECTORY),
  );
  const mounted = (spec.mounts ?? []).map((mount) => mount.destination);
  const missing = wantedPaths(spec).filter((path) => {
    if (mounted.some((m) => m !== path && isWithin(path, m))) return false;
    const fd = attempt(local, openIn(root, path));
    if (fd >= 0) local.run(close(fd));
    return fd < 0;
  });
  local.run(close(root));
  return missing;
}

/** Is the filesystem of a path, or its mount, read-only? */
function isReadOnly(path: string): boolean {
  const open = openat(AT_FDCWD, path, FCNTL.O_PATH);
  const call = fstatfs(open);
  const results = local.run(open, call, close(open));
  const ST_RDONLY = 1;
  return (unpack(STATFS, results.output(call)).f_flags & ST_RDONLY) !== 0;
}

/**
 * Looks at this host with the eyes of a spec.
 *
 * @throws {RuntimeError} where the root filesystem is missing, or the spec has
 * a label that this kernel would not heed
 */
export function observeHost(spec: Spec): HostFacts {
  checkLabels(spec);
  const path = spec.root?.path ?? "";
  let rootPath: string;
  try {
    rootPath = Deno.realPathSync(path);
    if (!Deno.statSync(rootPath).isDirectory) {
      throw new Error("not a directory");
    }
  } catch (cause) {
    if (cause instanceof Deno.errors.NotFound) {
      throw new RuntimeError(`root.path "${path}": no such file or directory`);
    }
    throw new RuntimeError(`root.path "${path}"`, { cause });
  }
  const rootReadOnly = isReadOnly(rootPath);
  return {
    rootPath,
    holder: holderOf(rootPath, hostMounts()),
    rootReadOnly,
    missing: rootReadOnly ? missingPaths(spec, rootPath) : [],
    hostRoot: isHostRoot(),
    rootless: Deno.uid() !== 0,
    resctrl: spec.linux?.intelRdt === undefined
      ? undefined
      : hostMounts().find(({ type }) => type === "resctrl")?.mountPoint,
    hasKcore: existsOnHost("/proc/kcore"),
    missingHooks: new Set(
      (spec.hooks?.createContainer ?? []).map(({ path }) => path)
        .filter((path) => !existsOnHost(path)),
    ),
    cgroups: detectCgroups(),
    filter: filterOf(spec),
  };
}

/** Is there something at a path of the host? */
function existsOnHost(path: string): boolean {
  try {
    Deno.lstatSync(path);
    return true;
  } catch {
    return false;
  }
}

/**
 * Refuses a kernel without what we need: mount_setattr(2), openat2(2), overlayfs
 * and close_range(2) as of 5.15, which RHEL 9 calls 5.14.
 *
 * @throws {RuntimeError}
 */
export function assertKernel(): void {
  const call = uname();
  const release = kernelRelease(local.run(call).output(call));
  const [major = 0, minor = 0] = release.split(".").map(Number);
  if (major > 5 || (major === 5 && minor >= 14)) return;
  throw new RuntimeError(`Linux ${release} is too old`, {
    hint: "burrow needs Linux 5.15, or RHEL 9's 5.14",
  });
}
