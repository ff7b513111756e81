/**
 * `burrow spec`.
 *
 * @module
 */

import { RuntimeError } from "../../errors.ts";
import { defaultSpec, rootlessSpec } from "../../spec/default.ts";
import type { Globals } from "../globals.ts";
import type { Arguments } from "../option.ts";

/** Writes a config.json; never over one that is there. */
export function execute(args: Arguments, _globals: Globals): number {
  const path = `${args.value("bundle") ?? "."}/config.json`;
  const spec = args.flag("rootless")
    ? rootlessSpec(Deno.uid() ?? 0, Deno.gid() ?? 0)
    : defaultSpec();
  try {
    Deno.writeTextFileSync(path, JSON.stringify(spec, null, "\t") + "\n", {
      createNew: true,
      mode: 0o666,
    });
  } catch (cause) {
    if (cause instanceof Deno.errors.AlreadyExists) {
      throw new RuntimeError(`"${path}" exists`, { hint: "remove it first" });
    }
    throw new RuntimeError(`write "${path}"`, { cause });
  }
  return 0;
}
