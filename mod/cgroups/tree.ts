/**
 * A cgroup's directories: making them, looking into them, removing them.
 *
 * Runs in: launcher.
 *
 * @module
 */

import { FCNTL } from "../../ffi/abi/fcntl.ts";
import { STATFS } from "../../ffi/abi/layout.ts";
import { MAGIC } from "../../ffi/abi/magic.ts";
import { attempt, callError, tolerate } from "../../ffi/call.ts";
import type { Call } from "../../ffi/call.ts";
import { SyscallError } from "../../ffi/errno.ts";
import {
  AT_FDCWD,
  close,
  fstatfs,
  mkdirat,
  openat2,
  readlinkat,
  unlinkat,
} from "../../ffi/file.ts";
import { local } from "../../ffi/local.ts";
import { unpack } from "../../ffi/struct.ts";
import { RuntimeError } from "../errors.ts";
import {
  childrenOf,
  codeOf,
  isDirectory,
  readValue,
  readValueIfThere,
  toSyscallError,
  unless,
  waitUntil,
  writeValue,
} from "./file.ts";

const ENOENT = -2;
const EBUSY = -16;
const ENOTEMPTY = -39;

/** The pids in one cgroup; those that our pid namespace does not show are 0. */
function pidsIn(directory: string): number[] {
  const read = (file: string) => readValueIfThere(`${directory}/${file}`);
  // A threaded cgroup tells threads only.
  const text = unless(["EOPNOTSUPP"], () => read("cgroup.procs") ?? "") ??
    read("cgroup.threads") ?? "";
  return text.split("\n").filter((line) => line !== "").map(Number);
}

/** The pids in a cgroup and all below it, in order; gone ones have none. */
export function pidsBelow(directory: string): number[] {
  const pids = new Set<number>();
  const visit = (directory: string) => {
    for (const pid of pidsIn(directory)) pids.add(pid);
    childrenOf(directory).forEach(visit);
  };
  visit(directory);
  return [...pids].sort((a, b) => a - b);
}

/** The directories from below `mountPoint` down to `path`. */
function stepsTo(mountPoint: string, path: string): string[] {
  const names = path.slice(mountPoint.length).split("/")
    .filter((name) => name !== "");
  return names.map((_, i) => [mountPoint, ...names.slice(0, i + 1)].join("/"));
}

/**
 * Makes a cgroup and those above it that are missing. Returns whether it was
 * made, or was there.
 *
 * @throws {SyscallError}
 */
export function makeCgroup(mountPoint: string, path: string): boolean {
  // Those above it are nearly always there.
  if (attempt(local, mkdirat(AT_FDCWD, path, 0o755)) === 0) return true;
  let made = false;
  for (const step of stepsTo(mountPoint, path)) {
    try {
      made = !isDirectory(step);
      if (made) Deno.mkdirSync(step, { mode: 0o755 });
    } catch (error) {
      // Another container's cgroup may be made beside us.
      if (codeOf(error) === "EEXIST" && isDirectory(step)) made = false;
      else throw toSyscallError(error, "mkdir", JSON.stringify(step));
    }
  }
  return made;
}

/**
 * Hands v1's cpus and memory nodes down from the mount to a cgroup: a new one
 * has none, and until it has some no process can enter.
 */
export function inheritCpuset(mountPoint: string, path: string): void {
  let parent = mountPoint;
  for (const step of stepsTo(mountPoint, path)) {
    for (const file of ["cpuset.cpus", "cpuset.mems"]) {
      // A hierarchy mounted with "noprefix" has other names: not ours.
      if (readValueIfThere(`${step}/${file}`) !== "") continue;
      writeValue(`${step}/${file}`, readValue(`${parent}/${file}`));
    }
    parent = step;
  }
}

/**
 * Enables controllers for a v2 cgroup, from the mount down. Those that cannot
 * be had are left out: a limit that needs one tells.
 */
export function enableControllers(mountPoint: string, path: string): void {
  for (
    const parent of [mountPoint, ...stepsTo(mountPoint, path).slice(0, -1)]
  ) {
    const names = (file: string) =>
      (readValueIfThere(`${parent}/${file}`) ?? "").split(/\s+/)
        .filter((name) => name !== "");
    const enabled = names("cgroup.subtree_control");
    const missing = names("cgroup.controllers")
      .filter((name) => !enabled.includes(name)).map((name) => `+${name}`);
    if (missing.length === 0) continue;
    const enable = (what: string) => {
      try {
        writeValue(`${parent}/cgroup.subtree_control`, what);
        return true;
      } catch (error) {
        if (error instanceof SyscallError) return false;
        throw error;
      }
    };
    // One write is one walk of the kernel through the tree; but it is refused
    // whole for one controller, such as cpu while a realtime process runs.
    if (!enable(missing.join(" "))) missing.forEach(enable);
  }
}

/**
 * Refuses a v2 cgroup that processes cannot live in: one below a threaded one.
 *
 * @throws {RuntimeError}
 */
export function assertDomain(path: string): void {
  const type = readValueIfThere(`${path}/cgroup.type`) ?? "domain";
  if (type === "domain" || type === "domain threaded") return;
  throw new RuntimeError(`cgroup "${path}" is "${type}" and takes no process`, {
    hint: "a cgroup above it is threaded: name another cgroupsPath",
  });
}

/** The calls that open a directory, never by a link, and ask what it is on. */
function lookAt(path: string): { open: Call; fs: Call; calls: Call[] } {
  const open = tolerate(openat2(AT_FDCWD, path, {
    flags: FCNTL.O_PATH | FCNTL.O_DIRECTORY,
    resolve: FCNTL.RESOLVE_NO_SYMLINKS,
  }));
  const fs = tolerate(fstatfs(open));
  return { open, fs, calls: [open, fs, tolerate(close(open))] };
}

/**
 * Refuses to touch what is no cgroup, is a mount's root, or is reached through
 * a symbolic link: the path comes from a file. Returns whether it is there.
 */
function assertOwn(path: string): boolean {
  const itself = lookAt(path);
  const parent = lookAt(path.slice(0, path.lastIndexOf("/")) || "/");
  const results = local.run(...itself.calls, ...parent.calls);
  // Nothing is there, or a link: nor is that ours.
  const opened = results.value(itself.open);
  if (opened === ENOENT || isLink(path)) return false;
  const plain = !path.split("/").includes("..");
  const isCgroup = plain && [itself, parent].every(({ open, fs }) => {
    if (results.value(open) < 0) return false;
    const { f_type } = unpack(STATFS, results.output(fs));
    return f_type === MAGIC.CGROUP2_SUPER_MAGIC ||
      f_type === MAGIC.CGROUP_SUPER_MAGIC;
  });
  if (isCgroup) return true;
  throw new RuntimeError(`"${path}" is no cgroup of a container, not removed`);
}

/** Is a path itself a symbolic link? */
function isLink(path: string): boolean {
  const link = attempt(local, readlinkat(AT_FDCWD, path));
  return link >= 0;
}

/** Tries once; returns whether it is gone. */
function tryRemove(directory: string): boolean {
  const call = unlinkat(AT_FDCWD, directory, FCNTL.AT_REMOVEDIR);
  const result = attempt(local, call);
  if (result === 0 || result === ENOENT) return true;
  if (result === EBUSY || result === ENOTEMPTY) return false;
  throw callError(call, result);
}

/** One round through the tree, children first; returns whether all is gone. */
function removeOnce(directory: string): boolean {
  // Without children, the common case, one call does it.
  if (tryRemove(directory)) return true;
  const children = childrenOf(directory);
  if (children.length === 0) return false;
  return children.map(removeOnce).every((gone) => gone) &&
    tryRemove(directory);
}

/**
 * Removes a cgroup and all below it, whoever made those. While processes leave
 * it (a killed one does so some time after the kill) it is tried again, for
 * `deadlineMs`. One that is not there is gone already.
 *
 * @throws {RuntimeError} that tells which processes are in it
 */
export function removeCgroup(path: string, deadlineMs: number): void {
  // Nor is a link at our place ours, or what it leads to.
  if (!assertOwn(path)) return;
  if (waitUntil(() => removeOnce(path), deadlineMs)) return;
  const pids = pidsBelow(path);
  throw new RuntimeError(`cannot remove cgroup "${path}"`, {
    cause: new SyscallError("rmdir", "", 16),
    hint: pids.length === 0
      ? "it has no process; something is mounted on it"
      : `${pids.length} process(es) are in it: ${pids.slice(0, 8).join(" ")}`,
  });
}
