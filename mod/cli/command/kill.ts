/**
 * `burrow kill`.
 *
 * @module
 */

import { killContainer, parseSignal } from "../../container/signal.ts";
import type { Globals } from "../globals.ts";
import type { Arguments } from "../option.ts";

/** Signals a container. */
export function execute(args: Arguments, { stateRoot }: Globals): number {
  const [id = "", signal = "SIGTERM"] = args.operands;
  killContainer({
    stateRoot,
    id,
    signal: parseSignal(signal),
    all: args.flag("all"),
  });
  return 0;
}
