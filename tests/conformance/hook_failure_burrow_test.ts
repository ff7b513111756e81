import {
  assertEquals,
  assertIncludes,
  assertMatch,
  eventually,
  exists,
} from "../support/assert.ts";
import { makeBundle } from "../support/bundle.ts";
import { program } from "../support/fixture.ts";
import type { HookName, SpecHook } from "../support/spec.ts";

/** What `create` says about a hook that stands second in its list. */
async function complaint(name: HookName, hook: SpecHook): Promise<string> {
  await using bundle = makeBundle({
    edit: (spec) => {
      spec.hooks = { [name]: [{ path: "/bin/true" }, hook] };
    },
  });
  const args = ["create", "--bundle", bundle.path, bundle.id];
  const { code, stderr } = await bundle.runtime(...args);
  assertEquals(code, 1, stderr);
  assertEquals(stderr.trimEnd().split("\n").length, 1, `lines of ${stderr}`);
  return stderr;
}

/** Pids of processes whose command line has `word` in it. */
function processesWith(word: string): number[] {
  return [...Deno.readDirSync("/proc")].map(({ name }) => Number(name))
    .filter((pid) => pid > 0 && pid !== Deno.pid)
    .filter((pid) => {
      try {
        const line = Deno.readTextFileSync(`/proc/${pid}/cmdline`);
        return line.includes(word);
      } catch {
        return false;
      }
    });
}

for (const name of ["createRuntime", "createContainer"] as const) {
  Deno.test(`the error names which ${name} hook failed, its argv, status and stderr`, async () => {
    const said = await complaint(name, {
      path: "/bin/sh",
      args: ["sh", "-c", "echo it broke >&2; exit 3", "extra word"],
    });
    assertIncludes(said, name);
    // Lists are counted as in the JSON path of the spec: from 0.
    assertMatch(said, /hooks?[^:]*\b1\b/, "which hook");
    assertIncludes(said, "extra word");
    assertIncludes(said, "exit status 3");
    assertIncludes(said, "it broke");
  });

  Deno.test(`the error says that a ${name} hook timed out, and after how long`, async () => {
    const said = await complaint(name, {
      path: "/bin/sleep",
      args: ["sleep", "100"],
      timeout: 1,
    });
    assertIncludes(said, name);
    assertMatch(said, /timed out|timeout/);
    assertIncludes(said, "1 s");
  });

  Deno.test(`a ${name} hook that times out takes its setsid daemon with it`, async () => {
    await using bundle = makeBundle({
      edit: (spec, { folder }) => {
        const path = program("setsid_daemon_hook");
        const args = ["hook", `${folder}/daemon`, "hang"];
        spec.hooks = { [name]: [{ path, args, timeout: 1 }] };
      },
    });
    const args = ["create", "--bundle", bundle.path, bundle.id];
    const { code, stderr } = await bundle.runtime(...args);
    assertEquals(code, 1, stderr);
    // It was there: the hook's first act is to write the daemon's pid.
    assertEquals(exists(`${bundle.folder}/daemon`), true, "daemon's file");
    await eventually("the end of hook and daemon", () => {
      return processesWith(`${bundle.folder}/daemon`).length === 0;
    }, 2_000);
  });
}

Deno.test("a hook that exits 0 may leave a daemon behind, which keeps nobody waiting", async () => {
  // Tools that attach networks do. runc waits for the end of the pipes.
  await using bundle = makeBundle({
    edit: (spec, { folder }) => {
      const path = program("setsid_daemon_hook");
      const args = ["hook", `${folder}/daemon`];
      spec.hooks = { createRuntime: [{ path, args, timeout: 5 }] };
    },
  });
  await bundle.create({ deadlineMs: 20_000 });
  const [pid = 0] = await eventually("the daemon", () => {
    const found = processesWith(`${bundle.folder}/daemon`);
    return found.length === 1 ? found : undefined;
  });
  Deno.kill(pid, "SIGKILL");
});

Deno.test("a hook that times out takes the children that hold its pipes with it", async () => {
  await using bundle = makeBundle({
    edit: (spec, { folder }) => {
      const script = `sh -c 'sleep 100; : ${folder}' | cat`;
      const hook = { path: "/bin/sh", args: ["sh", "-c", script], timeout: 1 };
      spec.hooks = { createRuntime: [hook] };
    },
  });
  const args = ["create", "--bundle", bundle.path, bundle.id];
  const { code, stderr } = await bundle.runtimeWith(
    { deadlineMs: 20_000 },
    ...args,
  );
  assertEquals(code, 1, stderr);
  assertEquals(processesWith(`: ${bundle.folder}`), []);
});

Deno.test("the trace has one line for each hook with what it returned", async () => {
  await using bundle = makeBundle({
    edit: (spec) => {
      spec.hooks = {
        createRuntime: [{ path: "/bin/true" }],
        createContainer: [{ path: "/bin/true" }, { path: "/bin/true" }],
      };
    },
  });
  const trace = `${bundle.folder}/trace`;
  const args = ["run", "--bundle", bundle.path, bundle.id];
  await bundle.ok("--trace", trace, ...args);
  const hooks = Deno.readTextFileSync(trace).trim().split("\n")
    .filter((line) => line.includes("/bin/true"))
    .map((line) => JSON.parse(line).name as string);
  assertEquals(hooks.length, 3, "hook lines");
});
