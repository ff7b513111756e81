/**
 * The version of this executable.
 *
 * @module
 */

// compile.sh lets the bundler put a text in this name's place.
declare const BURROW_COMMIT: string;

/** The release, as CHANGELOG.md names it. */
export const VERSION = "0.1.0";

/** The git commit it was compiled from; empty where it was not compiled. */
export const COMMIT: string = typeof BURROW_COMMIT === "string"
  ? BURROW_COMMIT
  : "";
