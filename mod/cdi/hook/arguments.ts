/**
 * The arguments of the built-in hooks, which are those of NVIDIA's. Pure.
 *
 * A word that is not known is passed over with a warning: a spec may be newer
 * than the program that serves it.
 *
 * @module
 */

import { RuntimeError } from "../../errors.ts";
import type { NativeHook } from "./name.ts";

/** What a hook is to do. */
export type HookJob =
  | {
    readonly kind: "create-symlinks";
    readonly links: readonly SymbolicLink[];
  }
  | {
    readonly kind: "update-ldcache";
    readonly folders: readonly string[];
    readonly ldconfig: string;
  }
  | {
    readonly kind: "enable-cuda-compat";
    readonly driverVersion: string;
    readonly cudaVersion: string;
    readonly folder: string;
  }
  | { readonly kind: "disable-device-node-modification" }
  | { readonly kind: "update-application-profile" }
  | {
    readonly kind: "chmod";
    readonly mode: number;
    readonly paths: readonly string[];
  }
  | { readonly kind: "noop" };

/** A link to be made in the container. */
export interface SymbolicLink {
  /** What it says. */
  readonly target: string;
  /** Where it is. */
  readonly path: string;
}

/** The flags of each hook, all of them with a value. */
const FLAGS: Readonly<Record<NativeHook["name"], readonly string[]>> = {
  "create-symlinks": ["link"],
  "update-ldcache": ["folder", "ldconfig-path"],
  "enable-cuda-compat": [
    "host-driver-version",
    "host-cuda-version",
    "cuda-compat-container-root",
  ],
  "disable-device-node-modification": [],
  "update-application-profile": [],
  "chmod": ["mode", "path"],
  "noop": [],
};

/** Flags of every hook that say where the state is; the caller reads it. */
const COMMON = ["container-spec"];

/** The values of each flag, in order. */
function readFlags(
  { name, args }: NativeHook,
  warn: (message: string) => void,
): ReadonlyMap<string, string[]> {
  const values = new Map<string, string[]>();
  for (let i = 0; i < args.length; i++) {
    const word = args[i] ?? "";
    const [, flag, , joined] = /^--?([^=]+)(=(.*))?$/s.exec(word) ?? [];
    if (flag === undefined) continue; // an operand: no hook takes one
    if (![...FLAGS[name], ...COMMON].includes(flag)) {
      warn(`hook ${name}: unknown flag "${word}", ignoring`);
      continue;
    }
    const value = joined ?? args[++i];
    if (value === undefined) {
      throw new RuntimeError(`hook ${name}: flag needs an argument: ${word}`);
    }
    values.set(flag, [...values.get(flag) ?? [], value]);
  }
  return values;
}

/** Reads `TARGET::PATH`. */
function readLink(word: string): SymbolicLink {
  const cut = word.indexOf("::");
  const target = word.slice(0, cut);
  const path = word.slice(cut + 2);
  if (cut < 1 || path === "" || path.includes("::")) {
    throw new RuntimeError(
      `hook create-symlinks: "${word}" is not TARGET::PATH`,
    );
  }
  return { target, path };
}

/** Reads an octal mode. */
function readMode(word: string): number {
  if (!/^0?o?[0-7]{1,4}$/.test(word)) {
    throw new RuntimeError(`hook chmod: "${word}" is not an octal mode`);
  }
  return parseInt(word.replace("o", ""), 8);
}

/**
 * Reads the arguments of a hook.
 *
 * @throws {RuntimeError} for a value that makes no sense
 */
export function readJob(
  hook: NativeHook,
  warn: (message: string) => void,
): HookJob {
  const flags = readFlags(hook, warn);
  const last = (flag: string, otherwise: string) =>
    flags.get(flag)?.at(-1) ?? otherwise;
  // As theirs do: a value may hold several, with commas between.
  const all = (flag: string) =>
    (flags.get(flag) ?? []).flatMap((value) => value.split(","));
  switch (hook.name) {
    case "create-symlinks":
      return { kind: hook.name, links: all("link").map(readLink) };
    case "update-ldcache":
      return {
        kind: hook.name,
        folders: all("folder").filter((folder) => folder.startsWith("/")),
        ldconfig: last("ldconfig-path", "/sbin/ldconfig"),
      };
    case "enable-cuda-compat":
      return {
        kind: hook.name,
        driverVersion: last("host-driver-version", ""),
        cudaVersion: last("host-cuda-version", ""),
        folder: last("cuda-compat-container-root", "/usr/local/cuda/compat"),
      };
    case "chmod":
      return {
        kind: hook.name,
        mode: readMode(last("mode", "")),
        paths: all("path"),
      };
    case "disable-device-node-modification":
    case "update-application-profile":
    case "noop":
      return { kind: hook.name };
  }
}
