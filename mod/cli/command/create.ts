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
import {
  preservedDescriptors,
  socketActivation,
} from "../../process/preserve.ts";
import type { Spec } from "../../spec/config.ts";
import { loadSpec } from "../../spec/load.ts";
import { checkId } from "../../state/id.ts";
import type { Globals } from "../globals.ts";
import type { Arguments } from "../option.ts";
import { withDevices } from "./cdi_option.ts";

/** The spec of a program for which systemd passed descriptors. */
function withSockets(spec: Spec, count: number): Spec {
  if (count === 0 || spec.process === undefined) return spec;
  const env = [
    ...spec.process.env ?? [],
    `LISTEN_FDS=${count}`,
    "LISTEN_PID=1",
  ];
  return { ...spec, process: { ...spec.process, env } };
}

/** How many descriptors the program gets: systemd's, then `--preserve-fds`. */
function preserved(args: Arguments, sockets: number): number {
  const text = args.value("preserve-fds") ?? "0";
  // A number that is none is refused as it was written.
  const all = /^\d{1,4}$/.test(text) ? String(Number(text) + sockets) : text;
  return preservedDescriptors(all);
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
  const sockets = socketActivation((name) => Deno.env.get(name), Deno.pid);
  return {
    id,
    stateRoot: globals.stateRoot,
    bundle: path,
    spec: withSockets(spec, sockets),
    preserved: preserved(args, sockets),
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
