/**
 * The rule of container ids: runc's, crun's and youki's.
 *
 * @module
 */

import { RuntimeError } from "../errors.ts";

/**
 * Checks an id: it names a directory, so it may not leave the state directory.
 *
 * @throws {RuntimeError}
 */
export function checkId(id: string): void {
  const good = /^[A-Za-z0-9_+.-]+$/.test(id) && id !== "." && id !== "..";
  if (good && id.length <= 255) return;
  throw new RuntimeError(`invalid container ID format: ${JSON.stringify(id)}`, {
    hint: "letters, digits and _ + - . are allowed",
  });
}
