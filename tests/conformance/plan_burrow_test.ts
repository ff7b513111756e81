import {
  assert,
  assertEquals,
  assertGone,
  assertIncludes,
} from "../support/assert.ts";
import { type Bundle, makeBundle } from "../support/bundle.ts";
import { readTrace } from "../support/breakpoint.ts";
import { mapUser, type Spec } from "../support/spec.ts";

/** A step, as the plan and the trace both have it. */
interface Step {
  name: string;
  process: string;
  args: Record<string, unknown>;
}

/** What is compared: the id is the run's own, not the plan's. */
function comparable(steps: Step[], id: string): string[] {
  return steps.map(({ name, process, args }) =>
    JSON.stringify({
      name,
      process,
      args: name === "create-state" ? {} : args,
    }).replaceAll(id, "ID")
  );
}

/** The steps of `plan --json`. */
async function plan(bundle: Bundle): Promise<Step[]> {
  const { stdout } = await bundle.ok(
    ...["plan", "--json", "--id", bundle.id, bundle.path],
  );
  return JSON.parse(stdout) as Step[];
}

/** Fails unless `run` does what `plan` says. */
async function comparePlan(edit: (spec: Spec) => void): Promise<Step[]> {
  await using bundle = makeBundle({ edit });
  const planned = await plan(bundle);
  const path = `${bundle.folder}/trace`;
  const run = ["run", "--bundle", bundle.path, bundle.id];
  await bundle.ok("--trace", path, ...run);
  const done = readTrace(path);
  for (const { us, ...line } of done) {
    assert(us >= 0, `microseconds of ${line.name}`);
    assert("result" in line, `result of ${line.name}`);
  }
  const wanted = comparable(planned, bundle.id);
  const seen = comparable(done as Step[], bundle.id);
  for (const [i, step] of wanted.entries()) {
    assertEquals(seen[i] ?? "nothing", step, `step ${i} of the run`);
  }
  assertEquals(seen.length, wanted.length, "number of steps");
  return planned;
}

Deno.test("run does what plan says, step by step", async () => {
  const steps = await comparePlan(() => {});
  const names = steps.map(({ name }) => name);
  // The order is the whole art.
  const order = ["attach-root", "root-propagation", "mount", "pivot-root"];
  const places = order.map((name) => names.indexOf(name));
  assertEquals(places, [...places].sort((a, b) => a - b), names.join(" "));
});

Deno.test("run does what plan says with hooks and a read-only root", async () => {
  const hook = { path: "/bin/true" };
  const steps = await comparePlan((spec) => {
    spec.root.readonly = true;
    spec.hooks = {
      createRuntime: [hook],
      createContainer: [hook, hook],
      startContainer: [hook],
      poststart: [hook],
    };
  });
  const names = steps.map(({ name }) => name);
  assert(names.lastIndexOf("mount") < names.indexOf("hook"), "mounts first");
  const pivot = names.indexOf("pivot-root");
  assert(names.indexOf("hook") < pivot, "hooks before the pivot");
  assert(pivot < names.indexOf("remount-read-only"), "read-only after both");
});

Deno.test("run does what plan says in a user namespace", async () => {
  await comparePlan((spec) => mapUser(spec));
});

Deno.test("run does what plan says with limits, sysctls and propagation", async () => {
  await comparePlan((spec) => {
    spec.linux.resources.pids = { limit: 50 };
    spec.linux.sysctl = { "kernel.shmmni": "77" };
    spec.linux.rootfsPropagation = "shared";
    spec.process.rlimits = [{ type: "RLIMIT_CORE", soft: 0, hard: 0 }];
  });
});

Deno.test("plan does nothing", async () => {
  await using bundle = makeBundle({
    edit: (spec) =>
      void spec.mounts.push({ destination: "/new", type: "tmpfs" }),
  });
  await bundle.ok("plan", bundle.path);
  assertGone(`${bundle.rootfs}/new`);
  assertGone(bundle.stateRoot);
});

Deno.test("plan needs no root", async () => {
  await using bundle = makeBundle();
  const wrap = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];
  Deno.chmodSync(bundle.folder, 0o777);
  const { code, stdout, stderr } = await bundle.runtimeWith(
    { wrap },
    ...["plan", "--json", bundle.path],
  );
  assertEquals(code, 0, stderr);
  const names = (JSON.parse(stdout) as Step[]).map(({ name }) => name);
  assertIncludes(names, "pivot-root");
});

Deno.test("plan names its steps in words too", async () => {
  await using bundle = makeBundle();
  const { stdout } = await bundle.ok("plan", bundle.path);
  for (const word of ["attach-root", "pivot-root", "/dev/pts"]) {
    assertIncludes(stdout, word);
  }
});
