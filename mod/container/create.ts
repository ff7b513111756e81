/**
 * `create`: everything up to the parked process.
 *
 * Runs in: launcher.
 *
 * @module
 */

import { SIGNAL } from "../../ffi/abi/signal.ts";
import { RuntimeError } from "../errors.ts";
import { log } from "../log.ts";
import type { Spec } from "../spec/config.ts";
import { leaveResctrl } from "../resctrl/perform.ts";
import { removeDirectory } from "../state/store.ts";
import { runPoststop, sendSignal } from "./delete.ts";
import { assertKernel, observeHost } from "./facts.ts";
import { performStep } from "./perform.ts";
import type { CreateStep } from "./perform.ts";
import type { PlanOptions } from "./plan.ts";
import { planCreate } from "./plan.ts";
import type { Run } from "./run_context.ts";
import { beginRun } from "./run_context.ts";
import type { Watch } from "./trace.ts";

/** What `create` is asked. */
export interface CreateOptions extends PlanOptions {
  /** The state directory. */
  readonly stateRoot: string;
  /** The bundle's directory, absolute. */
  readonly bundle: string;
  /** Its spec, checked and resolved. */
  readonly spec: Spec;
  /** Where the process id is written; absolute. */
  readonly pidFile?: string;
  /** The program dies with this process. */
  readonly foreground?: boolean;
}

/** Takes back what a failed `create` has made. The failure itself leads. */
function undo(run: Run): void {
  const { gofer, cgroup, stateMade } = run.undo;
  using rest = new DisposableStack();
  if (stateMade) {
    rest.defer(() => removeDirectory(run.stateRoot, run.id));
    rest.defer(() => runPoststop(run.record));
  }
  rest.defer(() => leaveResctrl(run.resctrl ?? []));
  if (cgroup !== undefined) {
    rest.defer(() => cgroup.remove());
    rest.defer(() => cgroup.kill(SIGNAL.SIGKILL, sendSignal));
  }
  if (gofer !== undefined) rest.defer(() => gofer[Symbol.dispose]());
}

/** Writes the process id: digits and nothing else, atomically. */
export function writePidFile(path: string, pid: number): void {
  const at = path.lastIndexOf("/") + 1;
  const temporary = `${path.slice(0, at)}.${path.slice(at)}`;
  try {
    Deno.writeTextFileSync(temporary, String(pid));
    Deno.renameSync(temporary, path);
  } catch (cause) {
    throw new RuntimeError(`write pid file "${path}"`, { cause });
  }
}

/**
 * Creates a container; returns its process, which waits for `start`.
 *
 * @throws {RuntimeError} with nothing left behind
 */
export function createContainer(options: CreateOptions, watch: Watch): Run {
  const { spec, id, bundle, stateRoot } = options;
  assertKernel();
  const facts = observeHost(spec);
  const steps = planCreate(spec, facts, options);
  const run = beginRun({
    stateRoot,
    id,
    bundle,
    rootfs: spec.root?.path ?? "",
    spec,
    filter: facts.filter,
    foreground: options.foreground ?? false,
  });
  if (steps.some((step) => step.kind === "open-root" && step.overlay)) {
    log("debug", "the root gets a private overlay: edits in it are not kept");
  }
  try {
    for (const step of steps) {
      watch.step(step, () => performStep(step as CreateStep, run));
    }
    if (options.pidFile !== undefined) {
      writePidFile(options.pidFile, run.record.pid);
    }
  } catch (cause) {
    try {
      undo(run);
    } catch (error) {
      log("debug", `clean-up: ${error}`);
    }
    throw cause;
  }
  return run;
}
