/**
 * The steps of `exec`: one more program in a container that runs. Pure.
 *
 * All of them are done outside of the container's pid namespace, where none of
 * its processes can reach the gofer; the last step forks into it, with final
 * credentials, no descriptor of ours, and nothing left to do but to execute.
 * So a container that may trace its neighbours (CAP_SYS_PTRACE) has nothing to
 * seize (CVE-2016-9962, CVE-2019-5736).
 *
 * @module
 */

import type { ConsoleStep } from "../console/plan.ts";
import type { Process } from "../spec/process.ts";
import type { AttributeStep } from "./attribute.ts";
import { planKeyring, planLabels, planScheduling } from "./attribute.ts";
import type {
  CredentialsStep,
  FindExecutableStep,
  FindHomeStep,
  OomScoreStep,
  OwnStdioStep,
  RlimitStep,
} from "./plan.ts";
import { capabilitySets, planLimits, planProgram, uniqueEnv } from "./plan.ts";

/** Starts the gofer of `exec`. */
export interface SpawnExecStep {
  readonly kind: "spawn-exec";
  /** Descriptors behind stdio that the program gets. */
  readonly preserved: number;
}

/** Enters all namespaces of the container's process, in one call. */
export interface JoinContainerStep {
  readonly kind: "join-container";
  /** The root is where the process has it, and not its mount namespace's. */
  readonly chroot: boolean;
}

/** Enters the working directory with the container's privileges, if possible. */
export interface TryCwdStep {
  readonly kind: "try-cwd";
  readonly path: string;
}

/** Enters it as the program's user where that failed, and looks where it is. */
export interface CheckCwdStep {
  readonly kind: "check-cwd";
  readonly path: string;
}

/** Loads the rest of the gofer's life, and lets go of it. */
export interface LoadExecStep {
  readonly kind: "load-exec";
  readonly args: readonly string[];
  readonly env: readonly string[];
  readonly cwd: string;
  /** stdin becomes the controlling terminal. */
  readonly terminal: boolean;
  /** The filter; absent: there is none. */
  readonly filter?: ExecFilter;
}

/** Limits the program to CPUs: sched_setaffinity(2), from outside. */
export interface AffinityStep {
  readonly kind: "cpu-affinity";
  /** A list such as `0-3,7`. */
  readonly cpus: string;
  /** Before the program is in its cgroup, or after. */
  readonly field: "initial" | "final";
}

/** Has the gofer enter the container's cgroup. */
export interface JoinCgroupStep {
  readonly kind: "join-cgroup";
  /** Below the container's cgroup, by v1 controller; "" is for all. */
  readonly below: Readonly<Record<string, string>>;
  /** By the launcher's hand: the cgroup is frozen, and so will the gofer be. */
  readonly frozen: boolean;
}

/** Where the container's system call filter is loaded. */
export interface ExecFilter {
  /**
   * In the child, as the last thing before execve, under no_new_privs; or in
   * the gofer before the fork, with a CAP_SYS_ADMIN that was kept for it: a
   * child with that could be seized by its new neighbours.
   */
  readonly by: "child" | "gofer";
  /** The flags of seccomp(2). */
  readonly flags: number;
  /** What is left when the CAP_SYS_ADMIN is given away. */
  readonly capabilities: {
    readonly effective: readonly string[];
    readonly permitted: readonly string[];
    readonly inheritable: readonly string[];
  };
}

/** Forks into the pid namespace, and waits until the program is executed. */
export interface ForkExecStep {
  readonly kind: "fork-exec";
}

/** A step that only `exec` has. */
export type ExecOwnStep =
  | SpawnExecStep
  | JoinContainerStep
  | TryCwdStep
  | CheckCwdStep
  | LoadExecStep
  | AffinityStep
  | JoinCgroupStep
  | ForkExecStep;

/** Any step of `exec`. */
export type ExecStep =
  | ConsoleStep
  | ExecOwnStep
  | OwnStdioStep
  | OomScoreStep
  | RlimitStep
  | AttributeStep
  | CredentialsStep
  | FindExecutableStep
  | FindHomeStep;

/** What `exec` is asked, besides its process. */
export interface ExecPlanOptions {
  /** The container. */
  readonly id: string;
  /** Descriptors behind stdio that the program gets. */
  readonly preserved: number;
  /** What makes its terminal: nothing where it has none. */
  readonly console: readonly ConsoleStep[];
  /** The container's first process was chrooted, not pivoted. */
  readonly chroot: boolean;
  /** The container has a user namespace. */
  readonly mapped: boolean;
  /** Cgroups below the container's, by v1 controller; "" is for all. */
  readonly below: Readonly<Record<string, string>>;
  /** The container is paused. */
  readonly frozen: boolean;
  /** Flags of the container's system call filter; absent: it has none. */
  readonly filter?: number;
}

/** Those of the create steps on a program that `exec` shares. */
function isShared(
  step: ReturnType<typeof planProgram>[number],
): step is CredentialsStep | FindExecutableStep | FindHomeStep {
  return step.kind === "credentials" || step.kind === "find-executable" ||
    step.kind === "find-home";
}

/** Those that are done from outside, by process id. */
function isLimit(
  step: ReturnType<typeof planLimits>[number],
): step is OomScoreStep | RlimitStep {
  return step.kind === "oom-score-adj" || step.kind === "rlimit";
}

/** CPUs before, or after, the program is in its cgroup. */
function affinity(
  process: Process,
  field: "initial" | "final",
): AffinityStep[] {
  const cpus = process.execCPUAffinity?.[field] ?? "";
  return cpus.trim() === "" ? [] : [{ kind: "cpu-affinity", cpus, field }];
}

/** Who loads the filter, and when. */
function planFilter(
  process: Process,
  flags: number | undefined,
): ExecFilter | undefined {
  if (flags === undefined) return undefined;
  const { effective, permitted, inheritable } = capabilitySets(process);
  return {
    by: process.noNewPrivileges === true ? "child" : "gofer",
    flags,
    capabilities: { effective, permitted, inheritable },
  };
}

/** Plans `exec` of a process that is complete. */
export function planExec(
  process: Process,
  options: ExecPlanOptions,
): ExecStep[] {
  const { cwd } = process;
  const { below, frozen } = options;
  const filter = planFilter(process, options.filter);
  const retained = filter?.by === "gofer" ? ["CAP_SYS_ADMIN"] : [];
  const shared = planProgram(process, retained).filter(isShared);
  const credentials = shared.filter(({ kind }) => kind === "credentials");
  const lookup = shared.filter(({ kind }) => kind !== "credentials");
  const cgroup: ExecStep[] = [
    ...affinity(process, "initial"),
    { kind: "join-cgroup", below, frozen },
    ...affinity(process, "final"),
  ];
  return [
    { kind: "spawn-exec", preserved: options.preserved },
    ...frozen ? [] : cgroup,
    { kind: "join-container", chroot: options.chroot },

    // With the container's privileges.
    planKeyring(options.id, options.mapped),
    ...options.console,
    { kind: "own-stdio", uid: process.user.uid },
    ...planLimits(process).filter(isLimit),
    ...planScheduling(process),
    // A directory that only root may enter is entered by root, as with runc.
    { kind: "try-cwd", path: cwd },
    ...planLabels(process),

    // As the program's user.
    ...credentials,
    { kind: "check-cwd", path: cwd },
    ...lookup,
    {
      kind: "load-exec",
      args: process.args ?? [],
      env: uniqueEnv(process.env ?? []),
      cwd,
      terminal: process.terminal ?? false,
      ...filter === undefined ? {} : { filter },
    },

    // A frozen cgroup stops the gofer: nothing but the fork is left to it.
    ...frozen ? cgroup : [],
    { kind: "fork-exec" },
  ];
}
