/**
 * `burrow pause`.
 *
 * @module
 */

import { pauseContainer } from "../../container/pause.ts";
import type { Globals } from "../globals.ts";
import type { Arguments } from "../option.ts";

/** Pauses a container. */
export function execute(args: Arguments, { stateRoot }: Globals): number {
  const [id = ""] = args.operands;
  pauseContainer({ stateRoot, id });
  return 0;
}
