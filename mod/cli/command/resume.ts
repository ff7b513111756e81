/**
 * `burrow resume`.
 *
 * @module
 */

import { resumeContainer } from "../../container/pause.ts";
import type { Globals } from "../globals.ts";
import type { Arguments } from "../option.ts";

/** Resumes a container. */
export function execute(args: Arguments, { stateRoot }: Globals): number {
  const [id = ""] = args.operands;
  resumeContainer({ stateRoot, id });
  return 0;
}
