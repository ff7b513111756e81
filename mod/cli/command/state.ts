/**
 * `burrow state`.
 *
 * @module
 */

import { inspectContainer } from "../../container/inspect.ts";
import type { Globals } from "../globals.ts";
import type { Arguments } from "../option.ts";

/** Prints the state of a container. */
export function execute(args: Arguments, { stateRoot }: Globals): number {
  const [id = ""] = args.operands;
  const text = JSON.stringify(inspectContainer(stateRoot, id), null, 2);
  Deno.stdout.writeSync(new TextEncoder().encode(text));
  return 0;
}
