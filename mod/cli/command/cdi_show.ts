/**
 * `burrow cdi show`.
 *
 * @module
 */

import { unresolvedError } from "../../cdi/unresolved.ts";
import type { Globals } from "../globals.ts";
import type { Arguments } from "../option.ts";
import { printLines, registryOf } from "./cdi.ts";

/** Prints devices: where they are from, and what they edit. */
export function execute(args: Arguments, _globals: Globals): number {
  const registry = registryOf(args);
  const names = args.operands;
  const missing = names.filter((name) => !registry.devices.has(name));
  if (missing.length > 0) throw unresolvedError(registry, missing);
  const shown = names.flatMap((name) => {
    const found = registry.devices.get(name);
    if (found === undefined) return [];
    const { path, file } = found.source;
    return [{
      name,
      file: path,
      cdiVersion: file.cdiVersion,
      hidden: found.hidden,
      annotations: { ...file.annotations, ...found.device.annotations },
      fileEdits: file.containerEdits ?? {},
      deviceEdits: found.device.containerEdits ?? {},
    }];
  });
  printLines([JSON.stringify(shown, null, 2)]);
  return 0;
}
