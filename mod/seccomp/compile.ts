/**
 * `linux.seccomp` as a list of rules that libseccomp takes one by one. Pure.
 *
 * @see https://github.com/opencontainers/runtime-spec/blob/v1.3.0/config-linux.md#seccomp
 * @module
 */

import { SECCOMP } from "../../ffi/abi/seccomp.ts";
import { SCMP } from "../../ffi/libseccomp.ts";
import { toUint64 } from "../spec/number.ts";
import type {
  Seccomp,
  SeccompAction,
  SeccompArg,
  SeccompSyscall,
} from "../spec/seccomp.ts";

/** A condition on an argument of a system call. */
export interface FilterCondition {
  /** Which argument, from 0. */
  readonly index: number;
  /** One of SCMP_CMP_*. */
  readonly operator: number;
  /** What it is compared with; the mask of SCMP_CMP_MASKED_EQ. */
  readonly value: bigint;
  /** What SCMP_CMP_MASKED_EQ compares the masked argument with. */
  readonly valueTwo: bigint;
}

/** What becomes of one system call where all conditions hold. */
export interface FilterRule {
  /** Its name. */
  readonly name: string;
  /** What the filter returns: SECCOMP_RET_* and its data. */
  readonly action: number;
  /** None: it holds always. */
  readonly conditions: readonly FilterCondition[];
}

/** A filter, before it is compiled. */
export interface FilterRules {
  /** What the filter returns where no rule holds. */
  readonly defaultAction: number;
  /** Architectures in libseccomp's words, beside the native one. */
  readonly architectures: readonly string[];
  /** In the spec's order, without those that say what the default says. */
  readonly rules: readonly FilterRule[];
  /** All names that the profile mentions: how new it is. */
  readonly names: readonly string[];
  /** Flags of seccomp(2). */
  readonly flags: number;
  /** System calls newer than all of `names` are to fail with ENOSYS. */
  readonly enosys: boolean;
}

const EPERM = 1;
const ENOSYS = 38;

/** What a filter returns for each action. */
const RETURN: Readonly<Record<SeccompAction, number>> = {
  SCMP_ACT_KILL: SECCOMP.SECCOMP_RET_KILL_THREAD,
  SCMP_ACT_KILL_PROCESS: SECCOMP.SECCOMP_RET_KILL_PROCESS,
  SCMP_ACT_KILL_THREAD: SECCOMP.SECCOMP_RET_KILL_THREAD,
  SCMP_ACT_TRAP: SECCOMP.SECCOMP_RET_TRAP,
  SCMP_ACT_ERRNO: SECCOMP.SECCOMP_RET_ERRNO,
  SCMP_ACT_TRACE: SECCOMP.SECCOMP_RET_TRACE,
  SCMP_ACT_ALLOW: SECCOMP.SECCOMP_RET_ALLOW,
  SCMP_ACT_LOG: SECCOMP.SECCOMP_RET_LOG,
  SCMP_ACT_NOTIFY: SECCOMP.SECCOMP_RET_USER_NOTIF,
};

/**
 * The flags of the spec. TSYNC is not among them: it is for the other threads
 * of the process, and the gofer has none.
 */
const FLAG: Readonly<Record<NonNullable<Seccomp["flags"]>[number], number>> = {
  SECCOMP_FILTER_FLAG_TSYNC: 0,
  SECCOMP_FILTER_FLAG_LOG: SECCOMP.SECCOMP_FILTER_FLAG_LOG,
  SECCOMP_FILTER_FLAG_SPEC_ALLOW: SECCOMP.SECCOMP_FILTER_FLAG_SPEC_ALLOW,
  SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV:
    SECCOMP.SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV,
};

/** Actions that are understood. */
export const ACTION_WORDS: readonly string[] = Object.keys(RETURN).sort();
/** Operators that are. */
export const OPERATOR_WORDS: readonly string[] = Object.keys(SCMP)
  .filter((word) => word.startsWith("SCMP_CMP_")).sort();
/** Flags that are. */
export const FLAG_WORDS: readonly string[] = Object.keys(FLAG).sort();

/** Under these, a system call of the future works, or is somebody's to judge. */
const PERMISSIVE: readonly SeccompAction[] = [
  "SCMP_ACT_ALLOW",
  "SCMP_ACT_LOG",
  "SCMP_ACT_TRACE",
];

/** An action with its errno, or the message for a tracer. */
function returnOf(action: SeccompAction, errno: number | undefined): number {
  const takes = action === "SCMP_ACT_ERRNO" || action === "SCMP_ACT_TRACE";
  if (!takes) return RETURN[action];
  return (RETURN[action] | (errno ?? EPERM) & SECCOMP.SECCOMP_RET_DATA) >>> 0;
}

/** What libseccomp calls an architecture of the spec. */
export function libraryName(architecture: string): string {
  return architecture.slice("SCMP_ARCH_".length).toLowerCase();
}

/** One condition. */
function conditionOf(arg: SeccompArg): FilterCondition {
  return {
    index: arg.index,
    operator: SCMP[arg.op],
    value: toUint64(arg.value),
    valueTwo: toUint64(arg.valueTwo ?? 0),
  };
}

/**
 * The lists of conditions of an entry, of which one must hold. libseccomp takes
 * an argument once a rule; where it is there twice, every condition becomes a
 * rule of its own, as with runc: the conditions are then alternatives.
 */
function alternatives(entry: SeccompSyscall): FilterCondition[][] {
  const conditions = (entry.args ?? []).map(conditionOf);
  const indices = new Set(conditions.map(({ index }) => index));
  if (indices.size === conditions.length) return [conditions];
  return conditions.map((condition) => [condition]);
}

/** The flags of seccomp(2). */
function flagsOf({ flags, syscalls = [] }: Seccomp): number {
  // Absent: as runc and crun; processes would otherwise be slowed down.
  if (flags === undefined) {
    return FLAG.SECCOMP_FILTER_FLAG_SPEC_ALLOW | listen();
  }
  return flags.reduce((all, flag) => all | FLAG[flag], 0) | listen();

  function listen(): number {
    const notified = syscalls.some(({ action }) =>
      action === "SCMP_ACT_NOTIFY"
    );
    return notified ? SECCOMP.SECCOMP_FILTER_FLAG_NEW_LISTENER : 0;
  }
}

/** The rules of a filter; undefined where the spec asks for none. */
export function compileRules(seccomp: Seccomp): FilterRules | undefined {
  const { defaultAction, defaultErrnoRet, syscalls = [] } = seccomp;
  if (defaultAction === undefined || defaultAction === "") return undefined;
  const fallback = returnOf(defaultAction, defaultErrnoRet);
  const rules = syscalls.flatMap((entry) => {
    const action = returnOf(entry.action, entry.errnoRet);
    if (action === fallback) return [];
    return entry.names.flatMap((name) =>
      alternatives(entry).map((conditions) => ({ name, action, conditions }))
    );
  });
  let flags = flagsOf(seccomp);
  // The kernel refuses it where there is nobody to wait for.
  if ((flags & SECCOMP.SECCOMP_FILTER_FLAG_NEW_LISTENER) === 0) {
    flags &= ~SECCOMP.SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV;
  }
  return {
    defaultAction: fallback,
    architectures: (seccomp.architectures ?? [])
      .map(libraryName),
    rules,
    names: [...new Set(syscalls.flatMap(({ names }) => names))],
    flags,
    enosys: !PERMISSIVE.includes(defaultAction) &&
      fallback !== (SECCOMP.SECCOMP_RET_ERRNO | ENOSYS),
  };
}
