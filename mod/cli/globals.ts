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

/** Reads the format of the log. */
export function logFormat(args: Arguments): LogFormat {
  const format = args.value("log-format") ?? "text";
  if (format === "text" || format === "json") return format;
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
