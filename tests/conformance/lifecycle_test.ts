import {
  assert,
  assertEquals,
  assertGone,
  assertIncludes,
  assertMatch,
  eventually,
} from "../support/assert.ts";
import { makeBundle } from "../support/bundle.ts";
import { isAlive, waitForOrphan } from "../support/process.ts";
import { isRunc } from "../support/runtime.ts";

Deno.test("create, start, kill and delete lead through the states", async () => {
  await using bundle = makeBundle({ args: ["sleep", "100"] });
  await bundle.create();
  const { pid, status } = await bundle.state();
  assertEquals(status, "created");
  assert(isAlive(pid), "the created container has a process");

  await bundle.ok("start", bundle.id);
  assertEquals((await bundle.state()).status, "running");
  assertEquals((await bundle.state()).pid, pid, "pid after start");

  await bundle.ok("kill", bundle.id, "KILL");
  assertEquals(await waitForOrphan(pid), 128 + 9);
  const stopped = await bundle.state();
  assertEquals(stopped.status, "stopped");
  assertEquals(stopped.pid, 0, "pid when stopped");

  await bundle.ok("delete", bundle.id);
  assertGone(`${bundle.stateRoot}/${bundle.id}`);
});

Deno.test("the program has the pid that create reported and exits to the subreaper", async () => {
  await using bundle = makeBundle({ args: ["sh", "-c", "exit 9"] });
  await bundle.create();
  const { pid } = await bundle.state();
  await bundle.ok("start", bundle.id);
  assertEquals(await waitForOrphan(pid), 9);
});

Deno.test("the container runs nothing of the program before start", async () => {
  await using bundle = makeBundle({
    args: ["sh", "-c", "echo ran > /tmp/ran"],
  });
  await bundle.create();
  const { pid } = await bundle.state();
  assertGone(`${bundle.rootfs}/tmp/ran`);
  await bundle.ok("start", bundle.id);
  await waitForOrphan(pid);
  assertEquals(Deno.readTextFileSync(`${bundle.rootfs}/tmp/ran`), "ran\n");
});

Deno.test("create writes the pid file in digits without a newline", async () => {
  await using bundle = makeBundle();
  const pidFile = `${bundle.folder}/pid`;
  const args = ["--bundle", bundle.path, "--pid-file", pidFile, bundle.id];
  await bundle.ok("create", ...args);
  const { pid } = await bundle.state();
  assertEquals(Deno.readTextFileSync(pidFile), String(pid));
});

Deno.test("a relative --pid-file belongs to the caller's folder, not the bundle", async () => {
  await using bundle = makeBundle();
  const args = ["--bundle", "bundle", "--pid-file", "pid", bundle.id];
  const { code, stderr } = await bundle.runtimeWith(
    { cwd: bundle.folder },
    "create",
    ...args,
  );
  assertEquals(code, 0, stderr);
  assertMatch(Deno.readTextFileSync(`${bundle.folder}/pid`), /^\d+$/);
  assertGone(`${bundle.path}/pid`);
});

Deno.test("flags may be written with = and with one dash", async () => {
  await using bundle = makeBundle();
  await bundle.ok("create", `--bundle=${bundle.path}`, bundle.id);
  await bundle.ok("delete", "-force", bundle.id);
});

Deno.test("a repeated global flag is accepted and the last one wins", async () => {
  await using bundle = makeBundle();
  const { code, stderr } = await bundle.runtime(
    ...["--root", "/nonexistent", "--root", bundle.stateRoot],
    ...["create", "--bundle", bundle.path, bundle.id],
  );
  assertEquals(code, 0, stderr);
  assertGone("/nonexistent");
});

Deno.test("create refuses an id that is taken", async () => {
  await using bundle = makeBundle();
  await bundle.create();
  const { pid } = await bundle.state();
  const args = ["create", "--bundle", bundle.path, bundle.id];
  const { code, stderr } = await bundle.runtime(...args);
  assertEquals(code, 1);
  assertIncludes(stderr, "exist");
  assertEquals((await bundle.state()).pid, pid, "pid of the first");
});

for (const id of ["", ".", "..", "a/b", "a b", "ü", "a\nb"]) {
  Deno.test(`create refuses the id ${JSON.stringify(id)}`, async () => {
    await using bundle = makeBundle();
    const args = ["create", "--bundle", bundle.path, id];
    const { code } = await bundle.runtime(...args);
    assertEquals(code, 1);
  });
}

for (
  const [verb, ...args] of [["start"], ["kill", "9"], ["delete"], ["state"]]
) {
  Deno.test(`${verb} of an unknown id says that it does not exist`, async () => {
    await using bundle = makeBundle();
    const { code, stdout, stderr } = await bundle.runtime(
      ...[verb ?? "", "unknown", ...args],
    );
    assertEquals(code, 1);
    assertEquals(stdout, "");
    assertIncludes(stderr, "does not exist");
  });
}

Deno.test("delete --force of an unknown id is success", async () => {
  await using bundle = makeBundle();
  const { stdout } = await bundle.ok("delete", "--force", "unknown");
  assertEquals(stdout, "");
});

Deno.test("start refuses a container that runs already", async () => {
  await using bundle = makeBundle({ args: ["sleep", "100"] });
  await bundle.create();
  await bundle.ok("start", bundle.id);
  const { code, stderr } = await bundle.runtime("start", bundle.id);
  assertEquals(code, 1);
  assertIncludes(stderr, "cannot start an already running container");
});

Deno.test("start refuses a container that has stopped", async () => {
  await using bundle = makeBundle();
  await bundle.create();
  const { pid } = await bundle.state();
  await bundle.ok("start", bundle.id);
  await waitForOrphan(pid);
  const { code, stderr } = await bundle.runtime("start", bundle.id);
  assertEquals(code, 1);
  assertIncludes(stderr, "cannot start a container that has stopped");
});

Deno.test("start does not resurrect a container killed while created", async () => {
  await using bundle = makeBundle();
  await bundle.create();
  const { pid } = await bundle.state();
  await bundle.ok("kill", bundle.id, "KILL");
  await waitForOrphan(pid);
  const { code } = await bundle.runtime("start", bundle.id);
  assertEquals(code, 1);
});

Deno.test("kill refuses a container that has stopped", async () => {
  await using bundle = makeBundle();
  await bundle.create();
  const { pid } = await bundle.state();
  await bundle.ok("start", bundle.id);
  await waitForOrphan(pid);
  const { code, stderr } = await bundle.runtime("kill", bundle.id, "TERM");
  assertEquals(code, 1);
  // containerd looks for one of these two.
  assertMatch(stderr, /container not running|process already finished/);
});

for (const signal of ["TERM", "SIGTERM", "term", "15", undefined]) {
  Deno.test(`kill ${signal ?? "without a signal"} sends SIGTERM`, async () => {
    await using bundle = makeBundle({
      args: [
        "sh",
        "-c",
        "trap 'exit 5' TERM; echo up; while :; do sleep 0.05; done",
      ],
    });
    const args = ["create", "--bundle", bundle.path, bundle.id];
    const create = bundle.spawn({}, ...args);
    await create.finished();
    const { pid } = await bundle.state();
    await bundle.ok("start", bundle.id);
    await eventually("the trap", () => create.stdout() === "up\n");
    await bundle.ok("kill", bundle.id, ...signal ? [signal] : []);
    assertEquals(await waitForOrphan(pid), 5);
  });
}

Deno.test("kill refuses a word that is no signal", async () => {
  await using bundle = makeBundle();
  await bundle.create();
  const { code, stderr } = await bundle.runtime("kill", bundle.id, "NOSUCH");
  assertEquals(code, 1);
  assertIncludes(stderr, "NOSUCH");
});

Deno.test("delete refuses a container that runs, and leaves it running", async () => {
  await using bundle = makeBundle({ args: ["sleep", "100"] });
  await bundle.create();
  await bundle.ok("start", bundle.id);
  const { code, stderr } = await bundle.runtime("delete", bundle.id);
  assertEquals(code, 1);
  assertIncludes(stderr, "that is not stopped: running");
  assertEquals((await bundle.state()).status, "running");
});

Deno.test("delete of a created container kills it", async () => {
  await using bundle = makeBundle();
  await bundle.create();
  const { pid } = await bundle.state();
  await bundle.ok("delete", bundle.id);
  assertEquals(isAlive(pid), false);
  assertGone(`${bundle.stateRoot}/${bundle.id}`);
});

Deno.test("delete --force kills and removes a container that runs", async () => {
  await using bundle = makeBundle({ args: ["sleep", "100"] });
  await bundle.create();
  const { pid } = await bundle.state();
  await bundle.ok("start", bundle.id);
  await bundle.ok("delete", "--force", bundle.id);
  assertEquals(isAlive(pid), false);
  assertGone(`${bundle.stateRoot}/${bundle.id}`);
});

Deno.test("delete removes what a shared pid namespace kept alive", async () => {
  await using bundle = makeBundle({
    args: ["sh", "-c", "sleep 100 & sleep 100"],
    edit: (spec) => {
      spec.linux.namespaces = spec.linux.namespaces
        .filter(({ type }) => type !== "pid");
    },
  });
  await bundle.create();
  await bundle.ok("start", bundle.id);
  // runc 1.1.5 without a pid namespace only kills all when asked to.
  if (isRunc()) await bundle.ok("kill", "--all", bundle.id, "KILL");
  await bundle.ok("delete", "--force", bundle.id);
});
