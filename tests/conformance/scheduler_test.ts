import {
  assertEquals,
  assertIncludes,
  assertMatch,
} from "../support/assert.ts";
import { makeBundle, outputOf, runOnce } from "../support/bundle.ts";
import { host, isRunc } from "../support/runtime.ts";
import type { Spec } from "../support/spec.ts";

/** Puts more fields into `process`. */
function process(fields: Record<string, unknown>) {
  return (spec: Spec) => {
    Object.assign(spec.process, fields);
    // On cgroup v1 a group has no real time of its own: neither has what is
    // above it, so the container's is made below the root.
    const path = spec.linux.cgroupsPath ?? "";
    spec.linux.cgroupsPath = path.replace(/.*\//, "/");
    spec.linux.resources.cpu = { realtimeRuntime: 10_000 };
  };
}

/** A field of the container's /proc/self/sched or stat, as its program has it. */
function statField(index: number, edit: (spec: Spec) => void) {
  const script = `sed 's/.*) //' /proc/self/stat | cut -d' ' -f${index - 2}`;
  return outputOf({ args: ["sh", "-c", script], edit });
}

/** Fields of /proc/PID/stat: proc_pid_stat(5). */
const NICE = 19;
const RT_PRIORITY = 40;
const POLICY = 41;

for (
  const [scheduler, policy, nice, priority] of [
    [{ policy: "SCHED_OTHER", nice: 7 }, "0", "7", "0"],
    [{ policy: "SCHED_OTHER", nice: -5 }, "0", "-5", "0"],
    [{ policy: "SCHED_BATCH", nice: 3 }, "3", "3", "0"],
    [{ policy: "SCHED_IDLE" }, "5", "0", "0"],
    [{ policy: "SCHED_FIFO", priority: 4 }, "1", "0", "4"],
    [{ policy: "SCHED_RR", priority: 9 }, "2", "0", "9"],
  ] as const
) {
  Deno.test(`process.scheduler ${JSON.stringify(scheduler)} is set`, async () => {
    const edit = process({ scheduler });
    const seen = [
      await statField(POLICY, edit),
      await statField(NICE, edit),
      await statField(RT_PRIORITY, edit),
    ];
    // runc 1.1.5 does not know the field.
    if (!isRunc()) assertEquals(seen, [policy, nice, priority]);
  });
}

Deno.test("process.scheduler sets deadlines in nanoseconds", async () => {
  await using bundle = makeBundle({
    args: ["sleep", "100"],
    edit: process({
      scheduler: {
        policy: "SCHED_DEADLINE",
        runtime: 1_000_000,
        deadline: 200_000_000,
        period: 300_000_000,
      },
    }),
  });
  // The kernel wants a cpuset of all CPUs for deadlines: that of the host.
  delete bundle.spec.linux.cgroupsPath;
  bundle.write();
  await bundle.create();
  const { pid } = await bundle.state();
  const seen = host("chrt", "--pid", `${pid}`);
  if (isRunc()) return;
  assertIncludes(seen, "SCHED_DEADLINE");
  assertIncludes(seen, "1000000/200000000/300000000");
});

Deno.test("process.scheduler resets on fork where its flag says so", async () => {
  const flags = ["SCHED_FLAG_RESET_ON_FORK"];
  const script = "echo $(sed 's/.*) //' /proc/$$/stat | cut -d' ' -f39)" +
    " $(sed 's/.*) //' /proc/self/stat | cut -d' ' -f39)";
  const seen = await outputOf({
    args: ["sh", "-c", script],
    edit: process({
      scheduler: { policy: "SCHED_FIFO", priority: 3, flags },
    }),
  });
  if (!isRunc()) assertEquals(seen, "1 0");
});

Deno.test("process.scheduler with a policy that Linux lacks is refused", async () => {
  const { code, stderr } = await runOnce({
    edit: process({ scheduler: { policy: "SCHED_ISO" } }),
  });
  if (isRunc()) return;
  assertEquals(code, 1);
  assertIncludes(stderr, "SCHED_ISO");
});

for (
  const [ioPriority, wanted] of [
    [{ class: "IOPRIO_CLASS_BE", priority: 3 }, "best-effort: prio 3"],
    [{ class: "IOPRIO_CLASS_RT", priority: 1 }, "realtime: prio 1"],
    [{ class: "IOPRIO_CLASS_IDLE" }, "idle"],
  ] as const
) {
  Deno.test(`process.ioPriority ${JSON.stringify(ioPriority)} is set`, async () => {
    await using bundle = makeBundle({
      args: ["sleep", "100"],
      edit: process({ ioPriority }),
    });
    await bundle.create();
    await bundle.ok("start", bundle.id);
    const { pid } = await bundle.state();
    const seen = host("ionice", "-p", `${pid}`).trim();
    if (!isRunc()) assertEquals(seen, wanted);
  });
}

Deno.test("process.ioPriority of a class that is none is refused", async () => {
  const { code, stderr } = await runOnce({
    edit: process({ ioPriority: { class: "IOPRIO_CLASS_NONE" } }),
  });
  if (isRunc()) return;
  assertEquals(code, 1);
  assertMatch(stderr, /ioPriority/);
});
