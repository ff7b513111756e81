/**
 * User namespaces that nobody lives in: the kernel takes the ids of a mount
 * from one.
 *
 * Runs in: gofer, driven by the launcher.
 *
 * @module
 */

import { SCHED } from "../../ffi/abi/sched.ts";
import { SIGNAL } from "../../ffi/abi/signal.ts";
import { attempt, perform } from "../../ffi/call.ts";
import { AT_FDCWD, close, openat, write } from "../../ffi/file.ts";
import { ppoll } from "../../ffi/poll.ts";
import { clone, kill, prctl, wait4 } from "../../ffi/process.ts";
import { RuntimeError } from "../errors.ts";
import type { Context } from "../gofer/context.ts";
import { goferOf } from "../gofer/context.ts";
import { idMapText } from "./id_map.ts";
import type { IdMappingStep } from "./plan.ts";

const O_WRONLY = 1;

/**
 * Makes a mapping: in a child that waits until its namespace is open, and is
 * then killed. The gofer writes the maps itself: it is root of the parent.
 */
export function makeIdMapping(step: IdMappingStep, context: Context): void {
  const gofer = goferOf(context);
  context.mappings ??= new Map();
  if (step.path !== undefined) {
    const fd = perform(gofer, openat(AT_FDCWD, step.path, 0));
    context.mappings.set(step.mapping, fd);
    return;
  }
  const child = clone(SCHED.CLONE_NEWUSER, {
    calls: [prctl("PR_SET_PDEATHSIG", SIGNAL.SIGKILL), ppoll([], -1)],
    ending: "abort",
  });
  // Else the child's files in procfs would be the host's root's. Nobody else
  // is in our user namespace yet who could make use of it.
  const dumpable = prctl("PR_GET_DUMPABLE");
  const results = gofer.run(dumpable, prctl("PR_SET_DUMPABLE", 1), child);
  const pid = results.value(child);
  const map = (file: string, text: string) => {
    const fd = openat(AT_FDCWD, `/proc/${pid}/${file}`, O_WRONLY);
    return [fd, write(fd, text, text.trim()), close(fd)];
  };
  const namespace = openat(AT_FDCWD, `/proc/${pid}/ns/user`, 0);
  try {
    const opened = gofer.run(
      ...map("gid_map", idMapText(step.gidMappings)),
      ...map("uid_map", idMapText(step.uidMappings)),
      namespace,
    );
    context.mappings.set(step.mapping, opened.value(namespace));
  } catch (cause) {
    throw new RuntimeError("cannot make the id mapping of a mount", { cause });
  } finally {
    attempt(gofer, kill(pid, SIGNAL.SIGKILL));
    attempt(gofer, wait4(pid, 0));
    const before = results.value(dumpable) === 1 ? 1 : 0;
    gofer.run(prctl("PR_SET_DUMPABLE", before));
  }
}
