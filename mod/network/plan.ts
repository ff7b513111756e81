/**
 * Network devices of the host that a container gets. Pure.
 *
 * @see https://github.com/opencontainers/runtime-spec/blob/v1.3.0/config-linux.md#network-devices
 * @module
 */

import type { Linux } from "../spec/linux.ts";

/** Moves a network device into the container. */
export interface NetDeviceStep {
  readonly kind: "net-device";
  /** Its name on the host. */
  readonly device: string;
  /** Its name in the container; "%d" stands for the first number that is free. */
  readonly name: string;
}

/** The steps of `linux.netDevices`. */
export function planNetDevices(linux: Linux | undefined): NetDeviceStep[] {
  return Object.entries(linux?.netDevices ?? {}).map(([device, { name }]) => ({
    kind: "net-device",
    device,
    name: name === undefined || name === "" ? device : name,
  }));
}

/**
 * The name that a template stands for, among those that are there; a name
 * without "%d" is itself.
 */
export function nameFrom(
  template: string,
  taken: ReadonlySet<string>,
): string {
  if (!template.includes("%d")) return template;
  for (let n = 0;; n++) {
    const name = template.replace("%d", String(n));
    if (!taken.has(name)) return name;
  }
}
