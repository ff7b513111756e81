/**
 * `exec`: one more program in a container that runs.
 *
 * Runs in: launcher.
 *
 * @module
 */

import { spawnGofer } from "../../ffi/gofer/spawn.ts";
import { openCgroup } from "../cgroups/manager.ts";
import { makeExecConsole } from "../console/perform.ts";
import { planConsole } from "../console/plan.ts";
import type { ConsoleStep } from "../console/plan.ts";
import { RuntimeError } from "../errors.ts";
import { goferOf } from "../gofer/context.ts";
import { log } from "../log.ts";
import { setCredentials } from "../process/credentials.ts";
import { checkCwd, joinContainer, tryCwd } from "../process/exec.ts";
import type { ExecStep } from "../process/exec_plan.ts";
import { planExec } from "../process/exec_plan.ts";
import { setMemoryPolicy, setPersonality } from "../process/execution.ts";
import { joinKeyring } from "../process/keyring.ts";
import { checkLabels, setLabel } from "../process/label.ts";
import { setOomScore, setRlimit } from "../process/limit.ts";
import { findExecutable, findHome, ownStdio } from "../process/program.ts";
import {
  setCpuAffinity,
  setIoPriority,
  setScheduler,
} from "../process/schedule.ts";
import type { Process } from "../spec/process.ts";
import { isAlive, statusOf } from "../state/status.ts";
import type { ContainerRecord } from "../state/store.ts";
import { directoryOf, readFilter, readRecord } from "../state/store.ts";
import { writePidFile } from "./create.ts";
import { joinCgroup } from "./exec_cgroup.ts";
import { forkExec, loadExec } from "./exec_fork.ts";
import type { ExecRun } from "./exec_run.ts";
import type { Watch } from "./trace.ts";

/** What `exec` is asked. */
export interface ExecOptions {
  /** The state directory. */
  readonly stateRoot: string;
  readonly id: string;
  /** The program, checked; completed from the container. */
  readonly process: (record: ContainerRecord) => Process;
  /** Descriptors behind stdio that the program gets. */
  readonly preserved: () => number;
  /** Cgroups below the container's, by v1 controller; "" is for all. */
  readonly below: () => Readonly<Record<string, string>>;
  /** A frozen container is waited for. */
  readonly ignorePaused: boolean;
  /** Absolute path of the socket that the terminal's master is sent to. */
  readonly consoleSocket?: string;
  /** Takes over the terminal's master, where nobody else gets it. */
  readonly takeMaster: (master: number) => void;
  /** Where the process id is written; absolute. */
  readonly pidFile?: string;
}

/** Refuses what no program can be run in, in runc's words. */
function checkRunning(
  record: ContainerRecord,
  ignorePaused: boolean,
): { frozen: boolean } {
  const frozen = openCgroup(record.cgroup).frozen();
  const status = statusOf(record, frozen);
  if (status === "stopped" || status === "creating") {
    throw new RuntimeError(`cannot exec in a ${status} container`);
  }
  if (status === "paused" && !ignorePaused) {
    throw new RuntimeError(
      "cannot exec in a paused container (use --ignore-paused to override)",
    );
  }
  return { frozen };
}

/** Makes the terminal, which the launcher relays from before the program runs. */
function makeTerminal(
  step: ConsoleStep,
  run: ExecRun,
  takeMaster: ExecOptions["takeMaster"],
): void {
  const master = makeExecConsole(step, run);
  if (master !== undefined) takeMaster(master);
}

/** Performs one step of `exec`. */
function performExec(
  step: Exclude<ExecStep, ConsoleStep>,
  run: ExecRun,
): unknown {
  switch (step.kind) {
    case "spawn-exec":
      run.gofer = run.stack.use(
        spawnGofer({ name: "burrow-exec", preserved: step.preserved }),
      );
      return run.gofer.pid;
    case "join-container":
      return joinContainer(
        step,
        run,
        run.record.pid,
        () => isAlive(run.record),
      );
    case "own-stdio":
      return ownStdio(step, run);
    case "oom-score-adj":
      return setOomScore(step, run);
    case "rlimit":
      return setRlimit(step, run);
    case "try-cwd":
      run.entered = tryCwd(step, run) === 0;
      return run.entered;
    case "credentials":
      return setCredentials(step, run);
    case "check-cwd":
      return checkCwd(step, run, run.entered);
    case "find-executable":
      return findExecutable(step, run);
    case "find-home":
      return findHome(step, run);
    case "load-exec":
      return loadExec(step, run);
    case "cpu-affinity":
      return setCpuAffinity(goferOf(run).pid, step.cpus, step.field);
    case "join-cgroup":
      return joinCgroup(step, run);
    case "session-keyring":
      return joinKeyring(step, run);
    case "scheduler":
      return setScheduler(step, run);
    case "io-priority":
      return setIoPriority(step, run);
    case "label":
      return setLabel(step, run);
    case "personality":
      return setPersonality(step, run);
    case "memory-policy":
      return setMemoryPolicy(step, run);
    case "fork-exec":
      return forkExec(run);
    default:
      return step satisfies never;
  }
}

/**
 * Runs a program in a container; returns its process, which is our child.
 *
 * @throws {RuntimeError} with exit status 255: no process is left
 */
export function execInContainer(options: ExecOptions, watch: Watch): number {
  try {
    const { stateRoot, id } = options;
    const record = readRecord(stateRoot, id);
    const { frozen } = checkRunning(record, options.ignorePaused);
    const process = options.process(record);
    checkLabels({ ociVersion: "", process });
    const { chroot, mapped, filterFlags } = record.exec;
    const steps = planExec(process, {
      id,
      preserved: options.preserved(),
      console: planConsole(process, options.consoleSocket),
      chroot,
      mapped,
      below: options.below(),
      frozen,
      ...filterFlags === undefined ? {} : { filter: filterFlags },
    });
    using stack = new DisposableStack();
    const run: ExecRun = {
      id,
      bundle: record.bundle,
      directory: directoryOf(stateRoot, id),
      trees: new Map(),
      deferred: [],
      warn: (message) => log("debug", message),
      record,
      entered: false,
      go: -1,
      report: -1,
      containerRoot: -1,
      filter: filterFlags === undefined
        ? undefined
        : readFilter(directoryOf(stateRoot, id)),
      cwd: process.cwd,
      pid: 0,
      stack,
    };
    for (const step of steps) {
      watch.step(
        step,
        () =>
          step.kind === "console"
            ? makeTerminal(step, run, options.takeMaster)
            : performExec(step, run),
      );
    }
    if (options.pidFile !== undefined) writePidFile(options.pidFile, run.pid);
    return run.pid;
  } catch (cause) {
    throw new RuntimeError("exec failed", { cause, exitCode: 255 });
  }
}
