import {
  assertEquals,
  assertIncludes,
  assertMatch,
  eventually,
} from "../support/assert.ts";
import { makeBundle } from "../support/bundle.ts";
import { descendantsOf } from "../support/process.ts";

Deno.test("ps --format json lists all processes, and nothing on stderr", async () => {
  await using bundle = makeBundle({
    args: ["sh", "-c", "sleep 1000 & sleep 1001 & wait"],
  });
  await bundle.create();
  await bundle.ok("start", bundle.id);
  const { pid } = await bundle.state();
  await eventually("three", () => descendantsOf(pid).length === 2);
  const args = ["ps", "--format", "json", bundle.id];
  const { stdout, stderr } = await bundle.ok(...args);
  const wanted = [pid, ...descendantsOf(pid)].sort((a, b) => a - b);
  const pids = JSON.parse(stdout) as number[];
  assertEquals(pids.sort((a, b) => a - b), wanted);
  assertEquals(stderr, "");
});

Deno.test("ps prints the lines of ps(1) that are about the container", async () => {
  await using bundle = makeBundle({ args: ["sleep", "1234"] });
  await bundle.create();
  await bundle.ok("start", bundle.id);
  const { stdout } = await bundle.ok("ps", bundle.id);
  const lines = stdout.trim().split("\n");
  assertEquals(lines.length, 2);
  assertMatch(lines[0] ?? "", /\bPID\b/);
  assertIncludes(lines[1] ?? "", "sleep 1234");
});

Deno.test("ps hands what follows the id to ps(1)", async () => {
  await using bundle = makeBundle({ args: ["sleep", "1234"] });
  await bundle.create();
  await bundle.ok("start", bundle.id);
  const { stdout } = await bundle.ok("ps", bundle.id, "-e", "-o", "pid,args");
  assertMatch(stdout, /^ *PID +COMMAND\n *\d+ +sleep 1234\n$/);
});

Deno.test("ps refuses another format", async () => {
  await using bundle = makeBundle();
  await bundle.create();
  const args = ["ps", "--format", "xml", bundle.id];
  assertEquals((await bundle.runtime(...args)).code, 1);
});
