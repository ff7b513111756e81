/**
 * `burrow start`.
 *
 * @module
 */

import { startContainer } from "../../container/start.ts";
import { watchSteps } from "../../container/trace.ts";
import type { Globals } from "../globals.ts";
import type { Arguments } from "../option.ts";

/** Starts a container. */
export function execute(args: Arguments, globals: Globals): number {
  const [id = ""] = args.operands;
  const { trace, stop, stateRoot } = globals;
  const watch = watchSteps({
    ...trace === undefined ? {} : { trace },
    ...stop === undefined ? {} : { stop },
  });
  startContainer({ stateRoot, id }, watch);
  watch.finish();
  return 0;
}
