/**
 * The options of CDI devices, without the code that acts on them: that is
 * loaded when a device is asked for.
 *
 * @module
 */

import { RuntimeError } from "../../errors.ts";
import type { Spec } from "../../spec/config.ts";
import type { Arguments } from "../option.ts";

/** When hooks that Burrow has built in are served by it. */
export type NativeHooks = "auto" | "always" | "never";

/**
 * What `--native-hooks` says: `auto` serves hooks whose program is missing,
 * `always` all that are built in.
 *
 * @throws {RuntimeError} for another word
 */
export function nativeHooksOf(args: Arguments): NativeHooks {
  const word = args.value("native-hooks") ?? "auto";
  if (word === "auto" || word === "always" || word === "never") return word;
  throw new RuntimeError(`--native-hooks ${JSON.stringify(word)}`, {
    hint: "auto, always or never",
  });
}

/**
 * What a container is made of, with the CDI devices in its spec that the
 * command line asks for.
 *
 * Runs in: launcher.
 *
 * @throws {RuntimeError} where a device cannot be had, or edits the spec to
 * something that cannot run
 */
export async function withDevices<
  T extends { readonly spec: Spec; readonly bundle: string },
>(
  args: Arguments,
  options: T,
): Promise<T & { nativeHooks: NativeHooks }> {
  const nativeHooks = nativeHooksOf(args);
  if (args.values("device").length === 0 && !args.flag("cdi-annotations")) {
    return { ...options, nativeHooks };
  }
  const { injectAtLaunch } = await import("./cdi_launch.ts");
  const { spec, bundle } = options;
  return { ...options, nativeHooks, spec: injectAtLaunch(args, spec, bundle) };
}
