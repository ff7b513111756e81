/**
 * Built-in hooks in the place of programs: a step of the plan, which the
 * launcher does through the container's own gofer, before the pivot. All hooks
 * of a container cost no process then, but for ldconfig's.
 *
 * @module
 */

import { fchdir } from "../../ffi/file.ts";
import type { Gofer } from "../../ffi/gofer/channel.ts";
import { readJob } from "../cdi/hook/arguments.ts";
import type { NativeHookMode, NativeHookName } from "../cdi/hook/name.ts";
import { replaceHook } from "../cdi/hook/name.ts";
import { performJob } from "../cdi/hook/perform.ts";
import type { HookSite } from "../cdi/hook/site.ts";
import { RuntimeError } from "../errors.ts";
import { goferOf, rootOf } from "../gofer/context.ts";
import { hookName } from "../hooks/run.ts";
import type { HookStep } from "../hooks/run.ts";
import { openOrMake } from "../rootfs/resolve.ts";
import type { Hook, Hooks } from "../spec/hook.ts";
import { log } from "../log.ts";
import type { Run } from "./run_context.ts";

/** Does a createContainer hook ourselves. */
export interface NativeHookStep {
  readonly kind: "native-hook";
  readonly point: "createContainer";
  readonly index: number;
  /** Which of the built-in hooks. */
  readonly name: NativeHookName;
  /** The arguments behind its name. */
  readonly args: readonly string[];
  /** The hook of the spec, for errors and its timeout. */
  readonly hook: Hook;
}

/** The createContainer hooks: programs, and what is done in their place. */
export function containerHookSteps(
  hooks: Hooks | undefined,
  mode: NativeHookMode,
  missing: ReadonlySet<string>,
): (HookStep | NativeHookStep)[] {
  return (hooks?.createContainer ?? []).map((hook, index) => {
    const step = { point: "createContainer", index, hook } as const;
    const native = replaceHook(hook, mode, (path) => missing.has(path));
    if (native === undefined) return { kind: "hook", ...step };
    const { name, args } = native;
    return { kind: "native-hook", ...step, name, args };
  });
}

/** The site of hooks in a root: what is made there is made as for a mount. */
export function hookSite(
  gofer: Gofer,
  root: number,
  warn: (message: string) => void,
): HookSite {
  return {
    gofer,
    root,
    openFolder: (path) => openOrMake(gofer, root, path, "directory").fd,
    warn,
  };
}

/**
 * Does a built-in hook.
 *
 * @throws {RuntimeError} naming the hook as the spec has it
 */
export function performNativeHook(step: NativeHookStep, run: Run): void {
  const { name, args, hook } = step;
  const warn = (message: string) => log("warning", message);
  const site = hookSite(goferOf(run), rootOf(run), warn);
  try {
    const job = readJob({ name, args, own: false }, warn);
    performJob(
      site,
      job,
      hook.timeout === undefined ? undefined : hook.timeout * 1000,
    );
    // Where the steps behind it expect to be.
    site.gofer.run(fchdir(site.root));
  } catch (cause) {
    throw new RuntimeError(`built-in ${hookName({ ...step, kind: "hook" })}`, {
      cause,
    });
  }
}
