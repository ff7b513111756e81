/**
 * `burrow run`.
 *
 * @module
 */

import { openRelay } from "../../console/relay.ts";
import { createContainer } from "../../container/create.ts";
import type { CreateOptions } from "../../container/create.ts";
import { destroy } from "../../container/delete.ts";
import { attend, takeSignals } from "../../container/run.ts";
import { startContainer } from "../../container/start.ts";
import type { Watch } from "../../container/trace.ts";
import { log } from "../../log.ts";
import type { Globals } from "../globals.ts";
import type { Arguments } from "../option.ts";
import { withDevices } from "./cdi_option.ts";
import { createOptions, watchOf } from "./create.ts";

/** Runs a container in the foreground; returns its exit status. */
export function runForeground(
  options: CreateOptions,
  keep: boolean,
  watch: Watch,
): number {
  const { stateRoot, id } = options;
  const signals = takeSignals();
  const run = createContainer({ ...options, foreground: true }, watch);
  try {
    using relay = run.master === undefined ? undefined : openRelay(run.master);
    startContainer({ stateRoot, id }, watch);
    watch.finish();
    return attend(run.record.pid, signals, relay);
  } finally {
    if (!keep) cleanUp(() => destroy(stateRoot, run.record));
  }
}

/** Takes the container away; the program's exit status is worth more. */
function cleanUp(action: () => void): void {
  try {
    action();
  } catch (error) {
    log("warning", `delete container: ${error}, ignoring`);
  }
}

/** Creates and starts a container. */
export async function execute(
  args: Arguments,
  globals: Globals,
): Promise<number> {
  const watch = watchOf(globals);
  const detached = args.flag("detach");
  const options = await withDevices(
    args,
    createOptions(args, globals, detached),
  );
  if (!detached) {
    return runForeground(options, args.flag("keep"), watch);
  }
  const { stateRoot, id } = options;
  const run = createContainer(options, watch);
  try {
    startContainer({ stateRoot, id }, watch);
  } catch (error) {
    destroy(stateRoot, run.record);
    throw error;
  }
  watch.finish();
  return 0;
}
