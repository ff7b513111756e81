/**
 * Which hooks are NVIDIA's, known by their arguments and not by where their
 * program lies: it lies everywhere. Pure.
 *
 * @module
 */

import type { Hook } from "../../spec/hook.ts";

/** The hooks that are built in. */
export const NATIVE_HOOKS = [
  "create-symlinks",
  "update-ldcache",
  "enable-cuda-compat",
  "disable-device-node-modification",
  "update-application-profile",
  "chmod",
  "noop",
] as const;

/** The name of a built-in hook. */
export type NativeHookName = typeof NATIVE_HOOKS[number];

/** When a built-in hook takes the place of the program that a spec names. */
export type NativeHookMode = "auto" | "always" | "never";

/** The words of `--native-hooks`. */
export const NATIVE_HOOK_MODES: readonly NativeHookMode[] = [
  "auto",
  "always",
  "never",
];

/** A hook that we can do ourselves. */
export interface NativeHook {
  readonly name: NativeHookName;
  /** The arguments behind the name. */
  readonly args: readonly string[];
  /** It is called by our own name. */
  readonly own: boolean;
}

/** Is it the name of a built-in hook? */
export function isNativeHookName(name: string): name is NativeHookName {
  return NATIVE_HOOKS.some((known) => known === name);
}

/** The last component of a path. */
function baseName(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

/**
 * The built-in hook that a spec's hook asks for: `nvidia-cdi-hook NAME`,
 * `nvidia-ctk hook NAME` or `burrow hook NAME`; undefined where it is another's.
 */
export function recogniseHook(hook: Hook): NativeHook | undefined {
  const [program = "", ...words] = hook.args ?? [];
  const base = baseName(program);
  const rest = base === "nvidia-cdi-hook"
    ? words
    : (base === "nvidia-ctk" || base === "burrow") && words[0] === "hook"
    ? words.slice(1)
    : [];
  const [name, ...args] = rest;
  if (name === undefined || !isNativeHookName(name)) return undefined;
  return { name, args, own: base === "burrow" };
}

/**
 * The built-in hook that is to be done instead of executing the spec's; with
 * `auto`, where its program is missing, or is this one.
 */
export function replaceHook(
  hook: Hook,
  mode: NativeHookMode,
  isMissing: (path: string) => boolean,
): NativeHook | undefined {
  if (mode === "never") return undefined;
  const native = recogniseHook(hook);
  if (native === undefined) return undefined;
  return mode === "always" || native.own || isMissing(hook.path)
    ? native
    : undefined;
}
