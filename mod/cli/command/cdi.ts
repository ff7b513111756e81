/**
 * What the subcommands of `burrow cdi` share.
 *
 * @module
 */

import { deviceNames, type Registry } from "../../cdi/registry.ts";
import { readRegistry } from "../../cdi/read.ts";
import { log } from "../../log.ts";
import type { Arguments } from "../option.ts";

/** Prints lines to stdout. */
export function printLines(lines: readonly string[]): void {
  const text = lines.map((line) => `${line}\n`).join("");
  const bytes = new TextEncoder().encode(text);
  for (let done = 0; done < bytes.length;) {
    done += Deno.stdout.writeSync(bytes.subarray(done));
  }
}

/** Reads the registry that the options name. */
export function registryOf(args: Arguments): Registry {
  return readRegistry(args.values("cdi-spec-dir"));
}

/** Warns of files and devices that do not count. */
export function warnOfLosses(registry: Registry): void {
  for (const { path, reason } of registry.dropped) {
    log("warning", `CDI file "${path}" is dropped: ${reason}`);
  }
  for (const [name, files] of registry.conflicts) {
    const both = files.map((path) => `"${path}"`).join(" and ");
    log("warning", `CDI device "${name}" is in ${both}: neither counts`);
  }
}

/** The devices for `--format json`. */
export function deviceRows(registry: Registry) {
  return deviceNames(registry).flatMap((name) => {
    const found = registry.devices.get(name);
    if (found === undefined) return [];
    const { path, file } = found.source;
    return [{
      name,
      file: path,
      cdiVersion: file.cdiVersion,
      hidden: found.hidden,
    }];
  });
}
