/**
 * Makes, enters and removes classes and monitoring groups of resctrl.
 *
 * Runs in: launcher.
 *
 * @module
 */

import { RuntimeError } from "../errors.ts";
import type { Context } from "../gofer/context.ts";
import { goferOf } from "../gofer/context.ts";
import type { ResctrlStep } from "./plan.ts";
import { missingLines } from "./plan.ts";

/** Makes a directory; says whether it was missing. */
function makeDirectory(path: string): boolean {
  try {
    Deno.mkdirSync(path);
    return true;
  } catch (cause) {
    if (cause instanceof Deno.errors.AlreadyExists) return false;
    throw new RuntimeError(`linux.intelRdt: make "${path}"`, {
      cause,
      hint: "there may be as many classes as the processor has, and no more",
    });
  }
}

/** What the kernel says of the last failure. */
function lastStatus(directory: string): string {
  const root = directory.split("/").slice(0, 4).join("/");
  try {
    return Deno.readTextFileSync(`${root}/info/last_cmd_status`).trim();
  } catch {
    return "";
  }
}

/** Writes a file of a class or group. */
function write(directory: string, file: string, text: string): void {
  try {
    Deno.writeTextFileSync(`${directory}/${file}`, text, { create: false });
  } catch (cause) {
    const hint = lastStatus(directory);
    throw new RuntimeError(
      `linux.intelRdt: write ${JSON.stringify(text)} to "${directory}/${file}"`,
      { cause, ...hint === "" || hint === "ok" ? {} : { hint } },
    );
  }
}

/** Gives a class its schemata, or makes sure that it has them. */
function applySchemata({ directory, schemata }: ResctrlStep, made: boolean) {
  if (schemata.length === 0) return;
  if (made) {
    write(directory, "schemata", schemata.map((line) => `${line}\n`).join(""));
    return;
  }
  const text = Deno.readTextFileSync(`${directory}/schemata`);
  const [line] = missingLines(schemata, text);
  if (line === undefined) return;
  throw new RuntimeError(
    `linux.intelRdt: the class "${directory}" has not the schema "${line}"`,
    { hint: "a class that is there already is not changed" },
  );
}

/**
 * Puts the gofer into its class and monitoring group, by which all that it
 * becomes and begets is in them.
 *
 * @throws {RuntimeError} naming the directory
 */
export function enterResctrl(step: ResctrlStep, context: Context): void {
  const { directory, monitor, existing, own } = step;
  const pid = String(goferOf(context).pid);
  if (existing && !isDirectory(directory)) {
    throw new RuntimeError(`linux.intelRdt: there is no class "${directory}"`, {
      hint: "without schemata, the class of a closID must be there",
    });
  }
  const made = !existing && makeDirectory(directory);
  if (made && own) (context.resctrl ??= []).push(directory);
  applySchemata(step, made);
  write(directory, "tasks", pid);
  if (monitor === undefined) return;
  // One of the container's own class goes when that goes.
  if (makeDirectory(monitor) && !own) (context.resctrl ??= []).push(monitor);
  write(monitor, "tasks", pid);
}

/** Is it a directory? */
function isDirectory(path: string): boolean {
  try {
    return Deno.statSync(path).isDirectory;
  } catch {
    return false;
  }
}

/** Removes what a container had of resctrl; what is gone is gone. */
export function leaveResctrl(directories: readonly string[]): void {
  for (const path of directories) {
    try {
      Deno.removeSync(path);
    } catch (cause) {
      if (cause instanceof Deno.errors.NotFound) continue;
      throw new RuntimeError(`remove "${path}"`, { cause });
    }
  }
}
