import { assert, assertEquals, eventually } from "../support/assert.ts";
import { makeBundle } from "../support/bundle.ts";
import { stopAt, traceCreate } from "../support/breakpoint.ts";
import { leaks, takeSnapshot } from "../support/leak.ts";
import type { Spec } from "../support/spec.ts";

/** A spec that has a step of as many kinds as possible. */
function full(spec: Spec): void {
  const hook = { path: "/bin/true" };
  spec.root.readonly = true;
  spec.process.rlimits = [{ type: "RLIMIT_CORE", soft: 0, hard: 0 }];
  spec.process.oomScoreAdj = 10;
  spec.linux.sysctl = { "kernel.shmmni": "77" };
  spec.linux.rootfsPropagation = "shared";
  spec.linux.namespaces.push({ type: "cgroup" });
  spec.mounts.push({ destination: "/data", source: "/etc", options: ["bind"] });
  spec.hooks = {
    prestart: [hook],
    createRuntime: [hook],
    createContainer: [hook],
    poststop: [hook],
  };
}

/** The kinds of step that `create` takes, each once. */
async function steps(): Promise<string[]> {
  await using bundle = makeBundle({ edit: full });
  const lines = await traceCreate(bundle);
  return [...new Set(lines.map(({ name }) => name))];
}

Deno.test("after SIGKILL at any step no process and no mount is left, and delete --force removes the rest", async (t) => {
  const names = await steps();
  assert(names.length > 15, `only ${names.length} steps: ${names.join(" ")}`);
  // After the last step the container is whole, and outlives its launcher.
  assertEquals(names.at(-1), "park");
  for (const step of names.slice(0, -1)) {
    await t.step(step, async () => {
      const before = takeSnapshot();
      await using bundle = makeBundle({ edit: full });
      {
        // Disposal kills the launcher with SIGKILL and waits for its end.
        await using _stopped = await stopAt(bundle, step);
      }
      await eventually("the end of processes and mounts", () => {
        return leaks(before, bundle.id, bundle.folder)
          .every((left) => /^(cgroup|state) /.test(left));
      }, 2_000);
      await bundle.ok("delete", "--force", bundle.id);
      assertEquals(leaks(before, bundle.id, bundle.folder), []);
      // The id is free again.
      await bundle.create();
    });
  }
});

Deno.test("after SIGKILL while a hook runs the hook is gone too", async () => {
  const before = takeSnapshot();
  await using bundle = makeBundle({
    edit: (spec, { folder }) => {
      const script = `echo up > ${folder}/up; exec sleep 100`;
      const args = ["sh", "-c", script];
      spec.hooks = { createContainer: [{ path: "/bin/sh", args }] };
    },
  });
  const args = ["create", "--bundle", bundle.path, bundle.id];
  const launcher = bundle.spawn({}, ...args);
  const ended = launcher.finished();
  await eventually("the hook", () => {
    try {
      return Deno.readTextFileSync(`${bundle.folder}/up`) === "up\n";
    } catch {
      return false;
    }
  });
  launcher.kill("SIGKILL");
  await ended;
  await eventually("the end of processes and mounts", () => {
    return leaks(before, bundle.id, bundle.folder)
      .every((left) => /^(cgroup|state) /.test(left));
  }, 2_000);
});
