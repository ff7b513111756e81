/**
 * The names of the lists of hooks.
 *
 * @module
 */

/** The six lists, in the order in which they run. */
export const HOOK_NAMES = [
  "prestart",
  "createRuntime",
  "createContainer",
  "startContainer",
  "poststart",
  "poststop",
] as const;

/** The name of a list of hooks. */
export type HookName = typeof HOOK_NAMES[number];
