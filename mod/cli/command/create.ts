/**
 * `burrow create`.
 *
 * @module
 */

import { resolve } from "@std/path";
import { checkConsole } from "../../console/plan.ts";
import { createContainer } from "../../container/create.ts";
import type { CreateOptions } from "../../container/create.ts";
import type { Watch } from "../../container/trace.ts";
import { watchSteps } from "../../container/trace.ts";
import { RuntimeError } from "../../errors.ts";
import { log } from "../../log.ts";
import { loadSpec } from "../../spec/load.ts";
import { checkId } from "../../state/id.ts";
import type { Globals } from "../globals.ts";
import type { Arguments } from "../option.ts";
import { withDevices } from "./cdi_option.ts";

/** How many descriptors `--preserve-fds` names. */
function preserved(args: Arguments): number {
  const text = args.value("preserve-fds") ?? "0";
  if (/^\d{1,4}$/.test(text)) return Number(text);
  throw new RuntimeError(`--preserve-fds ${JSON.stringify(text)}`, {
    hint: "a number of descriptors",
  });
}

/** What `create` and `run` read from their options, and from the bundle. */
export function createOptions(
  args: Arguments,
  globals: Globals,
  detached: boolean,
): CreateOptions {
  const [id = ""] = args.operands;
  checkId(id);
  const pidFile = args.value("pid-file");
  const { path, spec, warnings } = loadSpec(args.value("bundle") ?? ".");
  for (const warning of warnings) log("warning", warning);
  const socket = args.value("console-socket");
  const terminal = spec.process?.terminal ?? false;
  checkConsole({ terminal, detached, socket });
  return {
    id,
    stateRoot: globals.stateRoot,
    bundle: path,
    spec,
    preserved: preserved(args),
    ...socket === undefined ? {} : { consoleSocket: resolve(socket) },
    noPivot: args.flag("no-pivot"),
    noNewKeyring: args.flag("no-new-keyring"),
    ...pidFile === undefined ? {} : { pidFile: resolve(pidFile) },
  };
}

/** Refuses to go on without the host's root: what only `do` needs. */
export function needRoot(): void {
  if (Deno.uid() === 0) return;
  throw new RuntimeError("burrow do needs root", {
    hint: "try sudo",
  });
}

/** The watch that the global options ask for. */
export function watchOf({ trace, stop }: Globals): Watch {
  return watchSteps({
    ...trace === undefined ? {} : { trace },
    ...stop === undefined ? {} : { stop },
  });
}

/** Creates a container. */
export async function execute(
  args: Arguments,
  globals: Globals,
): Promise<number> {
  const options = await withDevices(args, createOptions(args, globals, true));
  const watch = watchOf(globals);
  createContainer(options, watch);
  watch.finish();
  return 0;
}
