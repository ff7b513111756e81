import { assertEquals, assertIncludes, eventually } from "../support/assert.ts";
import { makeBundle } from "../support/bundle.ts";
import { waitForOrphan } from "../support/process.ts";

const COUNTER =
  "i=0; while :; do i=$((i+1)); echo $i > /tmp/n; sleep 0.02; done";

Deno.test("pause stops the processes, and resume lets them go on", async () => {
  await using bundle = makeBundle({ args: ["sh", "-c", COUNTER] });
  await bundle.create();
  await bundle.ok("start", bundle.id);
  const file = `${bundle.rootfs}/tmp/n`;
  const count = () => {
    try {
      return Number(Deno.readTextFileSync(file));
    } catch {
      return 0;
    }
  };
  await eventually("a count", () => count() > 2);
  await bundle.ok("pause", bundle.id);
  assertEquals((await bundle.state()).status, "paused");
  const stopped = count();
  // Several commands pass meanwhile.
  await bundle.state();
  await bundle.state();
  assertEquals(count(), stopped);
  await bundle.ok("resume", bundle.id);
  assertEquals((await bundle.state()).status, "running");
  await eventually("more", () => count() > stopped);
});

Deno.test("a created container can be paused", async () => {
  await using bundle = makeBundle({ args: ["sleep", "1000"] });
  await bundle.create();
  await bundle.ok("pause", bundle.id);
  assertEquals((await bundle.state()).status, "paused");
  await bundle.ok("resume", bundle.id);
  assertEquals((await bundle.state()).status, "created");
});

Deno.test("resume refuses a container that is not paused", async () => {
  await using bundle = makeBundle({ args: ["sleep", "1000"] });
  await bundle.create();
  const { code, stderr } = await bundle.runtime("resume", bundle.id);
  assertEquals(code, 1);
  assertIncludes(stderr, "container not paused");
});

Deno.test("pause refuses a container that is stopped", async () => {
  await using bundle = makeBundle();
  await bundle.create();
  const { pid } = await bundle.state();
  await bundle.ok("start", bundle.id);
  await waitForOrphan(pid);
  const { code, stderr } = await bundle.runtime("pause", bundle.id);
  assertEquals(code, 1);
  assertIncludes(stderr, "container not running");
});

Deno.test("a paused container is killed", async () => {
  await using bundle = makeBundle({ args: ["sleep", "1000"] });
  await bundle.create();
  const { pid } = await bundle.state();
  await bundle.ok("start", bundle.id);
  await bundle.ok("pause", bundle.id);
  await bundle.ok("kill", bundle.id, "KILL");
  assertEquals(await waitForOrphan(pid), 137);
});
