/**
 * CDI devices at launch: `--device` and its kin of `create`, `run` and `do`.
 *
 * @module
 */

import { annotatedDevices } from "../../cdi/annotation.ts";
import { injectDevices } from "../../cdi/inject.ts";
import { lookUpNode, readRegistry } from "../../cdi/read.ts";
import { log } from "../../log.ts";
import type { Spec } from "../../spec/config.ts";
import { resolveSpec } from "../../spec/resolve.ts";
import { checkSpec } from "../../spec/validate.ts";
import type { Arguments } from "../option.ts";

/**
 * The devices that are asked for: by option, a name given twice twice, then
 * those that only annotations name, where these are to count.
 */
export function wantedDevices(args: Arguments, spec: Spec): string[] {
  const named = args.values("device");
  const annotated = args.flag("cdi-annotations")
    ? annotatedDevices(spec.annotations)
    : [];
  const more = new Set(annotated.filter((name) => !named.includes(name)));
  return [...named, ...more];
}

/**
 * Injects the devices that are asked for into a resolved spec.
 *
 * Runs in: launcher, before the plan is made.
 *
 * @throws {RuntimeError} where a device cannot be had, or edits the spec to
 * something that cannot run
 */
export function injectAtLaunch(
  args: Arguments,
  spec: Spec,
  bundle: string,
): Spec {
  const names = wantedDevices(args, spec);
  if (names.length === 0) return spec;
  const registry = readRegistry(args.values("cdi-spec-dir"));
  const { spec: edited, warnings } = injectDevices(spec, registry, names, {
    lookUp: lookUpNode,
    hostNumbers: args.flag("cdi-host-numbers"),
    idmap: true,
  });
  for (const warning of warnings) log("warning", warning);
  checkSpec(edited, `config.json with CDI devices ${names.join(", ")}`);
  return resolveSpec(edited, bundle);
}
