/**
 * `linux.resources` as a list of writes to files; pure.
 *
 * Each subject is written to the hierarchy that owns its controller: on a
 * hybrid host some to v1, some to v2.
 *
 * Early writes are made before the container has a process; late ones when the
 * createContainer hooks have run and the runtime makes no process any more:
 * `memory.max` counts what the hooks use, and `pids.max` 1 would refuse our own
 * fork. (runc writes all limits before the hooks.)
 *
 * @module
 */

import { RuntimeError } from "../errors.ts";
import type { Resources } from "../spec/resources.ts";
import { SUBJECTS_V1 } from "./resource_v1.ts";
import { SUBJECTS_V2, unifiedWrites } from "./resource_v2.ts";

/** One value for one file of the container's cgroup. */
export interface CgroupWrite {
  /** Which hierarchy version the file is of. */
  readonly version: 1 | 2;
  /** The controller whose file it is; `cgroup` for v2's own files. */
  readonly controller: string;
  /** The file's name. */
  readonly file: string;
  /** What is written. */
  readonly value: string;
  /** A missing file is no error: it lacks nothing that was asked for. */
  readonly optional?: boolean;
  /** Written instead where the kernel has no such file, or not for this. */
  readonly otherwise?: { readonly file: string; readonly value: string };
  /** Refused with EINVAL, it is tried again after the others. */
  readonly again?: boolean;
  /** A file of this cgroup whose number must not exceed the value. */
  readonly notBelow?: string;
  /** Written when the runtime makes no more processes. */
  readonly late?: boolean;
}

/** What a version makes of one subject of the resources. */
export interface SubjectWrites {
  /** The subject's field of `linux.resources`. */
  readonly subject: string;
  /** The controller that it needs. */
  readonly controller: string;
  /** The writes, in order. */
  readonly writes: readonly CgroupWrite[];
  /** Fields that this version has nothing for, and that are left out. */
  readonly ignored?: readonly string[];
}

/** All writes of `linux.resources`. */
export interface ResourceWrites {
  /** Before the container's process is made. */
  readonly early: readonly CgroupWrite[];
  /** After the last hook in the container and our last fork. */
  readonly late: readonly CgroupWrite[];
  /** Fields that have no counterpart on this host, and are no limits. */
  readonly ignored: readonly string[];
}

/** The controllers of a host. */
export interface Controllers {
  /** Those that v1 hierarchies own. */
  readonly v1: readonly string[];
  /** Those that the v2 tree owns; undefined where there is none. */
  readonly v2: readonly string[] | undefined;
}

/** The name on v2 of a controller of v1; the others kept theirs. */
function nameV2(controller: string): string {
  return controller === "blkio" ? "io" : controller;
}

/** What to do about a controller that is nowhere. */
function lackingHint(controller: string, { v1 }: Controllers): string {
  if (controller.startsWith("net_") && v1.length === 0) {
    return "it exists on cgroup v1 only";
  }
  return v1.length > 0
    ? `root may mount it: mount -t cgroup -o ${controller} cgroup ` +
      `/sys/fs/cgroup/${controller}`
    : "the kernel has it disabled, or has not given it to this cgroup " +
      "namespace: see cgroup.controllers of the root";
}

/** The error of a limit whose controller is nowhere. */
function lacking(
  { subject, controller }: SubjectWrites,
  controllers: Controllers,
): RuntimeError {
  const name = controllers.v1.length > 0 ? controller : nameV2(controller);
  return new RuntimeError(
    `resources.${subject} needs the cgroup controller "${name}", ` +
      `which this host lacks`,
    { hint: lackingHint(name, controllers) },
  );
}

/**
 * The writes of `linux.resources` (device rules apart) on a host with these
 * controllers.
 *
 * @throws {RuntimeError} for a limit that this host cannot set
 */
export function resourceWrites(
  resources: Resources,
  controllers: Controllers,
): ResourceWrites {
  const chosen: CgroupWrite[] = [];
  const ignored: string[] = [];
  for (const [i, subject] of SUBJECTS_V1.entries()) {
    const v1 = subject(resources);
    const isV2 = controllers.v2?.includes(nameV2(v1.controller)) ?? false;
    if (controllers.v1.includes(v1.controller)) {
      chosen.push(...v1.writes);
      ignored.push(...v1.ignored ?? []);
    } else if (isV2) {
      const v2 = SUBJECTS_V2[i]?.(resources);
      chosen.push(...v2?.writes ?? []);
      ignored.push(...v2?.ignored ?? []);
    } else if (v1.writes.length > 0) throw lacking(v1, controllers);
  }
  chosen.push(...unifiedWrites(resources.unified ?? {}, controllers.v2));
  return {
    early: chosen.filter((write) => write.late !== true),
    late: chosen.filter((write) => write.late === true),
    ignored,
  };
}

/** Whether the resources limit anything; device rules do not count. */
export function hasLimits(resources: Resources | undefined): boolean {
  if (resources === undefined) return false;
  return Object.keys(resources.unified ?? {}).length > 0 ||
    SUBJECTS_V1.some((subject) => subject(resources).writes.length > 0);
}
