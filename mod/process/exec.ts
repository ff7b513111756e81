/**
 * Enters a container that runs, up to where its program can be executed.
 *
 * Runs in: gofer, driven by the launcher.
 *
 * @module
 */

import { FCNTL } from "../../ffi/abi/fcntl.ts";
import { SCHED } from "../../ffi/abi/sched.ts";
import { SIGNAL } from "../../ffi/abi/signal.ts";
import { attempt, perform, tolerate } from "../../ffi/call.ts";
import type { Call } from "../../ffi/call.ts";
import { AT_FDCWD, chdir, fchdir, getcwd, openat } from "../../ffi/file.ts";
import { chroot } from "../../ffi/mount.ts";
import {
  pidfdOpen,
  prctl,
  setgroups,
  setns,
  setresgid,
  setresuid,
} from "../../ffi/process.ts";
import { RuntimeError } from "../errors.ts";
import type { Context } from "../gofer/context.ts";
import { goferOf } from "../gofer/context.ts";
import type {
  CheckCwdStep,
  JoinContainerStep,
  TryCwdStep,
} from "./exec_plan.ts";

/** The namespaces of a process: their names in proc(5), and their flags. */
const NAMESPACES: readonly (readonly [name: string, flag: number])[] = [
  ["user", SCHED.CLONE_NEWUSER],
  ["mnt", SCHED.CLONE_NEWNS],
  ["net", SCHED.CLONE_NEWNET],
  ["ipc", SCHED.CLONE_NEWIPC],
  ["uts", SCHED.CLONE_NEWUTS],
  ["cgroup", SCHED.CLONE_NEWCGROUP],
  ["time", SCHED.CLONE_NEWTIME],
  ["pid", SCHED.CLONE_NEWPID],
];

/** Which namespace of a kind a process is in; undefined: this kernel has none. */
function namespaceId(pid: number | "self", name: string): string | undefined {
  try {
    return Deno.readLinkSync(`/proc/${pid}/ns/${name}`);
  } catch {
    return undefined;
  }
}

/** The kinds of namespaces in which a process is not where we are. */
function foreignNamespaces(pid: number): number {
  return NAMESPACES.reduce((flags, [name, flag]) => {
    const theirs = namespaceId(pid, name);
    return theirs === undefined || theirs === namespaceId("self", name)
      ? flags
      : flags | flag;
  }, 0);
}

/**
 * Enters all namespaces of the container's process at once, by its pidfd: none
 * of them can be exchanged in between, and each is entered with the host's
 * rights, also those that do not belong to the container's user namespace. The
 * pid namespace becomes that of the children only.
 *
 * @param isContainer whether the process is still the container's; asked after
 * the pidfd was opened, so that the pidfd is
 */
export function joinContainer(
  step: JoinContainerStep,
  context: Context,
  pid: number,
  isContainer: () => boolean,
): void {
  const gofer = goferOf(context);
  const pidfd = pidfdOpen(pid);
  const proc = openat(AT_FDCWD, "/proc", FCNTL.O_PATH | FCNTL.O_DIRECTORY);
  const root = openat(AT_FDCWD, `/proc/${pid}/root`, FCNTL.O_PATH);
  // Nobody in the container may look into us while we are half in.
  const opened = gofer.run(
    prctl("PR_SET_DUMPABLE", 0),
    pidfd,
    proc,
    ...step.chroot ? [root] : [],
  );
  const flags = foreignNamespaces(pid);
  if (!isContainer()) {
    throw new RuntimeError("cannot exec in a stopped container");
  }
  // The host's: labels are written through it, and no image can cover it.
  context.proc = opened.value(proc);
  const calls: Call[] = [];
  if (flags !== 0) {
    calls.push(setns(opened.value(pidfd), flags, `process ${pid}`));
  }
  if ((flags & SCHED.CLONE_NEWUSER) !== 0) calls.push(...becomeRoot());
  if (step.chroot) calls.push(fchdir(opened.value(root)), chroot("."));
  if (calls.length > 0) gofer.run(...calls);
}

/** Becomes root of the user namespace; all of this clears PDEATHSIG. */
function becomeRoot(): Call[] {
  return [
    setresgid(0, 0, 0),
    // Refused where setgroups is denied: then no groups were added either.
    tolerate(setgroups([])),
    setresuid(0, 0, 0),
    prctl("PR_SET_PDEATHSIG", SIGNAL.SIGKILL),
    prctl("PR_SET_DUMPABLE", 0),
  ];
}

/** Enters the working directory as root of the container, where that works. */
export function tryCwd(step: TryCwdStep, context: Context): number {
  return attempt(goferOf(context), chdir(step.path));
}

/**
 * Makes sure that the working directory was entered, as the program's user if
 * root could not, and that it is in the container: a descriptor of the host
 * would be outside (CVE-2024-21626).
 */
export function checkCwd(
  step: CheckCwdStep,
  context: Context,
  entered: boolean,
): void {
  const gofer = goferOf(context);
  // The change of ids may have made us dumpable again: fs.suid_dumpable.
  perform(gofer, prctl("PR_SET_DUMPABLE", 0));
  if (!entered) perform(gofer, chdir(step.path));
  const call = getcwd();
  const results = gofer.run(call);
  const path = new TextDecoder().decode(
    results.output(call).subarray(0, results.value(call)),
  );
  if (!path.startsWith("/")) {
    throw new RuntimeError(
      `the working directory "${step.path}" is outside of the container`,
    );
  }
}
