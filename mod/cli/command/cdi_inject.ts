/**
 * `burrow cdi inject`.
 *
 * @module
 */

import { resolve } from "@std/path";
import { injectDevices } from "../../cdi/inject.ts";
import { lookUpNode } from "../../cdi/read.ts";
import { RuntimeError } from "../../errors.ts";
import { log } from "../../log.ts";
import { parseSpec, readText } from "../../spec/load.ts";
import type { Globals } from "../globals.ts";
import type { Arguments } from "../option.ts";
import { printLines, registryOf } from "./cdi.ts";
import { wantedDevices } from "./cdi_launch.ts";

/** The config.json that an operand names: itself, or in a bundle. */
function configOf(operand: string): string {
  const path = resolve(operand);
  try {
    return Deno.statSync(path).isDirectory ? `${path}/config.json` : path;
  } catch (cause) {
    throw new RuntimeError(`open "${path}"`, { cause });
  }
}

/** JSON in which the largest integers have the digits that others wrote. */
function jsonOf(value: unknown): string {
  const exact = JSON as typeof JSON & { rawJSON(text: string): unknown };
  return JSON.stringify(value, (_key, field: unknown) => {
    if (field === 2 ** 63) return exact.rawJSON("9223372036854775807");
    if (field === 2 ** 64) return exact.rawJSON("18446744073709551615");
    return field;
  }, "\t");
}

/** Replaces a file as a whole; it keeps its mode and owner. */
function replace(path: string, text: string): void {
  const real = Deno.realPathSync(path);
  const temporary = `${real}.${Deno.pid}.tmp`;
  try {
    const { mode, uid, gid } = Deno.statSync(real);
    Deno.writeTextFileSync(temporary, text, { createNew: true, mode: 0o600 });
    Deno.chownSync(temporary, uid, gid);
    Deno.chmodSync(temporary, (mode ?? 0o644) & 0o7777);
    Deno.renameSync(temporary, real);
  } catch (cause) {
    try {
      Deno.removeSync(temporary);
    } catch {
      // It was never made, or is gone.
    }
    throw new RuntimeError(`write "${path}"`, { cause });
  }
}

/** Prints the edited spec, or writes it back. */
export function execute(args: Arguments, _globals: Globals): number {
  const file = configOf(args.operands[0] ?? ".");
  const spec = parseSpec(readText(file), file);
  const names = wantedDevices(args, spec);
  if (names.length === 0) {
    throw new RuntimeError("no CDI device is asked for", {
      hint: "--device vendor/class=name, or --cdi-annotations",
    });
  }
  const edited = injectDevices(spec, registryOf(args), names, {
    lookUp: lookUpNode,
    hostNumbers: args.flag("cdi-host-numbers"),
  });
  for (const warning of edited.warnings) log("warning", warning);
  const text = jsonOf(edited.spec);
  if (args.flag("in-place")) replace(file, `${text}\n`);
  else printLines([text]);
  return 0;
}
