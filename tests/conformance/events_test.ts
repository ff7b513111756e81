import {
  assert,
  assertEquals,
  assertIncludes,
  eventually,
} from "../support/assert.ts";
import { makeBundle } from "../support/bundle.ts";
import { waitForOrphan } from "../support/process.ts";

const MIB = 1024 * 1024;

/** The lines of JSON in a text. */
function events(text: string): { type: string; id: string; data?: unknown }[] {
  return text.split("\n").filter((line) => line !== "")
    .map((line) => JSON.parse(line));
}

Deno.test("events --stats prints one line of statistics", async () => {
  await using bundle = makeBundle({
    args: ["sleep", "1000"],
    edit: (spec) => {
      spec.linux.resources.memory = { limit: 64 * MIB };
      spec.linux.resources.pids = { limit: 20 };
    },
  });
  await bundle.create();
  await bundle.ok("start", bundle.id);
  const { stdout } = await bundle.ok("events", "--stats", bundle.id);
  const [event, ...more] = events(stdout);
  assertEquals(more.length, 0);
  assertEquals([event?.type, event?.id], ["stats", bundle.id]);
  const data = event?.data as {
    cpu: { usage: { total: number; kernel: number; user: number } };
    memory: {
      usage: { limit: number; usage: number };
      raw: Record<string, number>;
    };
    pids: { current: number; limit: number };
    blkio: Record<string, unknown>;
    hugetlb: Record<string, unknown>;
  };
  assertEquals(data.pids, { current: 1, limit: 20 });
  assertEquals(data.memory.usage.limit, 64 * MIB);
  assert(data.memory.usage.usage > 0, "memory is used");
  assert(Object.keys(data.memory.raw).length > 10, "memory.stat is there");
  assert(data.cpu.usage.total > 0, "time has passed");
});

Deno.test("events tells statistics at Go's intervals until the container ends", async () => {
  await using bundle = makeBundle({ args: ["sleep", "1000"] });
  await bundle.create();
  const { pid } = await bundle.state();
  await bundle.ok("start", bundle.id);
  const args = ["events", "--interval", "0m0.05s", bundle.id];
  const running = bundle.spawn({}, ...args);
  await eventually(
    "three lines",
    () => running.stdout().split("\n").length > 3,
  );
  await bundle.ok("kill", bundle.id, "KILL");
  await waitForOrphan(pid);
  await bundle.ok("delete", bundle.id);
  const { code, stdout } = await running.finished();
  assertEquals(code, 0);
  assert(events(stdout).every(({ type }) => type === "stats"), stdout);
});

Deno.test("events tells when the container runs out of memory", async () => {
  await using bundle = makeBundle({
    args: ["sh", "-c", "read line < /tmp/go; exec tail /dev/zero"],
    edit: (spec) => {
      spec.linux.resources.memory = { limit: 8 * MIB, swap: 8 * MIB };
    },
  });
  new Deno.Command("mkfifo", { args: [`${bundle.rootfs}/tmp/go`] })
    .outputSync();
  await bundle.create();
  const { pid } = await bundle.state();
  await bundle.ok("start", bundle.id);
  const running = bundle.spawn({}, "events", "--interval", "50ms", bundle.id);
  await eventually("a line", () => running.stdout() !== "");
  Deno.writeTextFileSync(`${bundle.rootfs}/tmp/go`, "go\n");
  assertEquals(await waitForOrphan(pid), 137);
  await eventually(
    "the notice",
    () => events(running.stdout()).some(({ type }) => type === "oom"),
  );
  await bundle.ok("delete", bundle.id);
  await running.finished();
});

Deno.test("events refuses an interval that is none, and a stopped container", async () => {
  await using bundle = makeBundle();
  await bundle.create();
  const { pid } = await bundle.state();
  for (const interval of ["0s", "-1s", "5", "soon"]) {
    const args = ["events", `--interval=${interval}`, bundle.id];
    assertEquals((await bundle.runtime(...args)).code, 1, interval);
  }
  await bundle.ok("start", bundle.id);
  await waitForOrphan(pid);
  const { code, stderr } = await bundle.runtime("events", "--stats", bundle.id);
  assertEquals(code, 1);
  assertIncludes(stderr, `container with id ${bundle.id} is not running`);
});
