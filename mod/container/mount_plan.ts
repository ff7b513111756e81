/**
 * The mounts of a spec: what is opened before, and what is attached. Pure.
 *
 * @module
 */

import { RuntimeError } from "../errors.ts";
import type { CgroupDirectory } from "../cgroups/plan.ts";
import { isNew } from "../namespaces/plan.ts";
import type { IdMappingStep } from "../namespaces/plan.ts";
import { planCgroupMount } from "../rootfs/cgroup.ts";
import { planDevices } from "../rootfs/device.ts";
import { isDeferredReadOnly } from "../rootfs/mount.ts";
import type { MountOptions } from "../rootfs/option.ts";
import { parseOptions } from "../rootfs/option.ts";
import type {
  DeviceStep,
  MountIdMap,
  MountStep,
  OpenSourceStep,
  RootfsStep,
} from "../rootfs/step.ts";
import type { Spec } from "../spec/config.ts";
import type { IdMapping, Mount } from "../spec/mount.ts";
import { namespaceOf } from "../spec/rule.ts";
import type { HostFacts } from "./facts.ts";

/** The mounts of a spec. */
export interface MountPlan {
  /** Mappings of binds, made with the host's rights. */
  readonly mappings: IdMappingStep[];
  /** Mappings of new filesystems, made in the container's user namespace. */
  readonly innerMappings: IdMappingStep[];
  readonly sources: OpenSourceStep[];
  readonly mounts: RootfsStep[];
  readonly readOnly: string[];
}

/** Refuses options that cannot be what they seem. */
function checkOptions(mount: Mount, options: MountOptions, at: string): void {
  const bind = options.bind !== undefined || mount.type === "bind";
  const [unknown] = options.unknown;
  if (bind && unknown !== undefined) {
    throw new RuntimeError(`${at}: a bind has no option "${unknown}"`);
  }
  if (options.copyUp && (bind || mount.type !== "tmpfs")) {
    throw new RuntimeError(`${at}: "tmpcopyup" is for a tmpfs`);
  }
}

/**
 * A map whose host ids are told in ids of the container, for a user namespace
 * below the container's.
 *
 * @throws {RuntimeError} where the container does not have an id
 */
function throughContainer(
  mappings: readonly IdMapping[],
  container: readonly IdMapping[],
  at: string,
): IdMapping[] {
  return mappings.map((mapping) => {
    const { hostID, size } = mapping;
    const home = container.find((range) =>
      hostID >= range.hostID && hostID + size <= range.hostID + range.size
    );
    if (home === undefined) {
      throw new RuntimeError(
        `${at}: the user namespace of the container has no id ${hostID}`,
        { hint: "its filesystem is made inside of that namespace" },
      );
    }
    return { ...mapping, hostID: hostID - home.hostID + home.containerID };
  });
}

/**
 * How the ids of a mount are mapped: by mappings of its own, or with `idmap` by
 * those of the container.
 *
 * @throws {RuntimeError} where there are neither
 */
function planIdMap(
  spec: Spec,
  mount: Mount,
  options: MountOptions,
  plan: MountPlan,
  at: string,
): MountIdMap | undefined {
  const { uidMappings = [], gidMappings = [] } = mount;
  const own = uidMappings.length > 0 || gidMappings.length > 0;
  if (!own && options.idmap === undefined) return undefined;
  const user = namespaceOf(spec, "user");
  if (!own && user === undefined) {
    throw new RuntimeError(
      `${at}: "${options.idmap}" needs uidMappings and gidMappings`,
      { hint: 'or a "user" namespace, whose mappings it takes' },
    );
  }
  const bind = options.bind !== undefined || mount.type === "bind";
  const inner = user !== undefined && !bind;
  // A filesystem that the container makes has the container's ids already.
  if (inner && !own) return undefined;
  if (inner && user.path !== undefined) {
    throw new RuntimeError(
      `${at}: mappings of a new filesystem in a user namespace of others`,
      { hint: "bind it, or let the container have its own" },
    );
  }
  const source = own ? { uidMappings, gidMappings } : spec.linux ?? {};
  const { uidMappings: uids = [], gidMappings: gids = [] } = source;
  const { linux } = spec;
  const step = {
    uidMappings: inner
      ? throughContainer(uids, linux?.uidMappings ?? [], at)
      : uids,
    gidMappings: inner
      ? throughContainer(gids, linux?.gidMappings ?? [], at)
      : gids,
    ...!own && user?.path !== undefined ? { path: user.path } : {},
  };
  const list = inner ? plan.innerMappings : plan.mappings;
  const same = list.find(({ kind: _kind, mapping: _mapping, ...rest }) =>
    JSON.stringify(rest) === JSON.stringify(step)
  );
  const mapping = same?.mapping ??
    plan.mappings.length + plan.innerMappings.length;
  if (same === undefined) list.push({ kind: "id-mapping", mapping, ...step });
  return { mapping, recursive: options.idmap === "ridmap" };
}

/** Filesystems that take no SELinux label when they are mounted. */
const UNLABELLED = new Set(["proc", "sysfs", "mqueue", "cgroup", "cgroup2"]);

/** The option that labels a new filesystem: mount(8), context. */
function labelOptions(spec: Spec, type: string): string[] {
  const label = spec.linux?.mountLabel ?? "";
  return label === "" || UNLABELLED.has(type) ? [] : [`context=${label}`];
}

/**
 * Plans the mounts: a bind's source is opened with the host's rights.
 * `directories` are those of the container's cgroup that are sure to be there.
 *
 * @throws {RuntimeError} naming the mount that cannot be
 */
export function planMounts(
  spec: Spec,
  { cgroups }: HostFacts,
  overlays: readonly string[],
  directories: readonly CgroupDirectory[],
): MountPlan {
  const plan: MountPlan = {
    mappings: [],
    innerMappings: [],
    sources: [],
    mounts: [],
    readOnly: [],
  };
  const attach = (step: MountStep) => {
    const { readonly } = parseOptions(step.options);
    plan.mounts.push(step);
    const late = step.tree === undefined && readonly &&
      isDeferredReadOnly(step.type, step.destination);
    if (late) plan.readOnly.push(step.destination);
  };
  for (const [i, mount] of (spec.mounts ?? []).entries()) {
    const at = `mounts[${i}]`;
    const words = mount.options ?? [];
    const { destination, type = "", source = "" } = mount;
    const options = parseOptions(words);
    checkOptions(mount, options, at);
    const idmap = planIdMap(spec, mount, options, plan, at);
    const mapped = idmap === undefined ? {} : { idmap };
    if (type === "cgroup" || type === "cgroup2") {
      const own = isNew(spec, "cgroup");
      const part = planCgroupMount(
        mount,
        cgroups,
        directories,
        own,
        plan.sources.length,
      );
      plan.sources.push(...part.sources);
      part.steps.forEach((s) =>
        s.kind === "mount" ? attach(s) : plan.mounts.push(s)
      );
      plan.readOnly.push(...part.readOnly);
    } else if (options.bind !== undefined || type === "bind") {
      const tree = plan.sources.length;
      plan.sources.push({
        kind: "open-source",
        tree,
        source,
        recursive: options.bind === "rbind",
        overlay: overlays.includes(destination),
        options: words,
        ...mapped,
      });
      attach({
        kind: "mount",
        destination,
        type: "bind",
        source,
        options: words,
        tree,
      });
    } else {
      attach({
        kind: "mount",
        destination,
        type,
        source,
        options: [...words, ...labelOptions(spec, type)],
        ...mapped,
      });
    }
  }
  return plan;
}

/** Devices: bound from the host where mknod would be refused. */
export function planNodes(
  spec: Spec,
  facts: HostFacts,
  trees: number,
): { sources: OpenSourceStep[]; devices: DeviceStep[] } {
  const devices = planDevices(spec);
  const bound = namespaceOf(spec, "user") !== undefined || !facts.hostRoot;
  if (!bound) return { sources: [], devices };
  const sources: OpenSourceStep[] = devices.map((device, i) => ({
    kind: "open-source",
    tree: trees + i,
    source: device.path,
    recursive: false,
    overlay: false,
    options: [],
  }));
  return {
    sources,
    devices: devices.map((device, i) => ({ ...device, tree: trees + i })),
  };
}
