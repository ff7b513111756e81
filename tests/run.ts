/**
 * The test command, as root: `deno task test [FILE]...`. Installs and makes
 * what the tests stand on, then runs all of them, or those of the named files
 * and folders, against the executable that RUNTIME names (dist/burrow). With
 * `--prepare` alone, it stops before the tests.
 *
 * @module
 */

import { basename, resolve } from "@std/path";
import { checkout } from "./support/fixture.ts";
import { becomeSubreaper, reapOrphans } from "./support/process.ts";
import { makeFixtures } from "./setup/fixtures.ts";
import { installPackages, outputOf } from "./setup/packages.ts";

/** Where tests are. A folder that is not there has no tests yet. */
const FOLDERS = ["ffi", "mod", "lint", "kernel", "conformance"];

/** Prints a line. */
function say(line: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`));
}

/** The executable under test: a path, or a name to look up in PATH. */
function findRuntime(): string {
  const name = Deno.env.get("RUNTIME") ?? `${checkout()}/dist/burrow`;
  const path = name.includes("/")
    ? resolve(name)
    : outputOf("sh", "-c", 'command -v "$1"', "sh", name)?.trim();
  if (path === undefined || outputOf("test", "-x", path) === undefined) {
    throw new Error(`there is no runtime "${name}": run ./compile.sh first`);
  }
  return path;
}

/** The folders and files to test. */
function findTests(wanted: readonly string[]): string[] {
  if (wanted.length > 0) return wanted.map((path) => resolve(path));
  return FOLDERS.map((name) => `${checkout()}/tests/${name}`)
    .filter((path) => outputOf("test", "-d", path) !== undefined);
}

/** How a run of tests ended. */
interface Outcome {
  /** Whether Deno found no failure. */
  readonly success: boolean;
  readonly passed: number;
  readonly failed: number;
  /** Tests that did not run, which is a failure of this command. */
  readonly skipped: number;
}

/** Adds up an attribute of every suite of a report. */
function sum(report: string, attribute: string): number {
  const found = report.matchAll(
    new RegExp(`<testsuite [^>]*\\b${attribute}="(\\d+)"`, "g"),
  );
  return found.reduce((total, [, value]) => total + Number(value), 0);
}

/** Runs the tests, and reads Deno's report of them. */
async function test(runtime: string, paths: string[]): Promise<Outcome> {
  // Empty until Deno writes it, which it does not where a file cannot be read.
  const report = Deno.makeTempFileSync({ suffix: ".xml" });
  const { success } = await new Deno.Command(Deno.execPath(), {
    args: ["test", "-A", "--no-check", `--junit-path=${report}`, ...paths],
    cwd: checkout(),
    env: { RUNTIME: runtime },
    stdin: "null",
  }).spawn().status;
  const text = Deno.readTextFileSync(report);
  Deno.removeSync(report);
  const failed = sum(text, "failures") + sum(text, "errors");
  const skipped = sum(text, "disabled");
  const passed = sum(text, "tests") - failed - skipped;
  return { success, passed, failed, skipped };
}

/** Ends the processes that tests left, and returns their command lines. */
async function endLeftovers(): Promise<string[]> {
  const left: string[] = [];
  // A process that is about to end gets a second; the end of one may hand its
  // children on to us.
  for (let round = 0; round < 5 && reapOrphans(new Set()).length > 0; round++) {
    await new Promise((resolve) => setTimeout(resolve, 1000));
    for (const pid of reapOrphans(new Set())) {
      left.push(outputOf("ps", "-o", "pid=,args=", `${pid}`)?.trim() ?? "");
      Deno.kill(pid, "SIGKILL");
    }
  }
  return left;
}

/** Prepares, tests, and returns the exit status. */
async function main(): Promise<number> {
  if (Deno.uid() !== 0) {
    throw new Error(
      'the tests make namespaces, mounts and cgroups: run "sudo dist/deno task test"',
    );
  }
  installPackages(say);
  makeFixtures(say);
  if (Deno.args[0] === "--prepare") return 0;
  const runtime = findRuntime();
  say(`testing ${basename(runtime)}: ${runtime}`);

  becomeSubreaper();
  const { success, passed, failed, skipped } = await test(
    runtime,
    findTests(Deno.args),
  );
  const left = await endLeftovers();
  for (const line of left) say(`left behind by a test: ${line}`);
  say(
    `${passed} passed, ${failed} failed, ${skipped} did not run, ` +
      `${left.length} processes left behind`,
  );
  return success && failed + skipped + left.length === 0 ? 0 : 1;
}

if (import.meta.main) {
  try {
    Deno.exitCode = await main();
  } catch (error) {
    say(`error: ${error instanceof Error ? error.message : String(error)}`);
    Deno.exitCode = 1;
  }
}
