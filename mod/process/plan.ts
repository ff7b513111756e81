/**
 * The steps that turn the gofer into the container's program. Pure.
 *
 * @module
 */

import { CAPABILITY } from "../../ffi/abi/capability.ts";
import { RLIMIT } from "../../ffi/abi/resource.ts";
import type { Spec } from "../spec/config.ts";
import type { Hook } from "../spec/hook.ts";
import { toUint64 } from "../spec/number.ts";
import type { Process } from "../spec/process.ts";
import type { AttributeStep } from "./attribute.ts";
import { planLabels } from "./attribute.ts";

/** Gives stdio to the program's user. */
export interface OwnStdioStep {
  readonly kind: "own-stdio";
  readonly uid: number;
}

/** Sets the names of a uts namespace. */
export interface HostnameStep {
  readonly kind: "hostname" | "domainname";
  readonly name: string;
}

/** Sets a resource limit, from outside. */
export interface RlimitStep {
  readonly kind: "rlimit";
  readonly type: keyof typeof RLIMIT;
  /** As text: RLIM_INFINITY does not fit into a number. */
  readonly soft: string;
  readonly hard: string;
}

/** Sets the score of the out-of-memory killer, from outside. */
export interface OomScoreStep {
  readonly kind: "oom-score-adj";
  readonly value: number;
}

/** Keeps the private procfs through the re-exec, for the labels. */
export interface KeepProcStep {
  readonly kind: "keep-proc";
}

/** Executes the gofer anew, with no more privileges than the rest needs. */
export interface ReexecStep {
  readonly kind: "reexec";
  /** What stays in the bounding set until the credentials are set. */
  readonly keep: readonly string[];
}

/** Sets ids, groups, capabilities, no_new_privs, umask. */
export interface CredentialsStep {
  readonly kind: "credentials";
  readonly uid: number;
  readonly gid: number;
  readonly additionalGids: readonly number[];
  readonly umask: number;
  readonly noNewPrivileges: boolean;
  readonly bounding: readonly string[];
  readonly effective: readonly string[];
  readonly permitted: readonly string[];
  readonly inheritable: readonly string[];
  readonly ambient: readonly string[];
  /** Permitted beyond that, until the filter is loaded. */
  readonly retained: readonly string[];
}

/** Enters the working directory, as the program's user. */
export interface EnterCwdStep {
  readonly kind: "enter-cwd";
  readonly path: string;
}

/** Looks the program up, as its user. */
export interface FindExecutableStep {
  readonly kind: "find-executable";
  readonly name: string;
  /** The PATH of the program's environment. */
  readonly path: string;
}

/** Finds HOME in the container's /etc/passwd, where the spec has none. */
export interface FindHomeStep {
  readonly kind: "find-home";
  readonly uid: number;
}

/** Loads the last program and waits for `start`. */
export interface ParkStep {
  readonly kind: "park";
  readonly args: readonly string[];
  readonly env: readonly string[];
  /** startContainer hooks, which run when `start` comes. */
  readonly hooks: readonly Hook[];
}

/** Any step on the process. */
export type ProcessStep =
  | OwnStdioStep
  | HostnameStep
  | RlimitStep
  | OomScoreStep
  | AttributeStep
  | KeepProcStep
  | ReexecStep
  | CredentialsStep
  | EnterCwdStep
  | FindExecutableStep
  | FindHomeStep
  | ParkStep;

/** What the last steps need, whatever the spec grants. */
const NEEDED = ["CAP_SETGID", "CAP_SETPCAP", "CAP_SETUID"];

/** Capability names that this kernel interface knows, in upper case. */
function known(names: readonly string[] | undefined): string[] {
  const unique = new Set((names ?? []).map((name) => name.toUpperCase()));
  return [...unique].filter((name) => name in CAPABILITY);
}

/** Steps with the container's CAP_SYS_ADMIN. */
export function planPrivileged(spec: Spec, process: Process): ProcessStep[] {
  const steps: ProcessStep[] = [];
  if (spec.hostname) steps.push({ kind: "hostname", name: spec.hostname });
  if (spec.domainname) {
    steps.push({ kind: "domainname", name: spec.domainname });
  }
  steps.push({ kind: "own-stdio", uid: process.user.uid });
  return steps;
}

/** Steps from outside, by process id. */
export function planLimits(process: Process): ProcessStep[] {
  const steps: ProcessStep[] = [];
  if (process.oomScoreAdj !== undefined) {
    steps.push({ kind: "oom-score-adj", value: process.oomScoreAdj });
  }
  for (const { type, soft, hard } of process.rlimits ?? []) {
    steps.push({
      kind: "rlimit",
      type,
      soft: String(toUint64(soft)),
      hard: String(toUint64(hard)),
    });
  }
  return steps;
}

/** The value of PATH: its last occurrence wins, as in the shell's eyes. */
function pathOf(env: readonly string[]): string {
  const entry = env.findLast((e) => e.startsWith("PATH="));
  return entry?.slice("PATH=".length) ?? "";
}

/** An environment without duplicates: the last one wins, in its first place. */
export function uniqueEnv(env: readonly string[]): string[] {
  const values = new Map<string, string>();
  for (const entry of env) values.set(entry.split("=")[0] ?? "", entry);
  return [...values.values()];
}

/** The five sets, as far as they are known. */
export function capabilitySets(process: Process) {
  const capabilities = process.capabilities ?? {};
  return {
    bounding: known(capabilities.bounding),
    effective: known(capabilities.effective),
    permitted: known(capabilities.permitted),
    inheritable: known(capabilities.inheritable),
    ambient: known(capabilities.ambient),
  };
}

/**
 * Steps after the re-exec, which is without CAP_SYS_ADMIN unless that must be
 * retained for a filter.
 */
export function planProgram(
  process: Process,
  retained: readonly string[] = [],
): ProcessStep[] {
  const { user, cwd } = process;
  const args = process.args ?? [];
  const env = uniqueEnv(process.env ?? []);
  const sets = capabilitySets(process);
  const keep = new Set([
    ...Object.values(sets).flat(),
    ...NEEDED,
    ...retained,
  ]);
  const home = env.some((entry) => /^HOME=./.test(entry))
    ? []
    : [{ kind: "find-home", uid: user.uid } as const];
  const labels = planLabels(process);
  return [
    ...labels.length === 0 ? [] : [{ kind: "keep-proc" } as const],
    { kind: "reexec", keep: [...keep].sort() },
    ...labels,
    {
      kind: "credentials",
      uid: user.uid,
      gid: user.gid,
      additionalGids: user.additionalGids ?? [],
      umask: user.umask ?? 0o022,
      noNewPrivileges: process.noNewPrivileges ?? false,
      ...sets,
      retained,
    },
    { kind: "enter-cwd", path: cwd },
    { kind: "find-executable", name: args[0] ?? "", path: pathOf(env) },
    ...home,
  ];
}

/** The last step: waits for `start` with the whole program loaded. */
export function planPark(process: Process, hooks: readonly Hook[]): ParkStep {
  const env = uniqueEnv(process.env ?? []);
  return { kind: "park", args: process.args ?? [], env, hooks };
}
