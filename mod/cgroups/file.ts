/**
 * Reading and writing the small files of a cgroup.
 *
 * Runs in: launcher. Every write is one write(2) of the whole value, which is
 * what the kernel's parsers want; nothing is ever created or truncated.
 *
 * @module
 */

import { SyscallError } from "../../ffi/errno.ts";

/** The error of a failed `Deno.*Sync` call on a file, as a system call's. */
export function toSyscallError(
  error: unknown,
  syscall: string,
  object: string,
): unknown {
  const message = error instanceof Error ? error.message : "";
  const errno = /\(os error (\d+)\)/.exec(message)?.[1];
  if (errno === undefined) return error;
  return new SyscallError(syscall, object, Number(errno));
}

/** The errno's name of an error, such as `ENOENT`; empty if it has none. */
export function codeOf(error: unknown): string {
  const known = toSyscallError(error, "", "");
  return known instanceof SyscallError ? known.code : "";
}

/** Runs `action`; undefined where it fails with one of these errno names. */
export function unless<T>(
  codes: readonly string[],
  action: () => T,
): T | undefined {
  try {
    return action();
  } catch (error) {
    if (codes.includes(codeOf(error))) return undefined;
    throw error;
  }
}

/** The text of a file of a cgroup, without white space around it. */
export function readValue(path: string): string {
  try {
    return Deno.readTextFileSync(path).trim();
  } catch (error) {
    throw toSyscallError(error, "read", JSON.stringify(path));
  }
}

/** The same; undefined where the file or its cgroup is not there. */
export function readValueIfThere(path: string): string | undefined {
  return unless(["ENOENT", "ENODEV", "ENOTDIR"], () => readValue(path));
}

/**
 * Writes a value to a file of a cgroup that is there.
 *
 * @throws {SyscallError} with the kernel's errno
 */
export function writeValue(path: string, value: string): void {
  try {
    Deno.writeTextFileSync(path, value, { create: false });
  } catch (error) {
    throw toSyscallError(error, "write", JSON.stringify(path));
  }
}

/** Whether there is a directory, and no link, at `path`. */
export function isDirectory(path: string): boolean {
  return unless(
    ["ENOENT", "ENOTDIR"],
    () => Deno.lstatSync(path).isDirectory,
  ) ?? false;
}

/** The child cgroups of a cgroup, by path. */
export function childrenOf(path: string): string[] {
  const children: string[] = [];
  unless(["ENOENT", "ENOTDIR", "ENODEV"], () => {
    for (const entry of Deno.readDirSync(path)) {
      if (entry.isDirectory) children.push(`${path}/${entry.name}`);
    }
  });
  return children;
}

/** Stops this thread; the kernel has no event for what is waited for. */
export function sleep(milliseconds: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);
}

/**
 * Asks `done` again and again, 1 ms apart at first and 32 ms in the end, until
 * it holds or `deadlineMs` have passed; returns whether it held.
 */
export function waitUntil(done: () => boolean, deadlineMs: number): boolean {
  const end = performance.now() + deadlineMs;
  for (let pause = 1;; pause = Math.min(pause * 2, 32)) {
    if (done()) return true;
    if (performance.now() >= end) return false;
    sleep(pause);
  }
}
