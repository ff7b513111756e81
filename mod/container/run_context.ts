/**
 * The context of a run: what all steps share, and what is to be undone.
 *
 * @module
 */

import type { Gofer } from "../../ffi/gofer/channel.ts";
import type { CgroupManager } from "../cgroups/manager.ts";
import type { ConsoleContext } from "../console/perform.ts";
import type { HookPoint } from "../hooks/run.ts";
import { log } from "../log.ts";
import type { CompiledFilter } from "../seccomp/plan.ts";
import type { Spec } from "../spec/config.ts";
import type { OciState, Status } from "../spec/state.ts";
import { hookState } from "../spec/state.ts";
import type { ContainerRecord, ExecDefaults } from "../state/store.ts";
import { directoryOf } from "../state/store.ts";

/** A run of a plan. */
export interface Run extends ConsoleContext {
  /** The state directory: `--root`. */
  readonly stateRoot: string;
  /** The record, as it grows. */
  record: ContainerRecord;
  /** In the gofer: the fifos. */
  fifos: number[];
  /** In the gofer: state documents for startContainer hooks. */
  states: number[];
  /** The program of the system call filter. */
  readonly filter?: Uint8Array | undefined;
  /** The program dies with this process. */
  readonly foreground: boolean;
  /** What a failure has to take back. */
  readonly undo: {
    stateMade?: boolean;
    cgroup?: CgroupManager;
    gofer?: Gofer;
  };
}

/** Begins a run: nothing is made yet. */
export function beginRun(
  options: {
    stateRoot: string;
    id: string;
    bundle: string;
    rootfs: string;
    spec: Spec;
    filter: CompiledFilter | undefined;
    foreground: boolean;
  },
): Run {
  const { stateRoot, id, bundle, rootfs, spec, foreground } = options;
  const pid = spec.linux?.namespaces?.find(({ type }) => type === "pid");
  return {
    id,
    bundle,
    stateRoot,
    directory: directoryOf(stateRoot, id),
    foreground,
    trees: new Map(),
    deferred: [],
    fifos: [],
    states: [],
    filter: options.filter?.program,
    undo: {},
    warn: (message) => log("debug", message),
    record: {
      id,
      bundle,
      rootfs,
      annotations: spec.annotations ?? {},
      created: new Date().toISOString(),
      owner: Deno.uid() ?? 0,
      creating: true,
      pid: 0,
      startTime: 0,
      executable: { device: "", inode: 0 },
      ownPidNamespace: pid !== undefined && pid.path === undefined,
      cgroup: { mode: "none", paths: {} },
      hooks: spec.hooks ?? {},
      exec: execDefaults(spec, options.filter?.rules.flags),
    },
  };
}

/** What `exec` will take from a spec. */
function execDefaults(
  { process, linux }: Spec,
  filterFlags: number | undefined,
): ExecDefaults {
  const namespace = (type: string) =>
    linux?.namespaces?.find((entry) => entry.type === type);
  return {
    capabilities: process?.capabilities,
    noNewPrivileges: process?.noNewPrivileges,
    oomScoreAdj: process?.oomScoreAdj,
    rlimits: process?.rlimits,
    umask: process?.user.umask,
    cwd: process?.cwd ?? "/",
    chroot: namespace("mount")?.path !== undefined,
    mapped: namespace("user") !== undefined,
    ...filterFlags === undefined ? {} : { filterFlags },
  };
}

/** The status that each kind of hook is told, as runc tells it. */
const STATUS: Readonly<Record<HookPoint, Status>> = {
  prestart: "creating",
  createRuntime: "creating",
  createContainer: "creating",
  startContainer: "created",
  poststart: "running",
  poststop: "stopped",
};

/** OCI's part of the state document; `pid` is the host's. */
export function ociStateFor(
  record: ContainerRecord,
  status: Status,
  pid: number,
): OciState {
  const { id, bundle, rootfs, annotations } = record;
  const { root: _, ...state } = hookState(
    { id, bundle, rootfs, annotations, pid, status },
  );
  return state;
}

/** The state document of a hook; `pid` is as the hook sees it. */
export function stateFor(
  record: ContainerRecord,
  point: HookPoint,
  pid: number,
): string {
  const { id, bundle, rootfs, annotations } = record;
  return JSON.stringify(
    hookState({ id, bundle, rootfs, annotations, pid, status: STATUS[point] }),
  );
}
