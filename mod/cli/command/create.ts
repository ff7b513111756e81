/**
 * `burrow create`.
 *
 * @module
 */

import { resolve } from "@std/path";
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

import type { Injector } from "./cdi_option.ts";
import { loadInjector } from "./cdi_option.ts";
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
): CreateOptions {
  const [id = ""] = args.operands;
  checkId(id);
  const pidFile = args.value("pid-file");
  const { path, spec: read, warnings } = loadSpec(args.value("bundle") ?? ".");
  for (const warning of warnings) log("warning", warning);
  if (spec.process?.terminal === true) {
    throw new RuntimeError(
      "process.terminal: terminals are not supported yet",
      {
        hint: 'set "terminal": false',
      },
    );
  }
  return {
    id,
    stateRoot: globals.stateRoot,
    bundle: path,
    spec,
    preserved: preserved(args),
    noNewKeyring: args.flag("no-new-keyring"),
    noPivot: args.flag("no-pivot"),
    ...pidFile === undefined ? {} : { pidFile: resolve(pidFile) },
  };
}

/** Refuses to go on without the host's root. */
export function needRoot(): void {
  if (Deno.uid() === 0) return;
  throw new RuntimeError("burrow needs root to make a container", {
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
export function execute(args: Arguments, globals: Globals): number {
  needRoot();
  const watch = watchOf(globals);
  createContainer(createOptions(args, globals, true), watch);
  watch.finish();
  return 0;
}
