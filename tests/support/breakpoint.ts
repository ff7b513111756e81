/**
 * Stopping the launcher at a named step with `--break`, and reading what
 * `--trace` wrote.
 *
 * @module
 */
import { eventually, fail } from "./assert.ts";
import type { Bundle } from "./bundle.ts";
import { type MountInfo, readMounts } from "./mountinfo.ts";
import { descendantsOf, stateOf } from "./process.ts";
import type { CommandOptions, Result, Running } from "./runtime.ts";

/** One line of a trace. */
export interface TraceLine {
  name: string;
  process: string;
  args: unknown;
  result: unknown;
  us: number;
}

/** A launcher that stands still after a step. */
export interface Stopped extends AsyncDisposable {
  readonly launcher: Running;
  /** The newest process below the launcher: the one that is the container. */
  gofer(): number;
  /** Lets it go on and waits for its end. */
  finish(): Promise<Result>;
}

/** Reads a trace file. */
export function readTrace(path: string): TraceLine[] {
  return Deno.readTextFileSync(path).trim().split("\n")
    .map((line) => JSON.parse(line) as TraceLine);
}

/** Runs `create` and returns its trace; the container is deleted again. */
export async function traceCreate(bundle: Bundle): Promise<TraceLine[]> {
  const path = `${bundle.folder}/create.trace`;
  const args = ["create", "--bundle", bundle.path, bundle.id];
  await bundle.ok("--trace", path, ...args);
  await bundle.ok("delete", "--force", bundle.id);
  return readTrace(path);
}

/** Whether the launcher has stopped itself; fails when it ends instead. */
function hasStopped(launcher: Running, step: string): boolean {
  const state = stateOf(launcher.pid);
  if (state === undefined || state === "Z") {
    fail(`"${step}" was never reached: ${launcher.stderr()}`);
  }
  return state === "T";
}

/**
 * Starts `create` and returns when it has stopped after `step`: its name, or
 * `NAME:SUBJECT` where there are several of the name.
 */
export async function stopAt(
  bundle: Bundle,
  step: string,
  options: CommandOptions = {},
): Promise<Stopped> {
  const args = ["create", "--bundle", bundle.path, bundle.id];
  const launcher = bundle.spawn(options, "--break", step, ...args);
  const ended = launcher.finished();
  await eventually(`a stop at "${step}"`, () => hasStopped(launcher, step));
  return {
    launcher,
    gofer: () =>
      descendantsOf(launcher.pid).at(-1) ?? fail(`no gofer at "${step}"`),
    finish: async () => {
      // A step that comes more than once stops more than once.
      await eventually("the end", () => {
        const state = stateOf(launcher.pid);
        if (state === "T") Deno.kill(launcher.pid, "SIGCONT");
        return state === undefined || state === "Z";
      });
      return await ended;
    },
    [Symbol.asyncDispose]: async () => {
      try {
        Deno.kill(launcher.pid, "SIGKILL");
      } catch {
        // It has ended, which is as good.
      }
      await ended;
    },
  };
}

/** The gofer's mounts after `step`. */
export async function mountsAt(
  bundle: Bundle,
  step: string,
  options: CommandOptions = {},
): Promise<MountInfo[]> {
  await using stopped = await stopAt(bundle, step, options);
  return readMounts(stopped.gofer());
}
