/**
 * What is measured: runtimes, and how each command of one is timed.
 *
 * @module
 */

import { exists } from "../support/assert.ts";
import { program } from "../support/fixture.ts";
import { outputOf } from "../setup/packages.ts";

/** A runtime, or another program that is measured beside. */
export interface Subject {
  readonly name: string;
  /** The words that its arguments follow. */
  readonly argv: readonly string[];
  /** Words in front of all of them, whose own time is not measured. */
  readonly wrap: readonly string[];
}

/** How a measured command ended. */
export interface Lap {
  readonly code: number;
  readonly us: number;
  /** Last line of its standard error. */
  readonly error: string;
}

/** Hides the v2 tree of a hybrid host, which crun refuses. */
const WITHOUT_UNIFIED = [
  ...["unshare", "--mount", "--propagation", "private", "sh", "-c"],
  'umount /sys/fs/cgroup/unified && exec "$@"',
  "sh",
];

/** A runtime by its path or name; undefined where it is not there. */
export function findSubject(name: string, path: string): Subject | undefined {
  if (outputOf("sh", "-c", 'command -v "$1"', "sh", path) === undefined) {
    return undefined;
  }
  const hybrid = exists("/sys/fs/cgroup/unified");
  const wrap = name === "crun" && hybrid ? WITHOUT_UNIFIED : [];
  return { name, argv: [path], wrap };
}

/** Runs a command of a subject once, and times it from outside. */
export function time(subject: Subject, args: readonly string[]): Lap {
  const errors = Deno.makeTempFileSync();
  const [command = "", ...rest] = [
    ...subject.wrap,
    ...[program("stopwatch"), errors],
    ...[...subject.argv, ...args],
  ];
  const { stdout } = new Deno.Command(command, {
    args: rest,
    stdin: "null",
    stderr: "null",
  }).outputSync();
  const error = Deno.readTextFileSync(errors).trim().split("\n").pop() ?? "";
  Deno.removeSync(errors);
  const words = new TextDecoder().decode(stdout).trim().split(" ").map(Number);
  const [code = 2, us = 0] = words.length === 2 ? words : [];
  return { code, us, error };
}
