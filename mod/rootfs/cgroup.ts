/**
 * Mounts of type cgroup: what the container sees of its cgroups. Pure.
 *
 * @module
 */

import type { CgroupHost } from "../cgroups/detect.ts";
import type { CgroupDirectory } from "../cgroups/plan.ts";
import type { Mount } from "../spec/mount.ts";
import { parseOptions } from "./option.ts";
import type { LinkStep, MountStep, OpenSourceStep } from "./step.ts";

/** What a cgroup mount comes to. */
export interface CgroupMountPlan {
  readonly sources: OpenSourceStep[];
  readonly steps: (MountStep | LinkStep)[];
  readonly readOnly: string[];
}

/**
 * On a host with the v2 tree alone: that tree. With v1: a tmpfs with a mount
 * for each hierarchy, and links for those that share one. With a cgroup
 * namespace of its own the container's cgroup is the root of what it sees; in
 * the host's, v1 shows the container's cgroup (`directories`) where its root
 * would be: programs look for their limits there, and the cgroups of others are
 * none of their business.
 */
export function planCgroupMount(
  mount: Mount,
  host: CgroupHost,
  directories: readonly CgroupDirectory[],
  ownNamespace: boolean,
  trees: number,
): CgroupMountPlan {
  const { destination } = mount;
  const options = mount.options ?? [];
  const plan: CgroupMountPlan = { sources: [], steps: [], readOnly: [] };
  const bind = (source: string, to: string) => {
    const tree = trees + plan.sources.length;
    plan.sources.push({
      kind: "open-source",
      tree,
      source,
      recursive: false,
      overlay: false,
      options,
    });
    plan.steps.push({
      kind: "mount",
      destination: to,
      type: "bind",
      source,
      options,
      tree,
    });
  };
  const unified = (to: string, source: string | undefined) => {
    if (ownNamespace) {
      plan.steps.push({
        kind: "mount",
        destination: to,
        type: "cgroup2",
        source: "cgroup",
        options,
      });
    } else if (source !== undefined) bind(source, to);
  };
  if (host.v1.length === 0 || mount.type === "cgroup2") {
    unified(destination, host.v2?.mountPoint);
    return plan;
  }
  const shown = (at: string) =>
    directories.find(({ mountPoint }) => mountPoint === at)?.path ?? at;
  const words = options.filter((word) => word !== "ro");
  plan.steps.push({
    kind: "mount",
    destination,
    type: "tmpfs",
    source: "tmpfs",
    options: [...words, "mode=755"],
  });
  for (const { mountPoint, controllers } of host.v1) {
    const directory = mountPoint.slice(mountPoint.lastIndexOf("/") + 1);
    const to = `${destination}/${directory}`;
    const named = controllers.map((name) =>
      name.startsWith("name=") ? ["none", name] : [name]
    ).flat();
    if (ownNamespace) {
      plan.steps.push({
        kind: "mount",
        destination: to,
        type: "cgroup",
        source: "cgroup",
        options: [...options, ...named],
      });
    } else bind(shown(mountPoint), to);
    if (controllers.length < 2) continue;
    for (const name of controllers.filter((c) => c !== directory)) {
      plan.steps.push({
        kind: "link",
        path: `${destination}/${name}`,
        target: directory,
      });
    }
  }
  if (host.v2 !== undefined) {
    unified(`${destination}/unified`, shown(host.v2.mountPoint));
  }
  if (parseOptions(options).readonly) plan.readOnly.push(destination);
  return plan;
}
