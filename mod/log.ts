/**
 * The log: lines of text or JSON, to the file of `--log`.
 *
 * Callers read it back: containerd takes the last line of level "error", podman
 * wants the whole file to be one JSON object. So a failure is one line, and
 * nothing else is written unless asked for with `--debug`.
 *
 * @module
 */

import { RuntimeError } from "./errors.ts";

/** How serious a line is, in logrus' words. */
export type Level = "debug" | "info" | "warning" | "error";

/** How lines are written. */
export type LogFormat = "text" | "json";

let file: Deno.FsFile | undefined;
let format: LogFormat = "text";
let debugging = false;

/**
 * Opens the log before anything else may fail. Runs in: launcher.
 *
 * @throws {RuntimeError} where the file cannot be opened
 */
export function openLog(
  options: { path?: string; format?: LogFormat; debug?: boolean },
): void {
  format = options.format ?? "text";
  debugging = options.debug ?? false;
  if (options.path === undefined || options.path === "") return;
  try {
    file = Deno.openSync(options.path, {
      append: true,
      create: true,
      mode: 0o644,
    });
  } catch (cause) {
    throw new RuntimeError(`open log "${options.path}"`, { cause });
  }
}

/** Writes one line; without `--log`, debug and warning lines go to stderr. */
export function log(level: Level, msg: string): void {
  if (level === "debug" && !debugging) return;
  if (file === undefined && level === "error") return; // main prints it
  const time = new Date().toISOString();
  const line = format === "json"
    ? JSON.stringify({ level, msg, time })
    : `time="${time}" level=${level} msg=${JSON.stringify(msg)}`;
  const bytes = new TextEncoder().encode(`${line}\n`);
  // A warning in a JSON log would hide the error line from podman.
  if (file === undefined || (level === "warning" && format === "json")) {
    if (level === "warning" || debugging) Deno.stderr.writeSync(bytes);
    return;
  }
  file.writeSync(bytes);
}
