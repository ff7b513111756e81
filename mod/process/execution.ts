/**
 * What the process sets on itself, and the program inherits: personality and
 * memory policy.
 *
 * Runs in: gofer, driven by the launcher, at its end.
 *
 * @module
 */

import { MPOL } from "../../ffi/abi/mempolicy.ts";
import { PERSONALITY } from "../../ffi/abi/personality.ts";
import { perform } from "../../ffi/call.ts";
import { SyscallError } from "../../ffi/errno.ts";
import { personality, setMempolicy } from "../../ffi/schedule.ts";
import { RuntimeError } from "../errors.ts";
import type { Context } from "../gofer/context.ts";
import { goferOf } from "../gofer/context.ts";
import type { MemoryPolicyStep, PersonalityStep } from "./attribute.ts";

/** The kernel's number of each execution domain. */
const PERSONA: Readonly<Record<PersonalityStep["domain"], number>> = {
  LINUX: PERSONALITY.PER_LINUX,
  LINUX32: PERSONALITY.PER_LINUX32,
};

/** Sets the execution domain: personality(2). */
export function setPersonality(step: PersonalityStep, context: Context): void {
  perform(goferOf(context), personality(PERSONA[step.domain], step.domain));
}

/** Sets the memory policy: set_mempolicy(2). An execve keeps it. */
export function setMemoryPolicy(
  step: MemoryPolicyStep,
  context: Context,
): void {
  const flags = step.flags.reduce((all, name) => all | MPOL[name], 0);
  const object = `${step.mode} ${step.nodes.join(",")}`.trim();
  const call = setMempolicy(MPOL[step.mode] | flags, step.nodes, object);
  try {
    perform(goferOf(context), call);
  } catch (cause) {
    const code = cause instanceof SyscallError ? cause.code : "";
    throw new RuntimeError("linux.memoryPolicy", {
      cause,
      ...code === "EINVAL"
        ? { hint: "these nodes, this mode or this flag this kernel has not" }
        : {},
      ...code === "ENOSYS" ? { hint: "this kernel has no NUMA" } : {},
    });
  }
}
