/**
 * `burrow events`.
 *
 * @module
 */

import { parseDuration, watchContainer } from "../../container/events.ts";
import type { Globals } from "../globals.ts";
import type { Arguments } from "../option.ts";

/** Prints the events of a container. */
export function execute(args: Arguments, { stateRoot }: Globals): number {
  const [id = ""] = args.operands;
  const encoder = new TextEncoder();
  watchContainer({
    stateRoot,
    id,
    intervalMs: parseDuration(args.value("interval") ?? "5s"),
    once: args.flag("stats"),
  }, (line) => void Deno.stdout.writeSync(encoder.encode(line)));
  return 0;
}
