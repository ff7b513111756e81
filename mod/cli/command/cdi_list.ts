/**
 * `burrow cdi list`.
 *
 * @module
 */

import { deviceNames } from "../../cdi/registry.ts";
import { RuntimeError } from "../../errors.ts";
import type { Globals } from "../globals.ts";
import type { Arguments } from "../option.ts";
import { deviceRows, printLines, registryOf, warnOfLosses } from "./cdi.ts";

/** Prints the names of the devices that can be had. */
export function execute(args: Arguments, _globals: Globals): number {
  const format = args.value("format") ?? "names";
  if (format !== "names" && format !== "json") {
    throw new RuntimeError(`invalid format "${format}"`, {
      hint: "names or json",
    });
  }
  const registry = registryOf(args);
  warnOfLosses(registry);
  printLines(
    format === "json"
      ? [JSON.stringify(deviceRows(registry), null, 2)]
      : deviceNames(registry),
  );
  return 0;
}
