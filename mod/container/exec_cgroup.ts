/**
 * The cgroup of a program run by `exec`.
 *
 * Runs in: launcher, and gofer.
 *
 * @module
 */

import { FCNTL } from "../../ffi/abi/fcntl.ts";
import { SCHED } from "../../ffi/abi/sched.ts";
import { perform } from "../../ffi/call.ts";
import { AT_FDCWD, close, openat, write } from "../../ffi/file.ts";
import { detectCgroups } from "../cgroups/detect.ts";
import { selfEntry } from "../cgroups/enter.ts";
import { openCgroup } from "../cgroups/manager.ts";
import type { CgroupRecord } from "../cgroups/plan.ts";
import { RuntimeError } from "../errors.ts";
import { goferOf } from "../gofer/context.ts";
import type { JoinCgroupStep } from "../process/exec_plan.ts";
import type { ContainerRecord } from "../state/store.ts";
import type { ExecRun } from "./exec_run.ts";

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
 * The v2 directory for the program. A cgroup that hands controllers down takes
 * no process itself: then the container's first process has moved to a leaf of
 * it (as systemd does), and the program goes there; never to another's.
 */
function placeV2(path: string, rest: string, init: number): string {
  if (rest !== "") return `${path}/${rest}`;
  const busy = readText(`${path}/cgroup.subtree_control`) !== "";
  const actual = busy ? actualDirectory(init) : undefined;
  return actual?.startsWith(`${path}/`) ? actual : path;
}

/** The text of a small file; empty where it is missing. */
function readText(path: string): string {
  try {
    return Deno.readTextFileSync(path).trim();
  } catch {
    return "";
  }
}

/** The container's cgroups with what lies below them. */
function placesOf(
  { cgroup, pid: init }: ContainerRecord,
  below: Readonly<Record<string, string>>,
): CgroupRecord {
  const unknown = Object.keys(below)
    .find((name) => name !== "" && !(name in cgroup.paths));
  if (unknown !== undefined) {
    throw new RuntimeError(
      `--cgroup: the container has no cgroup of controller "${unknown}"`,
    );
  }
  const paths = Object.entries(cgroup.paths).map(([name, path]) => {
    const rest = below[name] ?? below[""] ?? "";
    if (name === "") return [name, placeV2(path, rest, init)];
    return [name, rest === "" ? path : `${path}/${rest}`];
  });
  return { ...cgroup, paths: Object.fromEntries(paths) };
}

/**
 * Has the gofer enter the container's cgroup, or those below it: by its own
 * hand on v1, by a child that is born there on v2. In a frozen one the gofer
 * would stop, so the launcher moves it when it has nothing left to answer.
 *
 * @throws {RuntimeError}
 */
export function joinCgroup(step: JoinCgroupStep, run: ExecRun): void {
  const places = placesOf(run.record, step.below);
  const gofer = goferOf(run);
  if (step.frozen) return openCgroup(places).enter(gofer.pid);
  const { writes, cloneInto } = selfEntry(places);
  const O_WRONLY = 1;
  const calls = writes.flatMap(({ path, value }) => {
    const file = openat(AT_FDCWD, path, O_WRONLY);
    return [file, write(file, value, path), close(file)];
  });
  try {
    if (calls.length > 0) gofer.run(...calls);
    if (cloneInto === undefined) return;
    const flags = FCNTL.O_PATH | FCNTL.O_DIRECTORY;
    const tree = perform(gofer, openat(AT_FDCWD, cloneInto, flags));
    gofer.fork(SCHED.CLONE_PARENT, tree);
    gofer.run(close(tree));
  } catch (cause) {
    throw new RuntimeError("cannot enter the container's cgroup", { cause });
  }
}
