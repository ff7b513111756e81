/**
 * What happens at each step besides the step: a line in `--trace FILE`, and the
 * stop of `--break STEP`.
 *
 * Runs in: launcher.
 *
 * @module
 */

import { SIGNAL } from "../../ffi/abi/signal.ts";
import { attempt } from "../../ffi/call.ts";
import { local } from "../../ffi/local.ts";
import { kill } from "../../ffi/process.ts";
import { renderError, RuntimeError } from "../errors.ts";
import { log } from "../log.ts";
import type { Step } from "./step.ts";
import { stepLine, subjectOf } from "./step.ts";

/** How steps are watched. */
export interface Watch {
  /** Performs one step's action, traced. */
  step(step: Step, action: () => unknown): void;
  /** Was the step of `--break` reached? Throws where it was not. */
  finish(): void;
}

/** Opens the trace file; its lines are appended. */
function openTrace(path: string): Deno.FsFile {
  try {
    return Deno.openSync(path, { append: true, create: true, mode: 0o600 });
  } catch (cause) {
    throw new RuntimeError(`open trace "${path}"`, { cause });
  }
}

/** A failed step: its name, and what it was done to. */
function stepError(step: Step, cause: unknown): RuntimeError {
  const subject = subjectOf(step);
  const name = step.kind.replaceAll("-", " ");
  // A hook and a program name themselves.
  const named: readonly Step["kind"][] = [
    "hook",
    "native-hook",
    "find-executable",
    "fork-exec",
    "execute",
  ];
  if (named.includes(step.kind)) {
    return new RuntimeError("", { cause });
  }
  const on = subject === "" ? "" : ` ${JSON.stringify(subject)}`;
  return new RuntimeError(`${name}${on}`, { cause });
}

/** Begins to watch. `stop`: the name of `--break`, with or without a subject. */
export function watchSteps(
  options: { trace?: string; stop?: string },
): Watch {
  const file = options.trace === undefined
    ? undefined
    : openTrace(options.trace);
  let reached = false;
  const write = (step: Step, result: unknown, started: number) => {
    if (file === undefined) return;
    const us = Math.round((performance.now() - started) * 1000);
    const line = JSON.stringify({ ...stepLine(step), result: result ?? 0, us });
    file.writeSync(new TextEncoder().encode(`${line}\n`));
  };
  return {
    step(step, action) {
      const started = performance.now();
      log("debug", `step ${step.kind} ${subjectOf(step)}`.trim());
      try {
        write(step, action(), started);
      } catch (cause) {
        const error = stepError(step, cause);
        write(step, renderError(error), started);
        throw error;
      }
      const full = `${step.kind}:${subjectOf(step)}`;
      if (options.stop === step.kind || options.stop === full) {
        reached = true;
        attempt(local, kill(Deno.pid, SIGNAL.SIGSTOP));
      }
    },
    finish() {
      if (options.stop === undefined || reached) return;
      log("warning", `--break ${options.stop}: no such step in this run`);
    },
  };
}
