/**
 * The step that loads a filter, and where in the plan it stands. Pure. Why it
 * stands there is told in `remaining.ts`.
 *
 * @module
 */

import { ARCH } from "../../ffi/abi/arch.ts";
import { RuntimeError } from "../errors.ts";
import type { Seccomp } from "../spec/seccomp.ts";
import type { FilterRules } from "./compile.ts";
import { lastCalls, laterCalls, refusedCall } from "./remaining.ts";
import type { RemainingCall } from "./remaining.ts";

/** Loads the filter. */
export interface LoadSeccompStep {
  readonly kind: "load-seccomp";
  readonly defaultAction: string;
  readonly architectures: readonly string[];
  /** How many rules, each for one system call. */
  readonly rules: number;
  /** The flags of seccomp(2), as a number. */
  readonly flags: number;
  /** Where the listener's descriptor is sent. */
  readonly listener?: {
    readonly path: string;
    readonly metadata: string;
  };
  /** What is left when the CAP_SYS_ADMIN that was kept for it is dropped. */
  readonly capabilities?: {
    readonly effective: readonly string[];
    readonly permitted: readonly string[];
    readonly inheritable: readonly string[];
  };
}

/** A filter, ready to be loaded. */
export interface CompiledFilter {
  /** What it was compiled from. */
  readonly rules: FilterRules;
  /** The program. */
  readonly program: Uint8Array;
}

/** What must be known to say when a filter is loaded. */
export interface SeccompFacts {
  readonly noNewPrivileges: boolean;
  /** There are startContainer hooks. */
  readonly hooks: boolean;
  /** The program's capabilities. */
  readonly capabilities: NonNullable<LoadSeccompStep["capabilities"]>;
  /** Calls after the re-exec that only some specs need. */
  readonly more: readonly RemainingCall[];
}

/** The step, and where it stands. */
export interface SeccompPlan {
  readonly step: LoadSeccompStep;
  /** Before the re-exec, or as the last thing. */
  readonly when: "early" | "late";
  /** CAP_SYS_ADMIN is kept permitted until then. */
  readonly retain: boolean;
}

/**
 * Plans the loading of a filter.
 *
 * @throws {RuntimeError} where it refuses what must come after it
 */
export function planSeccomp(
  seccomp: Seccomp,
  { rules, program }: CompiledFilter,
  facts: SeccompFacts,
): SeccompPlan {
  const { hooks, noNewPrivileges, capabilities, more } = facts;
  const { listenerPath, listenerMetadata = "" } = seccomp;
  const step: LoadSeccompStep = {
    kind: "load-seccomp",
    defaultAction: seccomp.defaultAction ?? "",
    architectures: seccomp.architectures ?? [],
    rules: rules.rules.length,
    flags: rules.flags,
    ...listenerPath === undefined || listenerPath === ""
      ? {}
      : { listener: { path: listenerPath, metadata: listenerMetadata } },
  };
  const retain = !noNewPrivileges;
  if (
    retain && refusedCall(program, laterCalls(hooks, more), ARCH) === undefined
  ) {
    return { step, when: "early", retain: false };
  }
  const refused = refusedCall(
    program,
    lastCalls({ capset: retain, hooks }),
    ARCH,
  );
  if (refused !== undefined) throw refusal(refused);
  return {
    step: retain ? { ...step, capabilities } : step,
    when: "late",
    retain,
  };
}

/** The error of a filter that refuses what must come after it. */
export function refusal(syscall: string): RuntimeError {
  return new RuntimeError(
    `linux.seccomp: the filter must allow "${syscall}", without a listener: ` +
      "the container's program cannot be started under it otherwise",
  );
}
