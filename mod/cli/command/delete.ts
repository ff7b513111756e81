/**
 * `burrow delete`.
 *
 * @module
 */

import { deleteContainer } from "../../container/delete.ts";
import type { Globals } from "../globals.ts";
import type { Arguments } from "../option.ts";

/** Deletes a container. */
export function execute(args: Arguments, { stateRoot }: Globals): number {
  const [id = ""] = args.operands;
  deleteContainer({ stateRoot, id, force: args.flag("force") });
  return 0;
}
