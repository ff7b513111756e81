/**
 * Runs hooks: state on stdin, output caught, a deadline for all that a hook
 * leaves behind.
 *
 * A gofer makes the hook's process and never waits for it; the launcher holds
 * its pidfd and the pipe. Hooks of the container's namespaces are made by the
 * container's gofer, hooks of the runtime's by one of their own.
 *
 * Runs in: launcher.
 *
 * @see https://github.com/opencontainers/runtime-spec/blob/v1.3.0/config.md#posix-platform-hooks
 * @module
 */

import { FCNTL } from "../../ffi/abi/fcntl.ts";
import { SCHED } from "../../ffi/abi/sched.ts";
import { WAIT } from "../../ffi/abi/wait.ts";
import { perform, tolerate } from "../../ffi/call.ts";
import type { Call } from "../../ffi/call.ts";
import { errnoText } from "../../ffi/errno.ts";
import {
  chdir,
  close,
  closeRange,
  dup3,
  fcntl,
  pipe2,
  read,
} from "../../ffi/file.ts";
import type { Gofer } from "../../ffi/gofer/channel.ts";
import { spawnGofer } from "../../ffi/gofer/spawn.ts";
import { local } from "../../ffi/local.ts";
import { textFile } from "../../ffi/memfd.ts";
import { ppoll } from "../../ffi/poll.ts";
import { clone, execve, prctl, wait4 } from "../../ffi/process.ts";
import { RuntimeError } from "../errors.ts";
import type { Hook } from "../spec/hook.ts";
import { killDescendants } from "./children.ts";

/** The six lists, in the order in which they run. */
export type HookPoint =
  | "prestart"
  | "createRuntime"
  | "createContainer"
  | "startContainer"
  | "poststart"
  | "poststop";

/** One hook of one list: a step of the plan. */
export interface HookStep {
  readonly kind: "hook";
  readonly point: HookPoint;
  readonly index: number;
  readonly hook: Hook;
}

/** How much of a hook's output an error shows, in bytes. */
const SHOWN = 2048;
const PIPE_READ = 0x10000;

/** How a hook is called in errors. */
export function hookName({ point, index, hook }: HookStep): string {
  const argv = (hook.args ?? [hook.path]).join(" ");
  return `${point} hook ${index} ${JSON.stringify(hook.path)} (${argv})`;
}

/** The end of what a hook wrote. */
interface Tail {
  bytes: Uint8Array;
}

/** Reads what a pipe holds, but not for ever; false at its end. */
function drain(pipe: number, tail: Tail): boolean {
  for (let reads = 0; reads < 16; reads++) {
    const call = tolerate(read(pipe, PIPE_READ));
    const results = local.run(call);
    const size = results.value(call);
    if (size <= 0) return size !== 0;
    const joined = new Uint8Array(tail.bytes.length + size);
    joined.set(tail.bytes);
    joined.set(results.output(call).subarray(0, size), tail.bytes.length);
    tail.bytes = joined.slice(Math.max(0, joined.length - SHOWN));
  }
  return true;
}

/** What went wrong, from a wait status; undefined: nothing. */
export function statusText(status: number): string | undefined {
  if (status === 0) return undefined;
  const signal = status & 0x7f;
  return signal === 0
    ? `exit status ${status >> 8}`
    : `killed by signal ${signal}`;
}

/** What a hook runs with. */
export interface HookSetting {
  /** The state document. */
  readonly state: string;
  /** Where it runs: a path, or the descriptor of a directory in the gofer. */
  readonly cwd: string | number;
  /** Its environment where the hook has none. */
  readonly env: readonly string[];
}

/** The calls of the hook's own process, up to execve. */
function hookProgram(
  hook: Hook,
  setting: HookSetting,
  stdin: number,
  output: number,
): { calls: Call[]; exec: Call } {
  const exec = execve(
    hook.path,
    hook.args === undefined || hook.args.length === 0 ? [hook.path] : hook.args,
    hook.env ?? setting.env,
  );
  const enter: Call = typeof setting.cwd === "string"
    ? chdir(setting.cwd)
    : { syscall: "fchdir", args: [setting.cwd], object: "" };
  const calls = [
    prctl("PR_SET_PDEATHSIG", 9),
    { syscall: "setsid", args: [], object: "" } as const,
    enter,
    dup3(stdin, 0),
    dup3(output, 1),
    dup3(output, 2),
    closeRange(3, 0xffffffff), // no descriptor of ours (CVE-2024-21626)
    exec,
  ];
  return { calls, exec };
}

/** Makes the hook's process; returns its id in the gofer, and our pidfd. */
function startHook(
  gofer: Gofer,
  step: HookStep,
  setting: HookSetting,
  output: number,
): { pid: number; pidfd: number } {
  const state = textFile(local, "state", setting.state);
  const [stdin = -1, out = -1] = gofer.give(state, output);
  local.run(close(state));
  const { calls, exec } = hookProgram(step.hook, setting, stdin, out);
  // Memory is shared until execve, so that its failure is told here; there is
  // no stack to spoil.
  const child = clone(
    SCHED.CLONE_VM | SCHED.CLONE_VFORK | SCHED.CLONE_PIDFD,
    { calls, ending: "abort" },
    true,
  );
  const results = gofer.run(child, close(stdin), close(out));
  const failed = calls.find((call) => {
    const value = results.value(call);
    return value < 0 && value >= -4095;
  });
  const pid = results.value(child);
  if (failed !== undefined) {
    gofer.run(wait4(pid, 0));
    const why = errnoText(-results.value(failed));
    throw new RuntimeError(
      failed === exec
        ? `cannot be executed: ${why}`
        : `${failed.syscall}: ${why}`,
    );
  }
  const theirs = new DataView(results.output(child).buffer).getInt32(0, true);
  const pidfd = gofer.take(theirs);
  gofer.run(close(theirs));
  return { pid, pidfd };
}

/** Waits for a hook; returns its wait status, undefined where it timed out. */
function awaitHook(
  gofer: Gofer,
  started: { pid: number; pidfd: number },
  pipe: number,
  tail: Tail,
  timeoutMs: number | undefined,
): number | undefined {
  const deadline = timeoutMs === undefined
    ? undefined
    : performance.now() + timeoutMs;
  let open = true;
  for (;;) {
    const left = deadline === undefined ? -1 : deadline - performance.now();
    if (deadline !== undefined && left <= 0) return undefined;
    const fds = open ? [started.pidfd, pipe] : [started.pidfd];
    local.run(tolerate(ppoll(fds, left)));
    if (open) open = drain(pipe, tail);
    const call = wait4(started.pid, WAIT.WNOHANG);
    const results = gofer.run(call);
    if (results.value(call) !== 0) {
      drain(pipe, tail);
      return new DataView(results.output(call).buffer).getInt32(0, true);
    }
  }
}

/**
 * Runs one hook in the gofer's namespaces.
 *
 * @throws {RuntimeError} naming the hook, its argv, its status and the end of
 * its output
 */
export function runHook(
  gofer: Gofer,
  step: HookStep,
  setting: HookSetting,
  leftovers: "kill" | "leave",
): void {
  const { timeout } = step.hook;
  const call = pipe2();
  const ends = new DataView(local.run(call).output(call).buffer);
  const pipe = ends.getInt32(0, true);
  const output = ends.getInt32(4, true);
  const tail: Tail = { bytes: new Uint8Array() };
  let pidfd: number | undefined;
  try {
    // Orphans of the hook come to the gofer, which can end them.
    gofer.run(prctl("PR_SET_CHILD_SUBREAPER", 1));
    perform(local, fcntl(pipe, FCNTL.F_SETFL, FCNTL.O_NONBLOCK));
    const started = startHook(gofer, step, setting, output);
    pidfd = started.pidfd;
    local.run(close(output));
    const status = awaitHook(
      gofer,
      started,
      pipe,
      tail,
      timeout === undefined ? undefined : timeout * 1000,
    );
    const why = status === undefined
      ? `timed out after ${timeout} s`
      : statusText(status);
    if (status === undefined || leftovers === "kill") {
      killDescendants(gofer, gofer.pid);
    }
    gofer.run(prctl("PR_SET_CHILD_SUBREAPER", 0));
    if (why !== undefined) {
      drain(pipe, tail);
      const text = new TextDecoder().decode(tail.bytes).trim();
      throw new RuntimeError(text === "" ? why : `${why}: ${text}`);
    }
  } catch (cause) {
    throw new RuntimeError(hookName(step), { cause });
  } finally {
    if (pidfd !== undefined) local.run(close(pidfd));
    local.run(close(pipe));
  }
}

/** Runs one hook in the launcher's own namespaces. */
export function runHookHere(step: HookStep, setting: HookSetting): void {
  using gofer = spawnGofer({ name: "burrow-hook" });
  runHook(gofer, step, setting, "leave");
}

/** The environment of this process, for a hook that has none. */
export function ownEnvironment(): string[] {
  return Object.entries(Deno.env.toObject()).map(([k, v]) => `${k}=${v}`);
}
