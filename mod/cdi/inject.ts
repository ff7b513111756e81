/**
 * CDI devices injected into a spec. Pure.
 *
 * @module
 */

import type { Spec } from "../spec/config.ts";
import type { Edited, EditOptions } from "./edit.ts";
import { applyEdits } from "./edit.ts";
import type { Registry, RegistryFile } from "./registry.ts";
import type { ContainerEdits } from "./schema.ts";
import { unresolvedError } from "./unresolved.ts";

/** Joins edits, the later behind the earlier; of Intel RDT the last is kept. */
export function joinEdits(all: readonly ContainerEdits[]): ContainerEdits {
  const intelRdt = all.findLast((edits) => edits.intelRdt !== undefined)
    ?.intelRdt;
  return {
    env: all.flatMap(({ env = [] }) => env),
    deviceNodes: all.flatMap(({ deviceNodes = [] }) => deviceNodes),
    netDevices: all.flatMap(({ netDevices = [] }) => netDevices),
    hooks: all.flatMap(({ hooks = [] }) => hooks),
    mounts: all.flatMap(({ mounts = [] }) => mounts),
    additionalGids: all.flatMap(({ additionalGids = [] }) => additionalGids),
    ...intelRdt === undefined ? {} : { intelRdt },
  };
}

/**
 * The edits of some devices, in the caller's order, a device named twice twice;
 * what a file edits for all its devices comes before the first of them.
 *
 * @throws {RuntimeError} naming all devices that cannot be had, and why
 */
export function editsOf(
  registry: Registry,
  names: readonly string[],
): ContainerEdits {
  const unresolved = names.filter((name) => !registry.devices.has(name));
  if (unresolved.length > 0) throw unresolvedError(registry, unresolved);
  const edits: ContainerEdits[] = [];
  const seen = new Set<RegistryFile>();
  for (const name of names) {
    const found = registry.devices.get(name);
    if (found === undefined) continue;
    const { device, source } = found;
    if (!seen.has(source)) edits.push(source.file.containerEdits ?? {});
    seen.add(source);
    edits.push(device.containerEdits ?? {});
  }
  return joinEdits(edits);
}

/**
 * Injects devices into a copy of a spec: all of them, or none.
 *
 * @throws {RuntimeError} naming all devices that cannot be had, and why; or the
 * first device node that the host does not have
 */
export function injectDevices(
  spec: Spec,
  registry: Registry,
  names: readonly string[],
  options: EditOptions,
): Edited {
  return applyEdits(spec, editsOf(registry, names), options);
}
