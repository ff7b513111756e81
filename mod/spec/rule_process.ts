/**
 * Rules about `process`, which `exec --process` is checked by as well.
 *
 * @module
 */
import type { Process } from "./process.ts";
import { duplicates, type Rule } from "./rule.ts";

/** The program must be named. */
const argsNameProgram: Rule<Process> = function* ({ args }) {
  if (args === undefined || args.length === 0) {
    yield { path: "args", got: args, expected: "the program's arguments" };
  } else if (args[0] === "") {
    yield { path: "args[0]", got: "", expected: "the name of a program" };
  }
};

/** The working directory is absolute, in the container. */
const cwdIsAbsolute: Rule<Process> = function* ({ cwd }) {
  if (!cwd.startsWith("/")) {
    yield { path: "cwd", got: cwd, expected: "an absolute path" };
  }
};

/** Variables have a name. */
const envHasNames: Rule<Process> = function* ({ env = [] }) {
  for (const [i, got] of env.entries()) {
    if (got.indexOf("=") < 1) {
      yield { path: `env[${i}]`, got, expected: '"NAME=value"' };
    }
  }
};

/** The spec refuses a limit that is there twice. */
const rlimitsAreOnce: Rule<Process> = ({ rlimits = [] }) =>
  duplicates((i) => `rlimits[${i}].type`, rlimits.map(({ type }) => type));

/** prlimit(2) refuses a soft limit above the hard one. */
const rlimitsAreOrdered: Rule<Process> = function* ({ rlimits = [] }) {
  for (const [i, { soft, hard }] of rlimits.entries()) {
    if (soft > hard) {
      yield {
        path: `rlimits[${i}].soft`,
        got: soft,
        expected: `at most the hard limit, ${hard}`,
      };
    }
  }
};

/** Each policy of sched_setattr(2) has its own range of priorities. */
const schedulerIsPossible: Rule<Process> = function* ({ scheduler }) {
  if (scheduler === undefined) return;
  const { policy, nice = 0, priority = 0 } = scheduler;
  if (nice < -20 || nice > 19) {
    yield {
      path: "scheduler.nice",
      got: nice,
      expected: "an integer from -20 to 19",
    };
  }
  const realtime = policy === "SCHED_FIFO" || policy === "SCHED_RR";
  if (realtime ? priority < 1 || priority > 99 : priority !== 0) {
    yield {
      path: "scheduler.priority",
      got: scheduler.priority,
      expected: `${realtime ? "an integer from 1 to 99" : "0"} with ${policy}`,
    };
  }
  if (policy !== "SCHED_DEADLINE") {
    for (const name of ["runtime", "deadline", "period"] as const) {
      if ((scheduler[name] ?? 0) === 0) continue;
      yield {
        path: `scheduler.${name}`,
        got: scheduler[name],
        expected: `nothing with ${policy}`,
      };
    }
  }
};

/** The rules of a process; their paths begin beneath it. */
export const PROCESS_RULES: readonly Rule<Process>[] = [
  argsNameProgram,
  cwdIsAbsolute,
  envHasNames,
  rlimitsAreOnce,
  rlimitsAreOrdered,
  schedulerIsPossible,
];
