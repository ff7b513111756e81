/**
 * The cgroup of a program run by `exec`.
 *
 * Runs in: launcher.
 *
 * @module
 */

import { SyscallError } from "../../ffi/errno.ts";
import { detectCgroups } from "../cgroups/detect.ts";
import { enterCgroup } from "../cgroups/enter.ts";
import { RuntimeError } from "../errors.ts";
import type { ContainerRecord } from "../state/store.ts";

/**
 * Reads the values of `--cgroup`: `PATH`, or `CONTROLLER[,CONTROLLER]:PATH`,
 * below the container's cgroup.
 *
 * @throws {RuntimeError} for a path that leaves it
 */
export function parseBelow(
  values: readonly string[],
): Readonly<Record<string, string>> {
  const below: Record<string, string> = Object.create(null);
  for (const value of values) {
    const fail = (why: string) =>
      new RuntimeError(`invalid --cgroup argument: ${value} (${why})`);
    const cut = value.indexOf(":");
    const path = value.slice(cut + 1);
    if (cut < 0 && values.length > 1) {
      throw fail("missing <controller>: prefix");
    }
    const names = path.split("/").filter((n) => n !== "" && n !== ".");
    if (names.includes("..") || /[\n\0]/.test(path)) {
      throw fail("not a sub cgroup path");
    }
    for (const name of cut < 0 ? [""] : value.slice(0, cut).split(",")) {
      if (cut >= 0 && name === "") throw fail("empty <controller> prefix");
      if (name in below) {
        throw fail(`controller ${name} specified multiple times`);
      }
      below[name] = names.join("/");
    }
  }
  return below;
}

/** Where in the v2 tree a process is: its own line of proc(5). */
function actualDirectory(pid: number): string | undefined {
  const text = Deno.readTextFileSync(`/proc/${pid}/cgroup`);
  const path = /^0::(\/.*)$/m.exec(text)?.[1];
  const tree = detectCgroups().v2;
  return path === undefined || tree === undefined || path.startsWith("/..")
    ? undefined
    : `${tree.mountPoint}${path === "/" ? "" : path}`;
}

/**
 * Moves a process into the container's cgroup, or into one below it. A v2
 * cgroup that hands controllers down takes no process itself: then the
 * container's first process has moved to a leaf of it (as systemd does), and
 * the program goes there.
 *
 * @throws {RuntimeError}
 */
export function joinCgroup(
  { cgroup, pid: init }: ContainerRecord,
  pid: number,
  below: Readonly<Record<string, string>>,
): void {
  const unknown = Object.keys(below)
    .find((name) => name !== "" && !(name in cgroup.paths));
  if (unknown !== undefined) {
    throw new RuntimeError(
      `--cgroup: the container has no cgroup of controller "${unknown}"`,
    );
  }
  const places = new Map(
    Object.entries(cgroup.paths).map(([name, path]) => {
      const rest = below[name] ?? below[""] ?? "";
      return [rest === "" ? path : `${path}/${rest}`, { name, path, rest }];
    }),
  );
  for (const [directory, { name, path, rest }] of places) {
    try {
      enterCgroup(directory, pid);
    } catch (error) {
      const busy = error instanceof RuntimeError &&
        error.cause instanceof SyscallError && error.cause.code === "EBUSY";
      const actual = busy && name === "" && rest === ""
        ? actualDirectory(init)
        : undefined;
      // Only a leaf of the container's own: it may not choose another.
      if (!actual?.startsWith(`${path}/`)) throw error;
      enterCgroup(actual, pid);
    }
  }
}
