/**
 * `start`: lets the parked process go on, and waits until it has become the
 * container's program.
 *
 * Runs in: launcher.
 *
 * @module
 */

import { FCNTL } from "../../ffi/abi/fcntl.ts";
import { SIGNAL } from "../../ffi/abi/signal.ts";
import { attempt, perform, tolerate } from "../../ffi/call.ts";
import { errnoText } from "../../ffi/errno.ts";
import { AT_FDCWD, close, openat, read, write } from "../../ffi/file.ts";
import { local } from "../../ffi/local.ts";
import { ppoll } from "../../ffi/poll.ts";
import { pidfdOpen } from "../../ffi/process.ts";
import { openCgroup } from "../cgroups/manager.ts";
import { RuntimeError } from "../errors.ts";
import {
  hookName,
  ownEnvironment,
  runHookHere,
  statusText,
} from "../hooks/run.ts";
import type { HookStep } from "../hooks/run.ts";
import { diagnose, openRootOf } from "../process/diagnose.ts";
import { isAlive, statusOf } from "../state/status.ts";
import type { ContainerRecord } from "../state/store.ts";
import {
  directoryOf,
  lock,
  OUTPUT_FIFO,
  readRecord,
  REPORT_FIFO,
  START_FIFO,
} from "../state/store.ts";
import { sendSignal } from "./delete.ts";
import { FRAME, FRAME_SIZE } from "./park.ts";
import { planStart } from "./plan.ts";
import { stateFor } from "./run_context.ts";
import type { Step } from "./step.ts";
import type { Watch } from "./trace.ts";

/** How long the program may take to be executed, in milliseconds. */
const EXECUTE_TIMEOUT_MS = 30_000;

/** The open ends of a container that is being started. */
interface Start {
  readonly stateRoot: string;
  readonly record: ContainerRecord;
  readonly report: number;
  readonly output: number;
  readonly pidfd: number;
  /** The container's root, for the reason of a failure. */
  readonly root: number;
  startFifo: number;
}

/** One message of the parked process. */
interface Frame {
  readonly kind: number;
  readonly value: number;
}

/** Opens an end of a fifo of the container. */
function openFifo(directory: string, name: string, flags: number): number {
  return perform(
    local,
    openat(
      AT_FDCWD,
      `${directory}/${name}`,
      flags | FCNTL.O_NONBLOCK | FCNTL.O_NOFOLLOW,
    ),
  );
}

/** Refuses what cannot be started, in runc's words. */
function checkStartable(record: ContainerRecord, directory: string): void {
  const frozen = openCgroup(record.cgroup).frozen();
  const status = statusOf(record, frozen);
  if (status === "stopped") {
    throw new RuntimeError("cannot start a container that has stopped");
  }
  if (status === "creating") {
    throw new RuntimeError("cannot start a container that is being created");
  }
  const released = !exists(`${directory}/${START_FIFO}`);
  if (status === "running" || released) {
    throw new RuntimeError("cannot start an already running container");
  }
  if (status === "paused") {
    throw new RuntimeError("cannot start a container that is paused", {
      hint: "resume it first",
    });
  }
}

/** Is there something at a path? */
function exists(path: string): boolean {
  try {
    Deno.lstatSync(path);
    return true;
  } catch {
    return false;
  }
}

/** Writes the byte that the parked process waits for. */
function release(start: Start): void {
  local.run(write(start.startFifo, "s", "start fifo"));
}

/** Waits for the next frame; undefined: the program is executed, or dead. */
function nextFrame(
  start: Start,
  deadline: number | undefined,
  tail: { text: string },
): Frame | undefined | "timeout" {
  for (;;) {
    const call = tolerate(read(start.report, FRAME_SIZE));
    const results = local.run(call);
    const size = results.value(call);
    if (size === FRAME_SIZE) {
      const frame = new DataView(results.output(call).buffer);
      return {
        kind: Number(frame.getBigInt64(0, true)),
        value: Number(frame.getBigInt64(8, true)),
      };
    }
    if (size === 0 || !isAlive(start.record)) return undefined;
    drain(start.output, tail);
    const left = deadline === undefined ? -1 : deadline - performance.now();
    if (deadline !== undefined && left <= 0) return "timeout";
    attempt(local, ppoll([start.report, start.pidfd, start.output], left));
  }
}

/** Keeps the end of what startContainer hooks write. */
function drain(fd: number, tail: { text: string }): void {
  const call = tolerate(read(fd, 4096));
  const results = local.run(call);
  const size = results.value(call);
  if (size <= 0) return;
  const text = new TextDecoder().decode(results.output(call).subarray(0, size));
  tail.text = (tail.text + text).slice(-2048);
}

/** Awaits one startContainer hook, which the parked process runs. */
function awaitHook(start: Start, step: HookStep): void {
  const { timeout } = step.hook;
  const tail = { text: "" };
  const deadline = timeout === undefined
    ? undefined
    : performance.now() + timeout * 1000;
  const fail = (why: string) => {
    drain(start.output, tail);
    const text = tail.text.trim();
    const full = text === "" ? why : `${why}: ${text}`;
    return new RuntimeError(`${hookName(step)}: ${full}`);
  };
  for (;;) {
    const frame = nextFrame(start, deadline, tail);
    if (frame === "timeout") {
      throw fail(`timed out after ${timeout} s`);
    }
    if (frame === undefined) throw new RuntimeError("the container died");
    if (
      frame.kind === FRAME.hookExec && frame.value < 0 && frame.value > -4096
    ) {
      throw fail(`cannot be executed: ${errnoText(-frame.value)}`);
    }
    if (frame.kind === FRAME.hookStatus) {
      const why = statusText(frame.value);
      if (why !== undefined) throw fail(why);
      release(start);
      return;
    }
  }
}

/** Awaits the program. */
function awaitProgram(start: Start): void {
  const deadline = performance.now() + EXECUTE_TIMEOUT_MS;
  let executing = false;
  for (;;) {
    const frame = nextFrame(start, deadline, { text: "" });
    if (frame === "timeout") {
      throw new RuntimeError("the parked process does not go on");
    }
    if (frame === undefined) {
      if (executing) return;
      throw new RuntimeError("the container died before its program began");
    }
    if (frame.kind === FRAME.executing) executing = true;
    if (frame.kind === FRAME.failed) {
      throw execError(start, -frame.value);
    }
  }
}

/** The error of a program that could not be executed: which, and why. */
function execError({ record, root }: Start, errno: number): RuntimeError {
  const path = record.program ?? "";
  const why = diagnose(root, record.exec.cwd, path, errno);
  return new RuntimeError(
    `exec ${path}: ${errnoText(errno)}`,
    why === undefined ? {} : { hint: why },
  );
}

/** Performs a step of `start`. */
function performStart(step: Step, start: Start): void {
  if (step.kind === "release") release(start);
  else if (step.kind === "execute") awaitProgram(start);
  else if (step.kind === "hook" && step.point === "startContainer") {
    awaitHook(start, step);
  } else if (step.kind === "hook") {
    runHookHere(step, {
      state: stateFor(start.record, step.point, start.record.pid),
      cwd: start.record.bundle,
      env: ownEnvironment(),
    });
  }
}

/**
 * Starts a created container.
 *
 * @throws {RuntimeError} where it cannot be started, or a hook fails: then it
 * is stopped
 */
export function startContainer(
  options: { stateRoot: string; id: string },
  watch: Watch,
): ContainerRecord {
  const { stateRoot, id } = options;
  const directory = directoryOf(stateRoot, id);
  const record = readRecord(stateRoot, id);
  using stack = new DisposableStack();
  const own = (fd: number) => {
    stack.defer(() => void attempt(local, close(fd)));
    return fd;
  };
  let start: Start;
  {
    using _lock = lock(directory);
    checkStartable(record, directory);
    start = {
      stateRoot,
      record,
      // Opened before the byte is written: end-of-file means executed.
      report: own(openFifo(directory, REPORT_FIFO, 0)),
      output: own(openFifo(directory, OUTPUT_FIFO, 0)),
      pidfd: own(perform(local, pidfdOpen(record.pid))),
      root: own(openRootOf(record.pid)),
      startFifo: own(openFifo(directory, START_FIFO, FCNTL.O_RDWR)),
    };
    // A second `start` finds no fifo, however early it comes.
    Deno.removeSync(`${directory}/${START_FIFO}`);
  }
  try {
    for (const step of planStart(record.hooks)) {
      watch.step(step, () => performStart(step, start));
    }
  } catch (error) {
    stop(record);
    throw error;
  }
  return record;
}

/** Stops a container whose start failed; `delete` removes it. */
function stop(record: ContainerRecord): void {
  if (isAlive(record)) sendSignal(record.pid, SIGNAL.SIGKILL);
  const cgroup = openCgroup(record.cgroup);
  if (cgroup.exists()) cgroup.kill(SIGNAL.SIGKILL, sendSignal);
}
