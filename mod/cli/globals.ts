/**
 * Global options, and the state directory that they choose.
 *
 * @module
 */

import { resolve } from "@std/path";
import { RuntimeError } from "../errors.ts";
import type { LogFormat } from "../log.ts";
import type { Arguments, Option } from "./option.ts";

/** What the global options say. */
export interface Globals {
  /** The state directory, absolute. */
  readonly stateRoot: string;
  /** The state directory was named. */
  readonly rootNamed: boolean;
  /** The trace file, absolute. */
  readonly trace?: string;
  /** The step to stop after. */
  readonly stop?: string;
}

/** The global options: before the command. */
export const GLOBAL_OPTIONS: readonly Option[] = [
  {
    name: "root",
    value: "DIR",
    help: "directory of the containers' state (default: /run/burrow)",
  },
  { name: "log", value: "FILE", help: "append errors to FILE" },
  {
    name: "log-format",
    value: "text|json",
    help: "how the log is written (default: text)",
  },
  { name: "debug", help: "log every step" },
  {
    name: "trace",
    value: "FILE",
    help: "append one JSON line a step to FILE",
  },
  {
    name: "break",
    value: "STEP",
    help: "stop after STEP (or STEP:SUBJECT) until SIGCONT",
  },
  {
    name: "rootless",
    value: "true|false|auto",
    help: "accepted: found out by itself",
  },
  { name: "version", short: "v", help: "print the version" },
];

/** The default state directory: of the host's root, or of this user. */
function defaultRoot(): string {
  const runtime = Deno.env.get("XDG_RUNTIME_DIR");
  const own = Deno.uid() !== 0 && runtime !== undefined && runtime !== "";
  return own ? `${runtime}/burrow` : "/run/burrow";
}

/** What `--log`, `--log-format` and `--debug` say. */
export interface LogOptions {
  readonly path?: string;
  readonly format: LogFormat;
  readonly debug: boolean;
}

/**
 * Finds where the log is before anything is checked, so that a fault of the
 * command line is in it: callers look nowhere else (containerd).
 */
export function findLog(args: readonly string[]): LogOptions {
  const found: Record<string, string> = {};
  for (let i = 0; i < args.length; i++) {
    const word = args[i] ?? "";
    if (!word.startsWith("-") || word === "-" || word === "--") break;
    const [, name = "", inline] = /^--?([^=]*)(?:=(.*))?$/s.exec(word) ?? [];
    const option = GLOBAL_OPTIONS.find((o) => o.name === name);
    const value = option?.value === undefined
      ? inline ?? "true"
      : inline ?? args[++i];
    if (value !== undefined) found[name] = value;
  }
  const { log: path } = found;
  return {
    ...path === undefined ? {} : { path },
    format: found["log-format"] === "json" ? "json" : "text",
    debug: found.debug === "true",
  };
}

/**
 * Checks the format of the log.
 *
 * @throws {RuntimeError} where there is no such format
 */
export function checkLogFormat(args: Arguments): void {
  const format = args.value("log-format") ?? "text";
  if (format === "text" || format === "json") return;
  throw new RuntimeError(`invalid log-format "${format}"`, {
    hint: "text or json",
  });
}

/** Makes sense of the global options. */
export function readGlobals(args: Arguments): Globals {
  const named = args.value("root");
  const trace = args.value("trace");
  const stop = args.value("break");
  const stateRoot = resolve(named ?? defaultRoot());
  if (stateRoot === "/") {
    throw new RuntimeError('--root "/" cannot be the state directory');
  }
  return {
    stateRoot,
    rootNamed: named !== undefined,
    ...trace === undefined ? {} : { trace: resolve(trace) },
    ...stop === undefined ? {} : { stop },
  };
}
