/**
 * Which cgroup hierarchies this host has, and where.
 *
 * @see https://man7.org/linux/man-pages/man7/cgroups.7.html
 * @module
 */

import { readValueIfThere } from "./file.ts";

/**
 * `unified`: cgroup v2 alone. `legacy`: v1 alone. `hybrid`: v1, and a v2 tree
 * beside it that owns what no v1 hierarchy has. `none`: nothing is mounted.
 */
export type CgroupMode = "unified" | "hybrid" | "legacy" | "none";

/** One hierarchy: a mount. */
export interface Hierarchy {
  /** Its controllers; a v1 hierarchy without any has its `name=…`. */
  readonly controllers: readonly string[];
  /** Where it is mounted. */
  readonly mountPoint: string;
  /** Directory of our own cgroup; absent where the mount does not show it. */
  readonly own?: string;
}

/** What a host offers. */
export interface CgroupHost {
  /** Which of the kinds it is. */
  readonly mode: CgroupMode;
  /** The v1 hierarchies: those with controllers, and `name=systemd`. */
  readonly v1: readonly Hierarchy[];
  /** The v2 hierarchy. */
  readonly v2?: Hierarchy;
}

/** What {@link parseCgroupHost} reads; texts of the kernel. */
export interface HostTexts {
  /** /proc/self/mountinfo. */
  readonly mountinfo: string;
  /** /proc/self/cgroup. */
  readonly selfCgroup: string;
  /** `cgroup.controllers` of the v2 tree mounted at a path. */
  readonly controllers: (mountPoint: string) => string;
}

/** The place where every distribution mounts cgroups. */
const CGROUP_ROOT = "/sys/fs/cgroup";

interface Mount {
  readonly id: string;
  readonly parent: string;
  readonly root: string;
  readonly point: string;
  readonly type: string;
  readonly options: readonly string[];
}

/** A field of mountinfo: space, tab, newline and backslash are octal there. */
function unescape(field: string): string {
  return field.replace(
    /\\([0-7]{3})/g,
    (_, octal) => String.fromCharCode(parseInt(octal, 8)),
  );
}

/** Reads the mounts; lines that are not whole are left out. */
function parseMounts(text: string): Mount[] {
  return text.split("\n").flatMap((line) => {
    const fields = line.split(" ");
    const dash = fields.indexOf("-", 6);
    const [id, parent, , root, point] = fields;
    const [type, , options] = fields.slice(dash + 1);
    if (dash < 0 || id === undefined || parent === undefined) return [];
    if (root === undefined || point === undefined || type === undefined) {
      return [];
    }
    return [{
      id,
      parent,
      root: unescape(root),
      point: unescape(point),
      type,
      options: (options ?? "").split(","),
    }];
  });
}

/** Whether `path` is `folder` or lies in it. */
function isWithin(path: string, folder: string): boolean {
  return path === folder || folder === "/" || path.startsWith(`${folder}/`);
}

/** Leaves out the mounts that others are mounted over. */
function visibleMounts(mounts: readonly Mount[]): Mount[] {
  const byId = new Map(mounts.map((mount) => [mount.id, mount]));
  // A mount hides all that its parent holds at or below its own place.
  const isHidden = (mount: Mount, depth = 0): boolean => {
    const covered = mounts.some((other) =>
      other.id !== mount.id && other.parent === mount.parent &&
      other.point !== mount.point && isWithin(mount.point, other.point)
    );
    if (covered) return true;
    const parent = byId.get(mount.parent);
    if (parent === undefined || parent === mount || depth > 64) return false;
    return isHidden(parent, depth + 1);
  };
  const isStackedOn = (mount: Mount) =>
    mounts.some((other) =>
      other.parent === mount.id && other.point === mount.point &&
      other.id !== mount.id
    );
  return mounts.filter((mount) =>
    mount.type.startsWith("cgroup") && !isStackedOn(mount) && !isHidden(mount)
  );
}

/** Our own cgroup's directory in a mount, where the mount shows it. */
function ownDirectory(mount: Mount, own: string): { own?: string } {
  // In a cgroup namespace what lies outside of it begins with "/..".
  if (own.startsWith("/..") || !isWithin(own, mount.root)) return {};
  const rest = mount.root === "/" ? own : own.slice(mount.root.length);
  return { own: joinPath(mount.point, rest) };
}

/** Joins a mount point and a path in it; "/" adds nothing. */
export function joinPath(mountPoint: string, path: string): string {
  const rest = path.replace(/^\/+|\/+$/g, "");
  return rest === "" ? mountPoint : `${mountPoint}/${rest}`;
}

/** One line of /proc/self/cgroup. */
interface Membership {
  readonly controllers: readonly string[];
  readonly path: string;
}

/** Reads /proc/self/cgroup; the v2 line has no controllers. */
function parseMemberships(text: string): Membership[] {
  return text.split("\n").flatMap((line) => {
    const match = /^\d+:([^:]*):(\/.*)$/.exec(line);
    if (match === null) return [];
    const [, names = "", path = "/"] = match;
    return [{ controllers: names.split(",").filter((n) => n !== ""), path }];
  });
}

/** The v1 hierarchy of a line, at its first mount below the usual place. */
function hierarchyV1(
  { controllers, path }: Membership,
  mounts: readonly Mount[],
): Hierarchy[] {
  const [first = ""] = controllers;
  if (first === "" || (first.includes("=") && first !== "name=systemd")) {
    return [];
  }
  const candidates = mounts.filter((mount) =>
    mount.type === "cgroup" &&
    controllers.every((name) => mount.options.includes(name))
  );
  const mount = candidates.find((m) => isWithin(m.point, CGROUP_ROOT)) ??
    candidates[0];
  if (mount === undefined) return [];
  return [{
    controllers,
    mountPoint: mount.point,
    ...ownDirectory(mount, path),
  }];
}

/** Finds out what a host offers from its texts; pure. */
export function parseCgroupHost(texts: HostTexts): CgroupHost {
  const mounts = visibleMounts(parseMounts(texts.mountinfo));
  const memberships = parseMemberships(texts.selfCgroup);
  const trees = mounts.filter((mount) => mount.type === "cgroup2");
  const tree = trees.find((m) => m.point === CGROUP_ROOT) ??
    trees.find((m) => m.point === `${CGROUP_ROOT}/unified`) ?? trees[0];
  // A v1 hierarchy that somebody mounted elsewhere does not make a host hybrid.
  const v1 = tree?.point === CGROUP_ROOT
    ? []
    : memberships.flatMap((line) => hierarchyV1(line, mounts));
  const unified = v1.length === 0;
  if (tree === undefined) return { mode: unified ? "none" : "legacy", v1 };

  const own = memberships.find((line) => line.controllers.length === 0);
  const v2: Hierarchy = {
    controllers: texts.controllers(tree.point).split(/\s+/)
      .filter((name) => name !== ""),
    mountPoint: tree.point,
    ...(own === undefined ? {} : ownDirectory(tree, own.path)),
  };
  return { mode: unified ? "unified" : "hybrid", v1, v2 };
}

/** Finds out what this host offers. */
export function detectCgroups(): CgroupHost {
  return parseCgroupHost({
    mountinfo: Deno.readTextFileSync("/proc/self/mountinfo"),
    selfCgroup: readValueIfThere("/proc/self/cgroup") ?? "",
    controllers: (mountPoint) =>
      readValueIfThere(`${mountPoint}/cgroup.controllers`) ?? "",
  });
}
