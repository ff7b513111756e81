/**
 * What will be done about a container's cgroup: which directories, and which
 * writes when. Pure; `burrow plan` prints it.
 *
 * @module
 */

import type { Linux } from "../spec/linux.ts";
import type { Resources } from "../spec/resources.ts";
import type { CgroupHost, CgroupMode, Hierarchy } from "./detect.ts";
import { type DevicePolicy, devicePolicy } from "./device.ts";
import { cgroupDirectory, parseCgroupsPath } from "./path.ts";
import { type CgroupWrite, hasLimits, resourceWrites } from "./resource.ts";

/** The container's cgroup in one hierarchy. */
export interface CgroupDirectory {
  /** The hierarchy's version. */
  readonly version: 1 | 2;
  /** Its controllers. */
  readonly controllers: readonly string[];
  /** Where the hierarchy is mounted: never touched. */
  readonly mountPoint: string;
  /** The cgroup's directory. */
  readonly path: string;
}

/** A write with the directory of its file. */
export interface PlacedWrite extends CgroupWrite {
  /** The container's cgroup in the controller's hierarchy. */
  readonly directory: string;
}

/**
 * Where a container's cgroup is, as the state file keeps it: all that `delete`,
 * `kill` and `pause` need, in another process, later.
 */
export interface CgroupRecord {
  /** Which kind of host it was made on. */
  readonly mode: CgroupMode;
  /** Directory by v1 controller; that of the v2 tree is under "". */
  readonly paths: Readonly<Record<string, string>>;
}

/** The device rules, and where they are applied. */
export interface PlacedDevicePolicy {
  /** Files on v1, a program on v2. */
  readonly version: 1 | 2;
  /** The container's cgroup. */
  readonly directory: string;
  /** What they come to. */
  readonly policy: DevicePolicy;
}

/** Everything about a container's cgroup. */
export interface CgroupPlan {
  /** Which kind of host it is for. */
  readonly mode: CgroupMode;
  /** The directories, v1 first. */
  readonly directories: readonly CgroupDirectory[];
  /** Made by `apply` before the container has a process. */
  readonly early: readonly PlacedWrite[];
  /** Made by `apply` after the createContainer hooks and our last fork. */
  readonly late: readonly PlacedWrite[];
  /** Applied before the container has a process; absent where we may not. */
  readonly devices?: PlacedDevicePolicy;
  /** Fields of the resources that this host has nothing for. */
  readonly ignored: readonly string[];
  /** Directories that we may not make are left out, without a word. */
  readonly dispensable: boolean;
}

/** Who asks. */
export interface PlanOptions {
  /** The launcher is not the host's root: no device rules, maybe no cgroup. */
  readonly rootless?: boolean;
}

/**
 * Whether a container may run without a cgroup of its own where we may not make
 * one: nobody asked for a limit or named a cgroup, and we are not root.
 */
export function mayRunWithoutCgroup(
  linux: Pick<Linux, "cgroupsPath" | "resources"> | undefined,
  { rootless = false }: PlanOptions,
): boolean {
  const path = linux?.cgroupsPath ?? "";
  return rootless && path === "" && !hasLimits(linux?.resources);
}

/** The writes of resources, each with its directory. */
export interface PlacedResources {
  /** Before the container has a process. */
  readonly early: readonly PlacedWrite[];
  /** After it has all it needs. */
  readonly late: readonly PlacedWrite[];
  /** Fields that this host has nothing for. */
  readonly ignored: readonly string[];
}

/**
 * Places the writes of resources in a container's directories; `update` does
 * early and late ones alike.
 *
 * @throws {RuntimeError} for a limit that this host cannot set
 */
export function placeResources(
  resources: Resources,
  directories: readonly CgroupDirectory[],
): PlacedResources {
  const v1 = directories.filter(({ version }) => version === 1);
  const v2 = directories.find(({ version }) => version === 2);
  const { early, late, ignored } = resourceWrites(resources, {
    v1: v1.flatMap(({ controllers }) => controllers),
    v2: v2?.controllers,
  });
  const place = (write: CgroupWrite): PlacedWrite => {
    const holder = write.version === 2
      ? v2
      : v1.find(({ controllers }) => controllers.includes(write.controller));
    return { ...write, directory: holder?.path ?? "" };
  };
  return { early: early.map(place), late: late.map(place), ignored };
}

/** The record of directories, for the state file. */
export function recordOf(
  mode: CgroupMode,
  directories: readonly CgroupDirectory[],
): CgroupRecord {
  const entries = directories.flatMap(({ version, controllers, path }) =>
    version === 2 ? [["", path]] : controllers.map((name) => [name, path])
  );
  return { mode, paths: Object.fromEntries(entries) };
}

/** Where the device rules go: v1's controller, or any v2 tree. */
function placeDevices(
  linux: Linux | undefined,
  directories: readonly CgroupDirectory[],
): { devices?: PlacedDevicePolicy } {
  const holder =
    directories.find(({ version, controllers }) =>
      version === 1 && controllers.includes("devices")
    ) ?? directories.find(({ version }) => version === 2);
  const policy = devicePolicy(linux?.resources?.devices);
  if (holder === undefined) return {};
  const { version, path } = holder;
  return { devices: { version, directory: path, policy } };
}

/**
 * Plans the cgroup of container `id` on a host.
 *
 * @throws {RuntimeError} for a path, a rule or a limit that cannot be
 */
export function planCgroup(
  linux: Linux | undefined,
  id: string,
  host: CgroupHost,
  options: PlanOptions = {},
): CgroupPlan {
  const where = parseCgroupsPath(linux?.cgroupsPath, id);
  const directory = (version: 1 | 2, hierarchy: Hierarchy) => ({
    version,
    controllers: hierarchy.controllers,
    mountPoint: hierarchy.mountPoint,
    path: cgroupDirectory(version, hierarchy, where),
  });
  const dispensable = mayRunWithoutCgroup(linux, options);
  // A relative path has no place where the mounts do not show our own cgroup.
  const shown = (hierarchy: Hierarchy) =>
    !dispensable || hierarchy.own !== undefined;
  const directories: CgroupDirectory[] = [
    ...host.v1.filter(shown).map((hierarchy) => directory(1, hierarchy)),
    ...host.v2 === undefined || !shown(host.v2) ? [] : [directory(2, host.v2)],
  ];
  return {
    mode: directories.length === 0 ? "none" : host.mode,
    directories,
    ...placeResources(linux?.resources ?? {}, directories),
    // Only the host's root may, and for others the files' modes suffice.
    ...options.rootless === true ? {} : placeDevices(linux, directories),
    dispensable,
  };
}
