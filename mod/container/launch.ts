/**
 * The launcher's own steps: state directory, cgroup, gofer, fifos, record.
 *
 * Runs in: launcher.
 *
 * @module
 */

import { FCNTL } from "../../ffi/abi/fcntl.ts";
import { RLIMIT } from "../../ffi/abi/resource.ts";
import { attempt, perform } from "../../ffi/call.ts";
import type { Call } from "../../ffi/call.ts";
import {
  AT_FDCWD,
  close,
  closeRange,
  fcntl,
  mknodat,
  openat,
  umask,
  write,
} from "../../ffi/file.ts";
import { SyscallError } from "../../ffi/errno.ts";
import { spawnGofer } from "../../ffi/gofer/spawn.ts";
import { local } from "../../ffi/local.ts";
import { prlimit64 } from "../../ffi/process.ts";
import { createCgroup } from "../cgroups/create.ts";
import { selfEntry } from "../cgroups/enter.ts";
import { openCgroup } from "../cgroups/manager.ts";
import { recordOf } from "../cgroups/plan.ts";
import { RuntimeError } from "../errors.ts";
import { goferOf } from "../gofer/context.ts";
import { readStat } from "../state/status.ts";
import {
  makeDirectory,
  OUTPUT_FIFO,
  REPORT_FIFO,
  START_FIFO,
  writeFilter,
  writeRecord,
} from "../state/store.ts";
import type { Run } from "./run_context.ts";
import type {
  CreateCgroupStep,
  CreateStateStep,
  LimitCgroupStep,
  OpenFifosStep,
  SpawnGoferStep,
} from "./step.ts";

const S_IFIFO = 0o010000;

/** Makes the container's directory, and its fifos. */
export function createState(step: CreateStateStep, run: Run): void {
  makeDirectory(run.stateRoot, step.id);
  run.undo.stateMade = true;
  writeRecord(run.directory, run.record);
  if (run.filter !== undefined) writeFilter(run.directory, run.filter);
  for (const name of [START_FIFO, REPORT_FIFO, OUTPUT_FIFO]) {
    const path = `${run.directory}/${name}`;
    perform(local, mknodat(AT_FDCWD, path, S_IFIFO | 0o600, 0));
  }
}

/** Makes the cgroup, with the limits that may be set before it is used. */
export function makeCgroup({ plan }: CreateCgroupStep, run: Run): void {
  // Recorded first: a killed launcher's cgroup can still be found.
  run.record = {
    ...run.record,
    cgroup: recordOf(plan.mode, plan.directories),
  };
  writeRecord(run.directory, run.record);
  const cgroup = createCgroup(plan);
  run.undo.cgroup = cgroup;
  // Less than was planned, where we may not and nobody asked for limits.
  run.record = { ...run.record, cgroup: cgroup.record };
  cgroup.apply(plan.early);
  cgroup.applyDevices(plan.devices, local);
}

/** Starts the gofer. */
export function startGofer(step: SpawnGoferStep, run: Run): void {
  const gofer = spawnGofer({ preserved: step.preserved });
  run.gofer = gofer;
  run.undo.gofer = gofer;
  // Modes are the plan's, whatever our caller masks.
  gofer.run(umask(0));
  restoreOpenFiles(gofer.pid);
}

/**
 * Gives the gofer the caller's soft limit of open files: Deno raises its own to
 * the hard limit, and the program would inherit that.
 */
function restoreOpenFiles(pid: number): void {
  let limits: string;
  try {
    limits = Deno.readTextFileSync(`/proc/${Deno.ppid}/limits`);
  } catch {
    return; // hidden, or gone: there is nobody to ask
  }
  const found = /^Max open files +(\d+) +(\d+)/m.exec(limits);
  const own = /^Max open files +\d+ +(\d+)/m
    .exec(Deno.readTextFileSync("/proc/self/limits"));
  if (found?.[1] === undefined || own?.[1] === undefined) return;
  const hard = BigInt(own[1]);
  const soft = BigInt(found[1]) < hard ? BigInt(found[1]) : hard;
  const object = "RLIMIT_NOFILE";
  attempt(local, prlimit64(pid, RLIMIT.RLIMIT_NOFILE, { soft, hard }, object));
}

/**
 * Has the gofer enter the cgroup: by its own hand on v1, which costs no pause
 * of the host's forks; on v2 its child is born there.
 */
export function enterCgroup(_step: unknown, run: Run): void {
  const { writes, cloneInto } = selfEntry(run.record.cgroup);
  const O_WRONLY = 1;
  const calls = writes.flatMap(({ path, value }) => {
    const file = openat(AT_FDCWD, path, O_WRONLY);
    return [file, write(file, value, path), close(file)];
  });
  const flags = FCNTL.O_PATH | FCNTL.O_DIRECTORY;
  const tree = cloneInto === undefined
    ? []
    : [openat(AT_FDCWD, cloneInto, flags)];
  try {
    const results = goferOf(run).run(...calls, ...tree);
    const [opened] = tree;
    if (opened !== undefined) run.cgroup = results.value(opened);
  } catch (cause) {
    const empty = cause instanceof SyscallError && cause.code === "ENOSPC";
    throw new RuntimeError("cannot enter the cgroup", {
      cause,
      ...empty ? { hint: "its cpuset.cpus or cpuset.mems is empty" } : {},
    });
  }
}

/** Opens the fifos in the gofer, right behind its own descriptors. */
export function openFifos(step: OpenFifosStep, run: Run): void {
  const gofer = goferOf(run);
  const names = [START_FIFO, REPORT_FIFO, ...step.output ? [OUTPUT_FIFO] : []];
  // For reading and writing: such an open does not wait for anybody.
  const calls = names.map((name) =>
    openat(AT_FDCWD, `${run.directory}/${name}`, FCNTL.O_RDWR)
  );
  const results = gofer.run(
    ...calls,
    // They outlive the re-exec; closeOthers() marks them again.
    ...calls.map((call) => fcntl(call, FCNTL.F_SETFD, 0)),
  );
  run.fifos = calls.map((call) => results.value(call));
}

/** Sets the limits that our own work would have exceeded. */
export function limitCgroup({ plan }: LimitCgroupStep, run: Run): void {
  openCgroup(run.record.cgroup).apply(plan.late);
}

/** Writes the record: a container that is not `creating` any more. */
export function writeCreated(_step: unknown, run: Run): void {
  const gofer = goferOf(run);
  const stat = readStat(gofer.pid);
  if (stat === undefined) throw new RuntimeError("the gofer died");
  run.record = {
    ...run.record,
    pid: gofer.pid,
    startTime: stat.startTime,
    executable: gofer.executable,
    creating: false,
    ...run.executable === undefined ? {} : { program: run.executable },
  };
  writeRecord(run.directory, run.record);
}

/** Closes what the program is not to have, in the gofer; then does `more`. */
export function closeOthers(run: Run, more: readonly Call[] = []): void {
  const gofer = goferOf(run);
  const last = Math.max(gofer.self, ...run.fifos);
  gofer.run(
    closeRange(last + 1, 0xffffffff),
    close(gofer.self),
    closeRange(gofer.self, last, FCNTL.CLOSE_RANGE_CLOEXEC),
    ...more,
  );
}
