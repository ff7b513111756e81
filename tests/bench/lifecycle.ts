/**
 * One container's life, each command of it timed.
 *
 * @module
 */

import { eventually } from "../support/assert.ts";
import { rootFixture } from "../support/fixture.ts";
import { isAlive, reapOrphans, statusOf } from "../support/process.ts";
import { baseSpec } from "../support/spec.ts";
import { type Lap, type Subject, time } from "./subject.ts";

/** What is measured, in the order in which it happens. */
export const MEASURES = [
  "run",
  "create",
  "resident",
  "start",
  "state",
  "kill",
  "delete",
] as const;

/** A measure's name. `resident` is in kB, the others are microseconds. */
export type Measure = typeof MEASURES[number];

/** Where the bundles are. */
export interface Place {
  /** A container that ends at once. */
  readonly quick: string;
  /** A container that stays. */
  readonly staying: string;
  /** State directory. */
  readonly root: string;
}

/** Makes the bundles in a folder. */
export function makePlace(folder: string): Place {
  const place = {
    quick: `${folder}/quick`,
    staying: `${folder}/staying`,
    root: `${folder}/state`,
  };
  const programs = [
    [place.quick, ["/bin/true"]],
    [place.staying, ["/bin/sleep", "1000"]],
  ] as const;
  for (const [bundle, args] of programs) {
    const spec = baseSpec("bench", [...args]);
    spec.root = { path: rootFixture("busybox"), readonly: true };
    // As `spec` has it: each runtime then chooses a cgroup by the id.
    delete spec.linux.cgroupsPath;
    Deno.mkdirSync(bundle, { recursive: true });
    Deno.writeTextFileSync(`${bundle}/config.json`, JSON.stringify(spec));
  }
  return place;
}

/** A command that failed, with its last words. */
function check(what: string, lap: Lap): number {
  if (lap.code === 0) return lap.us;
  throw new Error(`${what} exited ${lap.code}: ${lap.error}`);
}

/** The container's process, from `state`, which every runtime prints alike. */
function pidOf(subject: Subject, rooted: readonly string[], id: string) {
  const [command = "", ...args] = [
    ...subject.wrap,
    ...subject.argv,
    ...[...rooted, "state", id],
  ];
  const { stdout } = new Deno.Command(command, { args }).outputSync();
  const state: unknown = JSON.parse(new TextDecoder().decode(stdout));
  if (typeof state === "object" && state !== null && "pid" in state) {
    if (typeof state.pid === "number") return state.pid;
  }
  throw new Error(`${subject.name} state names no pid`);
}

/**
 * Runs one container to its end and takes another one through its life.
 *
 * @throws where a command fails, after the container was deleted
 */
export async function live(
  subject: Subject,
  place: Place,
): Promise<Record<Measure, number>> {
  const id = `bench-${crypto.randomUUID().slice(0, 8)}`;
  const rooted = [
    "--root",
    `${place.root}-${subject.name.replace(/\W/g, "-")}`,
  ];
  const lap = (...args: string[]) =>
    check(args[0] ?? "", time(subject, [...rooted, ...args]));

  const run = lap("run", "--bundle", place.quick, `${id}-run`);
  try {
    const create = lap("create", "--bundle", place.staying, id);
    const pid = pidOf(subject, rooted, id);
    const resident = Number.parseInt(statusOf(pid)["VmRSS"] ?? "");
    const start = lap("start", id);
    const state = lap("state", id);
    const kill = lap("kill", id, "KILL");
    await eventually(`end of process ${pid}`, () => !isAlive(pid));
    reapOrphans(new Set());
    return {
      ...{ run, create, resident, start, state, kill },
      delete: lap("delete", id),
    };
  } catch (error) {
    time(subject, [...rooted, "delete", "--force", id]);
    throw error;
  }
}
