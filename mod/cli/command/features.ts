/**
 * `burrow features`.
 *
 * @module
 */

import { MPOL } from "../../../ffi/abi/mempolicy.ts";
import { mountOptionWords } from "../../rootfs/option.ts";
import { seccompFeatures } from "../../seccomp/feature.ts";
import { features } from "../../spec/features.ts";
import { VERSION } from "../../version.ts";
import type { Globals } from "../globals.ts";
import type { Arguments } from "../option.ts";

/** Prints the features document. */
export function execute(_args: Arguments, _globals: Globals): number {
  const document = features({
    version: VERSION,
    mountOptions: mountOptionWords(),
    cgroup: { rdma: true },
    apparmor: true,
    selinux: true,
    idmap: true,
    intelRdt: { enabled: true, schemata: true, monitoring: true },
    netDevices: true,
    memoryPolicy: {
      modes: Object.keys(MPOL).filter((name) => !name.startsWith("MPOL_F_")),
      flags: Object.keys(MPOL).filter((name) => name.startsWith("MPOL_F_")),
    },
    seccomp: seccompFeatures(),
  });
  const text = JSON.stringify(document, null, 2);
  Deno.stdout.writeSync(new TextEncoder().encode(`${text}\n`));
  return 0;
}
