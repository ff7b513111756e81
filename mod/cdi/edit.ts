/**
 * Container edits applied to a spec. Pure: what is to be known of the host's
 * device nodes comes from a function.
 *
 * The order and the merging are the reference library's: environment, device
 * nodes, network devices, mounts, hooks, Intel RDT, groups.
 *
 * @see https://github.com/cncf-tags/container-device-interface/blob/v1.1.0/SPEC.md#oci-edits
 * @module
 */

import { RuntimeError } from "../errors.ts";
import type { Spec } from "../spec/config.ts";
import type { Hooks } from "../spec/hook.ts";
import type { Device } from "../spec/linux.ts";
import type { Mount } from "../spec/mount.ts";
import type { DeviceRule } from "../spec/resources.ts";
import type { CdiMount, ContainerEdits, DeviceNode } from "./schema.ts";
import { isHookName } from "./validate.ts";

/** A device node of the host, or why there is none. */
export type HostNode =
  | {
    readonly type: "b" | "c" | "p";
    readonly major: number;
    readonly minor: number;
    readonly fileMode: number;
    readonly error?: undefined;
  }
  | { readonly error: string };

/** How edits are applied. */
export interface EditOptions {
  /** Looks at a node of the host; follows no symlink. */
  readonly lookUp: (path: string) => HostNode;
  /** Take the host's numbers where a file says others. */
  readonly hostNumbers?: boolean;
  /** Binds in a user namespace get `idmap`; true unless said. */
  readonly idmap?: boolean;
}

/** A spec with edits, and what was odd, one line each. */
export interface Edited {
  readonly spec: Spec;
  readonly warnings: readonly string[];
}

/** The name in `NAME=VALUE`. */
function envName(entry: string): string {
  const cut = entry.indexOf("=");
  return cut < 0 ? entry : entry.slice(0, cut);
}

/** Replaces variables where they are (of twins the last), else appends. */
export function mergeEnv(
  env: readonly string[],
  added: readonly string[],
): string[] {
  const merged = [...env];
  for (const entry of added) {
    const name = envName(entry);
    const index = merged.findLastIndex((other) => envName(other) === name);
    if (index < 0) merged.push(entry);
    else merged[index] = entry;
  }
  return merged;
}

/** Is this node described well enough without the host's? */
function isMinimal({ type = "", major = 0 }: DeviceNode): boolean {
  return type !== "" && (major !== 0 || type === "p");
}

/**
 * A node with what the file does not say taken from the host's. Numbers that
 * the file does say are kept, though the library never compares them: those of
 * nvidia-uvm change at a reboot, and a spec from before it opens another
 * device, or none.
 *
 * @throws {RuntimeError} where the host's is missing, or another kind of thing
 */
export function fillNode(
  node: DeviceNode,
  options: EditOptions,
): { device: Device; warnings: string[] } {
  const warnings: string[] = [];
  const { path, major = 0, minor = 0 } = node;
  const hostPath = (node.hostPath ?? "") === "" ? path : node.hostPath ?? path;
  const host = options.lookUp(hostPath);
  const type = node.type ?? "";
  const base = {
    path,
    ...node.uid === undefined ? {} : { uid: node.uid },
    ...node.gid === undefined ? {} : { gid: node.gid },
  };
  if (host.error !== undefined) {
    if (!isMinimal(node)) {
      throw new RuntimeError(
        `CDI device node "${path}": host's "${hostPath}": ${host.error}`,
        {
          hint:
            "load the driver, or write type, major and minor into the CDI file",
        },
      );
    }
    const device: Device = { ...base, type: type as Device["type"] };
    if (type !== "p") Object.assign(device, { major, minor });
    if (node.fileMode !== undefined) device.fileMode = node.fileMode;
    return { device, warnings };
  }

  // mknod(1) and the runtime spec: `u` is another word for `c`. The library
  // takes it for a mismatch.
  const wanted = type === "u" ? "c" : type;
  if (wanted !== "" && wanted !== host.type) {
    throw new RuntimeError(
      `CDI device node "${path}": type: got "${type}", expected "${host.type}", as the host's "${hostPath}" is`,
    );
  }
  const device: Device = {
    ...base,
    type: (type === "" ? host.type : type) as Device["type"],
    fileMode: node.fileMode ?? host.fileMode,
  };
  if (host.type === "p") return { device, warnings };
  if (major === 0) {
    Object.assign(device, { major: host.major, minor: host.minor });
  } else if (major === host.major && minor === host.minor) {
    Object.assign(device, { major, minor });
  } else {
    const theirs = `${host.major}:${host.minor}`;
    const taken = options.hostNumbers === true;
    Object.assign(
      device,
      taken ? { major: host.major, minor: host.minor } : { major, minor },
    );
    warnings.push(
      `CDI device node "${path}": the file says ${major}:${minor}, the host's "${hostPath}" is ${theirs}; ` +
        (taken
          ? "taking the host's"
          : "keeping the file's (--cdi-host-numbers takes the host's)"),
    );
  }
  return { device, warnings };
}

/**
 * What the device cgroup must allow for a node, or nothing. The library makes
 * no rule for type `u`, so that such a node can never be opened: the spec tells
 * permissions for every device, and `u` is `c`. "none" grants nothing: a rule
 * without access, which the library writes, means that to no runtime.
 */
function ruleOf(
  { type, major = 0, minor = 0 }: Device,
  permissions: string,
): DeviceRule | undefined {
  if (type === "p" || permissions === "none") return undefined;
  return {
    allow: true,
    type: type === "b" ? "b" : "c",
    major,
    minor,
    access: permissions === "" ? "rwm" : permissions,
  };
}

/** Adds a device node, in the place of an earlier one at the same path. */
function addNode(spec: Spec, node: DeviceNode, options: EditOptions): string[] {
  const { device, warnings } = fillNode(node, options);
  const { uid = 0, gid = 0 } = spec.process?.user ?? {};
  if (device.uid === undefined && uid > 0) device.uid = uid;
  if (device.gid === undefined && gid > 0) device.gid = gid;
  const linux = spec.linux ?? {};
  const devices = [...linux.devices ?? []];
  const twin = devices.findIndex(({ path }) => path === device.path);
  if (twin >= 0) devices.splice(twin, 1);
  devices.push(device);
  spec.linux = { ...linux, devices };
  const rule = ruleOf(device, node.permissions ?? "");
  if (rule !== undefined) {
    const { resources } = linux;
    spec.linux.resources = {
      ...resources,
      devices: [...resources?.devices ?? [], rule],
    };
  }
  return warnings;
}

/** How deep a path is; `/` and `/a` are of the same depth, as in the library. */
function depth(destination: string): number {
  const absolute = destination.startsWith("/");
  const parts: string[] = [];
  for (const part of destination.split("/")) {
    if (part === "" || part === ".") continue;
    const isUp = part === ".." && parts.length > 0 && parts.at(-1) !== "..";
    if (isUp) parts.pop();
    else if (part !== ".." || !absolute) parts.push(part);
  }
  if (absolute) return Math.max(1, parts.length);
  return Math.max(0, parts.length - 1);
}

/** A CDI mount as the spec has it, mapped where the container has its own ids. */
function mountOf(mount: CdiMount, mapped: boolean): Mount {
  const options = [...mount.options ?? []];
  const isMapped = options.some((o) => o === "idmap" || o === "ridmap");
  if (mapped && !isMapped) {
    if (options.includes("rbind")) options.push("ridmap");
    else if (options.includes("bind") || mount.type === "bind") {
      options.push("idmap");
    }
  }
  return {
    destination: mount.containerPath,
    source: mount.hostPath,
    ...mount.options === undefined && options.length === 0 ? {} : { options },
    ...(mount.type ?? "") === "" ? {} : { type: mount.type },
  };
}

/** Adds mounts, each in the place of the first at its destination; sorts all. */
function addMounts(
  spec: Spec,
  added: readonly CdiMount[],
  idmap: boolean,
): void {
  const mapped = idmap &&
    (spec.linux?.namespaces ?? []).some(({ type }) => type === "user");
  const mounts = [...spec.mounts ?? []];
  for (const mount of added) {
    const twin = mounts.findIndex(({ destination }) =>
      destination === mount.containerPath
    );
    if (twin >= 0) mounts.splice(twin, 1);
    mounts.push(mountOf(mount, mapped));
  }
  // A stable sort: what is deeper comes later, and nothing else moves.
  spec.mounts = mounts.sort((a, b) =>
    depth(a.destination) - depth(b.destination)
  );
}

/** Appends hooks to their lists. */
function addHooks(spec: Spec, edits: ContainerEdits): void {
  const hooks: Hooks = { ...spec.hooks };
  for (const { hookName, path, args, env, timeout } of edits.hooks ?? []) {
    if (!isHookName(hookName)) continue; // `validate.ts` has refused it
    hooks[hookName] = [...hooks[hookName] ?? [], {
      path,
      ...args === undefined ? {} : { args: [...args] },
      ...env === undefined ? {} : { env: [...env] },
      // SPEC.md wants more than 0; the library hands on what a runtime takes
      // for "at once".
      ...timeout === undefined || timeout <= 0 ? {} : { timeout },
    }];
  }
  spec.hooks = hooks;
}

/** Adds groups: not group 0, and none twice. */
function addGids(spec: Spec, gids: readonly number[]): void {
  const user = spec.process?.user ?? { uid: 0, gid: 0 };
  const additionalGids = [...user.additionalGids ?? []];
  for (const gid of gids) {
    if (gid !== 0 && !additionalGids.includes(gid)) additionalGids.push(gid);
  }
  if (additionalGids.length === 0 || spec.process === undefined) return;
  spec.process = { ...spec.process, user: { ...user, additionalGids } };
}

/**
 * Applies edits to a copy of a spec; `spec` is left alone, and nothing is made
 * that the edits do not need.
 *
 * @throws {RuntimeError} where a device node of the host is missing, or of
 * another type
 */
export function applyEdits(
  spec: Spec,
  edits: ContainerEdits,
  options: EditOptions,
): Edited {
  const edited: Spec = { ...spec };
  const env = edits.env ?? [];
  if (env.length > 0 && edited.process !== undefined) {
    edited.process = {
      ...edited.process,
      env: mergeEnv(edited.process.env ?? [], env),
    };
  }
  const warnings = (edits.deviceNodes ?? []).flatMap((node) =>
    addNode(edited, node, options)
  );
  if ((edits.netDevices ?? []).length > 0) {
    const added = (edits.netDevices ?? []).map(({ hostInterfaceName, name }) =>
      [hostInterfaceName, { name }] as const
    );
    edited.linux = {
      ...edited.linux,
      netDevices: {
        ...edited.linux?.netDevices,
        ...Object.fromEntries(added),
      },
    };
  }
  if ((edits.mounts ?? []).length > 0) {
    addMounts(edited, edits.mounts ?? [], options.idmap ?? true);
  }
  if ((edits.hooks ?? []).length > 0) addHooks(edited, edits);
  if (edits.intelRdt !== undefined) {
    edited.linux = { ...edited.linux, intelRdt: { ...edits.intelRdt } };
  }
  if ((edits.additionalGids ?? []).length > 0) {
    addGids(edited, edits.additionalGids ?? []);
  }
  return { spec: edited, warnings };
}
