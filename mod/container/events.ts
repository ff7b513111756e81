/**
 * `events`: statistics at intervals, and a notice when the container runs out
 * of memory.
 *
 * Runs in: launcher.
 *
 * @module
 */

import { attempt, perform, tolerate } from "../../ffi/call.ts";
import type { Call } from "../../ffi/call.ts";
import { AT_FDCWD, close, openat, read, write } from "../../ffi/file.ts";
import { local } from "../../ffi/local.ts";
import { ppoll } from "../../ffi/poll.ts";
import { pidfdOpen } from "../../ffi/process.ts";
import type { CgroupRecord } from "../cgroups/plan.ts";
import type { Json } from "../cgroups/stats.ts";
import { jsonText, readStats } from "../cgroups/stats.ts";
import { RuntimeError } from "../errors.ts";
import { log } from "../log.ts";
import { isAlive } from "../state/status.ts";
import { readRecord } from "../state/store.ts";

const EFD_CLOEXEC_NONBLOCK = 0x80800;
const IN_CLOEXEC_NONBLOCK = 0x80800;
const IN_MODIFY = 2;
/** An inotify event without a name is 16 bytes; many may have come. */
const MANY_EVENTS = 4096;

/** Milliseconds of the units of Go's durations. */
const UNIT: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  "µs": 1e-3,
  "μs": 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
};

/**
 * Reads a duration as Go writes it (`5s`, `1m30s`, `1.5h`), in milliseconds.
 *
 * @throws {RuntimeError} where it is none, or not above 0
 */
export function parseDuration(text: string): number {
  const part = /(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h)/gy;
  let total = 0;
  let end = 0;
  for (let found = part.exec(text); found !== null; found = part.exec(text)) {
    total += Number(found[1]) * (UNIT[found[2] ?? ""] ?? 0);
    end = part.lastIndex;
  }
  if (text === "" || end !== text.length) {
    throw new RuntimeError(`invalid duration ${JSON.stringify(text)}`, {
      hint: 'such as "5s" or "1m30s"',
    });
  }
  if (total <= 0) {
    throw new RuntimeError("duration interval must be greater than 0");
  }
  return total;
}

/** Notices of the out-of-memory killer. */
interface OomWatch {
  /** Readable when something may have happened. */
  readonly fd: number;
  /** Has it? */
  happened(): boolean;
}

/** How often the killer has killed, by v2's `memory.events`. */
function killsOf(directory: string): number {
  try {
    const text = Deno.readTextFileSync(`${directory}/memory.events`);
    return Number(/^oom_kill (\d+)$/m.exec(text)?.[1] ?? 0);
  } catch {
    return 0; // the cgroup is gone
  }
}

/** Is a file there? */
function isThere(path: string): Call {
  return {
    syscall: "faccessat2",
    args: [AT_FDCWD, path, 0, 0],
    object: JSON.stringify(path),
  };
}

/** v1: an eventfd, registered for `memory.oom_control`. */
function watchV1(directory: string, own: (fd: number) => number): OomWatch {
  const made: Call = {
    syscall: "eventfd2",
    args: [0, EFD_CLOEXEC_NONBLOCK],
    object: "",
  };
  const fd = own(perform(local, made));
  const control = own(
    perform(local, openat(AT_FDCWD, `${directory}/memory.oom_control`, 0)),
  );
  const registry = `${directory}/cgroup.event_control`;
  const O_WRONLY = 1;
  const open = openat(AT_FDCWD, registry, O_WRONLY);
  local.run(open, write(open, `${fd} ${control}`, registry), close(open));
  return {
    fd,
    happened() {
      const call = tolerate(read(fd, 8));
      if (local.run(call).value(call) !== 8) return false;
      // The end of the cgroup signals it too.
      return attempt(local, isThere(registry)) >= 0;
    },
  };
}

/** v2: inotify tells that `memory.events` has changed. */
function watchV2(directory: string, own: (fd: number) => number): OomWatch {
  const made: Call = {
    syscall: "inotify_init1",
    args: [IN_CLOEXEC_NONBLOCK],
    object: "",
  };
  const fd = own(perform(local, made));
  const path = `${directory}/memory.events`;
  perform(local, {
    syscall: "inotify_add_watch",
    args: [fd, path, IN_MODIFY],
    object: JSON.stringify(path),
  });
  let kills = killsOf(directory);
  return {
    fd,
    happened() {
      attempt(local, read(fd, MANY_EVENTS));
      const now = killsOf(directory);
      const more = now > kills;
      kills = now;
      return more;
    },
  };
}

/** Begins to watch a container's memory; undefined where nobody counts it. */
function watchOom(
  { paths }: CgroupRecord,
  own: (fd: number) => number,
): OomWatch | undefined {
  const { memory, "": tree } = paths;
  try {
    if (memory !== undefined) return watchV1(memory, own);
    if (tree !== undefined) return watchV2(tree, own);
  } catch (error) {
    log("debug", `no notice of the out-of-memory killer: ${error}, ignoring`);
  }
  return undefined;
}

/** What `events` is asked. */
export interface EventOptions {
  /** The state directory. */
  readonly stateRoot: string;
  readonly id: string;
  /** Between two statistics, in milliseconds. */
  readonly intervalMs: number;
  /** Statistics once, and nothing else. */
  readonly once: boolean;
}

/**
 * Tells one line of JSON for each event, until the container ends.
 *
 * @throws {RuntimeError} where it does not run, or has no cgroup
 */
export function watchContainer(
  options: EventOptions,
  print: (line: string) => void,
): void {
  const { stateRoot, id } = options;
  const record = readRecord(stateRoot, id);
  using stack = new DisposableStack();
  const own = (fd: number) => {
    stack.defer(() => void attempt(local, close(fd)));
    return fd;
  };
  const pidfd = attempt(local, pidfdOpen(record.pid));
  if (pidfd >= 0) own(pidfd);
  if (pidfd < 0 || !isAlive(record)) {
    throw new RuntimeError(`container with id ${id} is not running`);
  }
  if (record.cgroup.mode === "none") {
    throw new RuntimeError("the container runs without a cgroup of its own");
  }
  const say = (type: string, data?: Json) =>
    print(jsonText({ type, id, ...data === undefined ? {} : { data } }) + "\n");
  if (options.once) return say("stats", readStats(record.cgroup));

  const oom = watchOom(record.cgroup, own);
  let next = performance.now() + options.intervalMs;
  for (;;) {
    const left = Math.max(0, next - performance.now());
    const fds = oom === undefined ? [pidfd] : [pidfd, oom.fd];
    attempt(local, ppoll(fds, Math.min(left, 0x7fffffff)));
    if (oom?.happened()) say("oom");
    if (!isAlive(record)) return;
    if (performance.now() < next) continue;
    say("stats", readStats(record.cgroup));
    next += options.intervalMs;
  }
}
