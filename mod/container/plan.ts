/**
 * The plan: config.json and what is known of the host, turned into the list of
 * steps that `create`, `start` and `run` interpret and `burrow plan` prints.
 * Pure.
 *
 * @module
 */

import { planDelegation } from "../cgroups/delegate.ts";
import { planCgroup } from "../cgroups/plan.ts";
import type { NativeHookMode } from "../cdi/hook/name.ts";
import { planConsole } from "../console/plan.ts";
import { RuntimeError } from "../errors.ts";
import type { HookPoint, HookStep } from "../hooks/run.ts";
import { planEntry, planMaking } from "../namespaces/plan.ts";
import { planNetDevices } from "../network/plan.ts";
import {
  planExecution,
  planKeyring,
  planScheduling,
} from "../process/attribute.ts";
import {
  capabilitySets,
  planLimits,
  planPark,
  planPrivileged,
  planProgram,
} from "../process/plan.ts";
import { planResctrl } from "../resctrl/plan.ts";
import { planLinks } from "../rootfs/device.ts";
import type { RootfsStep } from "../rootfs/step.ts";
import { planSeccomp } from "../seccomp/plan.ts";
import type { CompiledFilter, SeccompPlan } from "../seccomp/plan.ts";
import type { Spec } from "../spec/config.ts";
import type { Hooks } from "../spec/hook.ts";
import type { Process } from "../spec/process.ts";
import { namespaceOf } from "../spec/rule.ts";
import type { HostFacts } from "./facts.ts";
import { planMounts, planNodes } from "./mount_plan.ts";
import { containerHookSteps } from "./native_hook.ts";
import type { Step } from "./step.ts";

/** What the command line decides. */
export interface PlanOptions {
  readonly id: string;
  /** Descriptors behind stdio that the program gets. */
  readonly preserved?: number;
  /** No pivot_root: the host runs from an initramfs. */
  readonly noPivot?: boolean;
  /** The program keeps the caller's session keyring. */
  readonly noNewKeyring?: boolean;
  /** Absolute path of the socket that the terminal's master is sent to. */
  readonly consoleSocket?: string;
  /** The root gets a private overlay, whatever it is. */
  readonly overlayRoot?: boolean;
  /** When built-in hooks take the place of programs; default: `auto`. */
  readonly nativeHooks?: NativeHookMode;
  /** Destinations of binds that get a private overlay each. */
  readonly overlays?: readonly string[];
}

/** The hooks of one list, as steps. */
export function hookSteps(
  hooks: Hooks | undefined,
  point: HookPoint,
): HookStep[] {
  return (hooks?.[point] ?? []).map((hook, index) => ({
    kind: "hook",
    point,
    index,
    hook,
  }));
}

/**
 * Does the root need a private overlay? Where it is read-only, and a hook wants
 * to write or a mount point is missing. A root that needs nothing gets nothing.
 */
function needsOverlay(spec: Spec, facts: HostFacts): boolean {
  if (!facts.rootReadOnly) return false;
  const hooks = spec.hooks?.createContainer?.length ?? 0;
  return hooks > 0 || facts.missing.length > 0;
}

/** When the system call filter is loaded, and by which step. */
function planFilter(
  { linux, hooks }: Spec,
  process: Process,
  filter: CompiledFilter | undefined,
): SeccompPlan | undefined {
  if (linux?.seccomp === undefined || filter === undefined) return undefined;
  const { effective, permitted, inheritable } = capabilitySets(process);
  return planSeccomp(linux.seccomp, filter, {
    noNewPrivileges: process.noNewPrivileges ?? false,
    hooks: (hooks?.startContainer?.length ?? 0) > 0,
    capabilities: { effective, permitted, inheritable },
    more: [
      ...linux.personality ? [{ syscall: "personality" } as const] : [],
      ...linux.memoryPolicy ? [{ syscall: "set_mempolicy" } as const] : [],
    ],
  });
}

/** How the root is entered. */
function enterStep(spec: Spec, noPivot: boolean): RootfsStep {
  const joined = namespaceOf(spec, "mount")?.path !== undefined;
  const how = joined ? "chroot" : noPivot ? "move" : "pivot_root";
  return { kind: "pivot-root", how };
}

/**
 * What `/` becomes while the container is made. Binds are cut out of it: those
 * of a shared root are to stay peers of the host's, those of a private one
 * not even slaves.
 */
function stagingPropagation(word: string): string {
  if (word.includes("shared")) return word;
  return word === "rprivate" || word === "runbindable" ? "rprivate" : "rslave";
}

/**
 * A user without rights needs a user namespace: nothing else gives the right
 * to mount.
 */
function checkRootless(spec: Spec, facts: HostFacts): void {
  if (!facts.rootless || namespaceOf(spec, "user") !== undefined) return;
  throw new RuntimeError(
    'linux.namespaces: without root, a "user" namespace is needed',
    { hint: "burrow spec --rootless writes a config.json with one; or sudo" },
  );
}

/**
 * Plans `create`.
 *
 * @throws {RuntimeError} for what the spec asks and nobody can do
 */
export function planCreate(
  spec: Spec,
  facts: HostFacts,
  options: PlanOptions,
): Step[] {
  const { process, linux, hooks } = spec;
  if (process === undefined) {
    throw new RuntimeError("config.json: process is missing");
  }
  checkRootless(spec, facts);
  const rootless = !facts.hostRoot;
  const cgroup = planCgroup(linux, options.id, facts.cgroups, { rootless });
  const { mounts, mappings, innerMappings, sources, readOnly } = planMounts(
    spec,
    facts,
    options.overlays ?? [],
    cgroup.dispensable ? [] : cgroup.directories,
  );
  const nodes = planNodes(spec, facts, sources.length);
  const propagation = linux?.rootfsPropagation || "rslave";
  const staging = stagingPropagation(propagation);
  const shared = /shared|unbindable/.test(propagation);
  const filter = planFilter(spec, process, facts.filter);
  const path = facts.rootPath;
  const overlay = options.overlayRoot === true || needsOverlay(spec, facts);

  return [
    // The launcher, and the gofer with the host's rights.
    { kind: "create-state", id: options.id },
    { kind: "create-cgroup", plan: cgroup },
    { kind: "spawn-gofer", preserved: options.preserved ?? 0 },
    { kind: "enter-cgroup" },
    ...planDelegation(spec, cgroup),
    ...planResctrl(linux, options.id, facts.resctrl),
    {
      kind: "open-fifos",
      output: (hooks?.startContainer?.length ?? 0) > 0,
    },
    // A user without rights has them in the user namespace only.
    ...facts.rootless ? planEntry(spec) : [],
    {
      kind: "unshare-mounts",
      propagation: staging,
      ...staging.includes("shared") ? { holder: facts.holder } : {},
    },
    ...mappings,
    { kind: "open-root", path, overlay },
    ...sources,
    ...nodes.sources,

    // In the container's namespaces.
    ...facts.rootless ? [] : planEntry(spec),
    ...innerMappings,
    ...planMaking(
      spec,
      facts.rootless || namespaceOf(spec, "user") === undefined,
    ),
    ...planNetDevices(linux),
    { kind: "attach-root", path },
    {
      kind: "root-propagation",
      propagation: propagation.includes("slave") ? "slave" : "private",
    },
    { kind: "open-proc" },
    ...mounts,
    ...nodes.devices,
    ...planLinks(spec, facts.hasKcore),

    // Hooks, in OCI's order: the tree is whole, the root is writable.
    ...hookSteps(hooks, "prestart"),
    ...hookSteps(hooks, "createRuntime"),
    ...containerHookSteps(
      hooks,
      options.nativeHooks ?? "auto",
      facts.missingHooks,
    ),

    enterStep(spec, options.noPivot ?? false),
    ...shared ? [{ kind: "final-propagation", propagation } as const] : [],
    { kind: "make-directory", path: process.cwd },
    ...planConsole(process, options.consoleSocket),
    ...readOnly.map((p) => ({ kind: "remount-read-only", path: p }) as const),
    ...spec.root?.readonly
      ? [{ kind: "remount-read-only", path: "/" } as const]
      : [],
    ...options.noNewKeyring === true
      ? []
      : [planKeyring(options.id, namespaceOf(spec, "user") !== undefined)],
    ...planPrivileged(spec, process),
    ...Object.entries(linux?.sysctl ?? {}).map(([key, value]) =>
      ({ kind: "sysctl", key, value }) as const
    ),
    ...(linux?.readonlyPaths ?? []).map((p) =>
      ({ kind: "read-only-path", path: p }) as const
    ),
    ...(linux?.maskedPaths ?? []).map((p) =>
      ({ kind: "mask-path", path: p }) as const
    ),
    ...planLimits(process),
    ...planScheduling(process),

    // Without CAP_SYS_ADMIN, unless the spec grants it.
    ...filter?.when === "early" ? [filter.step] : [],
    ...planProgram(process, filter?.retain ? ["CAP_SYS_ADMIN"] : []),
    ...planExecution(linux),
    { kind: "close-descriptors", states: hooks?.startContainer?.length ?? 0 },
    ...filter?.when === "late" ? [filter.step] : [],
    { kind: "limit-cgroup", plan: cgroup },
    { kind: "record" },
    planPark(process, hooks?.startContainer ?? []),
  ];
}

/** Plans `start`, from the hooks that are still to come. */
export function planStart(hooks: Hooks): Step[] {
  return [
    { kind: "release" },
    ...hookSteps(hooks, "startContainer"),
    { kind: "execute" },
    ...hookSteps(hooks, "poststart"),
  ];
}
