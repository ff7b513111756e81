/**
 * AppArmor profiles and SELinux labels of the program.
 *
 * @module
 */

import { FCNTL } from "../../ffi/abi/fcntl.ts";
import { attempt, callError } from "../../ffi/call.ts";
import { SyscallError } from "../../ffi/errno.ts";
import { close, fcntl, openat2, write } from "../../ffi/file.ts";
import { RuntimeError } from "../errors.ts";
import type { Context } from "../gofer/context.ts";
import { goferOf, procOf } from "../gofer/context.ts";
import type { Spec } from "../spec/config.ts";
import type { LabelStep } from "./attribute.ts";

const ENOENT = -2;

/** Reads a file of the kernel; empty where there is none. */
function readIfThere(path: string): string {
  try {
    return Deno.readTextFileSync(path).trim();
  } catch {
    return "";
  }
}

/** Does this kernel confine programs by AppArmor? Runs in: launcher. */
export function hasAppArmor(): boolean {
  return readIfThere("/sys/module/apparmor/parameters/enabled") === "Y";
}

/** Does this kernel label programs by SELinux? Runs in: launcher. */
export function hasSELinux(): boolean {
  // A kernel that was booted without it has the filesystem all the same.
  return readIfThere("/sys/fs/selinux/policyvers") !== "";
}

/**
 * Refuses labels that this kernel would not heed: a container that is thought
 * to be confined must be. Runs in: launcher, before anything is made.
 *
 * @throws {RuntimeError} naming the field
 */
export function checkLabels({ process, linux }: Spec): void {
  const refuse = (field: string, module: string) =>
    new RuntimeError(`${field}: ${module} is not enabled on this host`, {
      hint: "take it out of config.json, or boot a kernel that has it",
    });
  if ((process?.apparmorProfile ?? "") !== "" && !hasAppArmor()) {
    throw refuse("process.apparmorProfile", "AppArmor");
  }
  const labels: readonly [string, string][] = [
    ["process.selinuxLabel", process?.selinuxLabel ?? ""],
    ["linux.mountLabel", linux?.mountLabel ?? ""],
  ];
  for (const [field, label] of labels) {
    if (label !== "" && !hasSELinux()) throw refuse(field, "SELinux");
  }
}

/**
 * Keeps the private procfs through the re-exec, after which the label is
 * written: a label is used up by the next execve, and a file opened before one
 * is refused after it. Runs in: gofer, driven by the launcher, before it.
 */
export function keepProc(context: Context): void {
  goferOf(context).run(fcntl(procOf(context), FCNTL.F_SETFD, 0));
}

/** Where a module takes the label of the next execve; the newer place first. */
const FILES: Readonly<Record<LabelStep["module"], readonly string[]>> = {
  apparmor: ["thread-self/attr/apparmor/exec", "thread-self/attr/exec"],
  selinux: ["thread-self/attr/exec"],
};

/**
 * Sets the label of the program's execve, through the private procfs: an image
 * may mount what it likes over its own (CVE-2019-16884, CVE-2019-19921,
 * CVE-2025-52881). Runs in: gofer, driven by the launcher, after the re-exec
 * and before no_new_privs, which would refuse some.
 */
export function setLabel(step: LabelStep, context: Context): void {
  const gofer = goferOf(context);
  const value = step.module === "apparmor" ? `exec ${step.label}` : step.label;
  for (const path of FILES[step.module]) {
    const call = openat2(procOf(context), path, {
      flags: 1, // O_WRONLY
      resolve: FCNTL.RESOLVE_BENEATH | FCNTL.RESOLVE_NO_XDEV,
    });
    const file = attempt(gofer, call);
    if (file === ENOENT) continue;
    if (file < 0) throw callError(call, file);
    try {
      gofer.run(write(file, value, step.label), close(file));
      return;
    } catch (cause) {
      const code = cause instanceof SyscallError ? cause.code : "";
      throw new RuntimeError(`${step.module} label "${step.label}"`, {
        cause,
        ...code === "ENOENT" ? { hint: "no such profile is loaded" } : {},
      });
    }
  }
  throw new RuntimeError(`${step.module}: this kernel takes no label`);
}
