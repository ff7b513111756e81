/**
 * Makes and joins namespaces.
 *
 * Runs in: gofer, driven by the launcher, which writes the id maps.
 *
 * @module
 */

import { FCNTL } from "../../ffi/abi/fcntl.ts";
import { IFREQ } from "../../ffi/abi/layout.ts";
import { SCHED } from "../../ffi/abi/sched.ts";
import { attempt, callError, perform, tolerate } from "../../ffi/call.ts";
import type { Call } from "../../ffi/call.ts";
import { AT_FDCWD, close, ioctl, openat } from "../../ffi/file.ts";
import {
  prctl,
  setgroups,
  setns,
  setresgid,
  setresuid,
  setsid,
  unshare,
} from "../../ffi/process.ts";
import { pack } from "../../ffi/struct.ts";
import { RuntimeError } from "../errors.ts";
import type { Context } from "../gofer/context.ts";
import { goferOf } from "../gofer/context.ts";
import { refusedUserNamespace, writeIdMaps, writeProc } from "./id_map.ts";
import type {
  JoinNamespaceStep,
  NewUserNamespaceStep,
  TimeOffsetsStep,
  UnshareStep,
} from "./plan.ts";
import { CLONE_FLAG } from "./plan.ts";

const EPERM = -1;
const EINVAL = -22;

/** Dies with the launcher: lost at each change of credentials, so said again. */
export const DIE_WITH_LAUNCHER: Call = prctl("PR_SET_PDEATHSIG", 9);

/** Becomes root of the user namespace it is in. */
function becomeRoot(context: Context): void {
  goferOf(context).run(
    setresgid(0, 0, 0),
    // Refused where setgroups is denied: then no groups were added either.
    tolerate(setgroups([])),
    setresuid(0, 0, 0),
    DIE_WITH_LAUNCHER,
    // A change of user closes /proc/PID to a launcher that is not root: it has
    // maps and clocks to write, and hooks have namespaces to open. The re-exec
    // shuts it for good.
    ...Deno.uid() === 0 ? [] : [prctl("PR_SET_DUMPABLE", 1)],
  );
}

/** Joins a namespace; one that we may not enter yet is kept for later. */
export function joinNamespace(step: JoinNamespaceStep, context: Context): void {
  const gofer = goferOf(context);
  const type = CLONE_FLAG[step.type];
  const fd = perform(gofer, openat(AT_FDCWD, step.path, 0));
  const call = setns(fd, type, step.path);
  const joined = attempt(gofer, call);
  if (joined === EPERM && step.type !== "user") {
    context.deferred.push({ fd, type, path: step.path });
    return;
  }
  if (joined === EINVAL) {
    throw new RuntimeError(
      `"${step.path}" is not a ${step.type} namespace that can be joined`,
      { cause: callError(call, joined) },
    );
  }
  if (joined < 0) throw callError(call, joined);
  gofer.run(close(fd));
  if (step.type === "user") becomeRoot(context);
}

/** Joins what had to wait for the user namespace. */
export function joinDeferred(_step: unknown, context: Context): void {
  for (const { fd, type, path } of context.deferred) {
    goferOf(context).run(setns(fd, type, path), close(fd));
  }
  context.deferred = [];
}

/** Makes a user namespace; the launcher writes its maps. */
export function newUserNamespace(
  step: NewUserNamespaceStep,
  context: Context,
): void {
  const gofer = goferOf(context);
  try {
    perform(gofer, unshare(SCHED.CLONE_NEWUSER, "user namespace"));
  } catch (cause) {
    throw refusedUserNamespace(cause);
  }
  writeIdMaps(gofer.pid, step);
  becomeRoot(context);
}

/** Sets the clocks of a new time namespace. */
export function setTimeOffsets(step: TimeOffsetsStep, context: Context): void {
  const { pid } = goferOf(context);
  try {
    writeProc(pid, "timens_offsets", step.lines.map((l) => `${l}\n`).join(""));
  } catch (cause) {
    throw new RuntimeError("linux.timeOffsets", { cause });
  }
}

/** Makes the other namespaces, in one call. */
export function unshareNamespaces(step: UnshareStep, context: Context): void {
  const flags = step.namespaces.reduce(
    (all, type) => all | CLONE_FLAG[type],
    0,
  );
  perform(goferOf(context), unshare(flags, step.namespaces.join(",")));
}

/** Goes on in a child that is ours, as the caller's subreaper needs it. */
export function fork(_step: unknown, context: Context): void {
  goferOf(context).fork(SCHED.CLONE_PARENT, context.cgroup);
}

/** Goes on in a child that is born in the v2 cgroup, where there is one. */
export function enterUnified(_step: unknown, context: Context): void {
  const { cgroup } = context;
  if (cgroup === undefined) return;
  const gofer = goferOf(context);
  gofer.fork(SCHED.CLONE_PARENT, cgroup);
  gofer.run(close(cgroup));
  delete context.cgroup;
}

/** setsid(2). */
export function newSession(_step: unknown, context: Context): void {
  perform(goferOf(context), setsid());
}

/** Makes the cgroup namespace. */
export function unshareCgroup(_step: unknown, context: Context): void {
  perform(
    goferOf(context),
    unshare(SCHED.CLONE_NEWCGROUP, "cgroup namespace"),
  );
}

/** Brings `lo` up. */
export function loopbackUp(_step: unknown, context: Context): void {
  const SIOCSIFFLAGS = 0x8914;
  const IFF_UP_RUNNING = 0x41;
  const request = pack(IFREQ, { ifr_flags: IFF_UP_RUNNING });
  request.set([0x6c, 0x6f]); // "lo"
  const socket: Call = {
    syscall: "socket",
    args: [2, 2 | FCNTL.O_CLOEXEC, 0], // AF_INET, SOCK_DGRAM
    object: "loopback",
  };
  goferOf(context).run(
    socket,
    ioctl(socket, SIOCSIFFLAGS, request),
    close(socket),
  );
}
