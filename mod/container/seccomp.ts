/**
 * Loads the system call filter of a container. When, and why then, is told in
 * `../seccomp/remaining.ts`.
 *
 * Runs in: gofer, driven by the launcher.
 *
 * @module
 */

import { perform } from "../../ffi/call.ts";
import type { Results } from "../../ffi/call.ts";
import { SyscallError } from "../../ffi/errno.ts";
import { close } from "../../ffi/file.ts";
import { local } from "../../ffi/local.ts";
import { capset } from "../../ffi/process.ts";
import { seccompSetFilter } from "../../ffi/seccomp.ts";
import { RuntimeError } from "../errors.ts";
import type { Context } from "../gofer/context.ts";
import { goferOf } from "../gofer/context.ts";
import { capabilityMask } from "../process/credentials.ts";
import { compileRules } from "../seccomp/compile.ts";
import { compileFilter } from "../seccomp/filter.ts";
import {
  containerProcessState,
  sendListener,
  takeListener,
} from "../seccomp/listener.ts";
import type { CompiledFilter, LoadSeccompStep } from "../seccomp/plan.ts";
import type { Spec } from "../spec/config.ts";
import type { OciState } from "../spec/state.ts";

/**
 * Compiles the filter of a spec; undefined where it has none.
 *
 * @throws {RuntimeError} without libseccomp
 */
export function filterOf(spec: Spec): CompiledFilter | undefined {
  const seccomp = spec.linux?.seccomp;
  const rules = seccomp === undefined ? undefined : compileRules(seccomp);
  if (rules === undefined) return undefined;
  return { rules, program: compileFilter(rules) };
}

/** Has the gofer load the program; the result is the listener's, or 0. */
function load(
  step: LoadSeccompStep,
  context: Context,
  program: Uint8Array,
): number {
  const filter = seccompSetFilter(program, step.flags);
  const { capabilities: final } = step;
  let results: Results;
  try {
    if (final === undefined) results = goferOf(context).run(filter);
    else {
      const effective = capabilityMask(final.effective);
      const permitted = capabilityMask(final.permitted);
      const inheritable = capabilityMask(final.inheritable);
      const admin = capabilityMask(["CAP_SYS_ADMIN"]);
      results = goferOf(context).run(
        capset({
          effective: effective | admin,
          permitted: permitted | admin,
          inheritable,
        }),
        filter,
        capset({ effective, permitted, inheritable }),
      );
    }
  } catch (cause) {
    const code = cause instanceof SyscallError ? cause.code : "";
    throw new RuntimeError("linux.seccomp", {
      cause,
      ...code === "EINVAL"
        ? { hint: "this kernel does not know one of linux.seccomp.flags" }
        : {},
      ...code === "EBUSY"
        ? { hint: "a filter with a listener is loaded already" }
        : {},
    });
  }
  return results.value(filter);
}

/** Loads the filter, and hands its listener over. */
export function loadSeccomp(
  step: LoadSeccompStep,
  context: Context,
  program: Uint8Array | undefined,
  state: OciState,
): void {
  if (program === undefined) throw new RuntimeError("no filter");
  const gofer = goferOf(context);
  const fd = load(step, context, program);
  if (fd === 0 || step.listener === undefined) return;
  const listener = takeListener(gofer.pid, fd);
  try {
    // It must not wait for itself.
    perform(gofer, close(fd));
    const { path, metadata } = step.listener;
    sendListener(path, listener, containerProcessState(state, metadata));
  } finally {
    local.run(close(listener));
  }
}
