/**
 * `burrow restore`: refused, whatever is asked of it. podman and CRI-O run it
 * with `--help`, and take exit status 0 for a yes.
 *
 * @module
 */

import { RuntimeError } from "../../errors.ts";

/** Refuses. */
export function execute(): number {
  throw new RuntimeError("restore is not supported");
}
