import {
  assert,
  assertEquals,
  assertGone,
  assertMatch,
  eventually,
  exists,
} from "../support/assert.ts";
import { makeBundle, runOnce } from "../support/bundle.ts";
import { isAlive, waitForOrphan } from "../support/process.ts";

for (const code of [0, 1, 7, 126, 255]) {
  Deno.test(`run exits with the program's status ${code}`, async () => {
    const result = await runOnce({ args: ["sh", "-c", `exit ${code}`] });
    assertEquals(result.code, code, result.stderr);
  });
}

for (const [name, number] of [["KILL", 9], ["TERM", 15], ["SEGV", 11]]) {
  Deno.test(`run exits with 128 + ${number} when the program dies of SIG${name}`, async () => {
    // Pid 1 is deaf to its own signals: without a pid namespace it is not 1.
    const { code } = await runOnce({
      args: ["sh", "-c", `kill -${name} $$; sleep 10`],
      edit: (spec) => {
        spec.linux.namespaces = spec.linux.namespaces
          .filter(({ type }) => type !== "pid");
      },
    });
    assertEquals(code, 128 + Number(number));
  });
}

Deno.test("run removes the container when it ends", async () => {
  await using bundle = makeBundle();
  await bundle.ok("run", "--bundle", bundle.path, bundle.id);
  assertGone(`${bundle.stateRoot}/${bundle.id}`);
  assertEquals((await bundle.runtime("state", bundle.id)).code, 1);
});

Deno.test("run --keep leaves the stopped container", async () => {
  await using bundle = makeBundle({ args: ["sh", "-c", "exit 6"] });
  const args = ["run", "--keep", "--bundle", bundle.path, bundle.id];
  assertEquals((await bundle.runtime(...args)).code, 6);
  assertEquals((await bundle.state()).status, "stopped");
  await bundle.ok("delete", bundle.id);
});

Deno.test("a running container is known to state and kill", async () => {
  await using bundle = makeBundle({ args: ["sh", "-c", "echo up; sleep 100"] });
  const args = ["run", "--bundle", bundle.path, bundle.id];
  const running = bundle.spawn({}, ...args);
  await eventually("the program", () => running.stdout() === "up\n");
  const { pid, status } = await bundle.state();
  assertEquals(status, "running");
  assert(isAlive(pid));
  await bundle.ok("kill", bundle.id, "KILL");
  assertEquals((await running.finished()).code, 137);
});

for (const signal of ["TERM", "INT", "HUP", "QUIT", "USR1", "USR2"] as const) {
  Deno.test(`run forwards SIG${signal} to the program`, async () => {
    const script = `trap 'echo got; exit 5' ${signal}; echo up; ` +
      "while :; do sleep 0.05; done";
    await using bundle = makeBundle({ args: ["sh", "-c", script] });
    const args = ["run", "--bundle", bundle.path, bundle.id];
    const running = bundle.spawn({
      wrap: ["env", `--default-signal=${signal}`],
    }, ...args);
    await eventually("the trap", () => running.stdout() === "up\n");
    running.kill(`SIG${signal}`);
    const { code, stdout } = await running.finished();
    assertEquals([code, stdout], [5, "up\ngot\n"]);
  });
}

Deno.test("run forwards a signal that comes again", async () => {
  const script = "n=0; trap 'n=$((n+1)); echo $n' USR1; trap 'exit $n' TERM; " +
    "echo up; while :; do sleep 0.05; done";
  await using bundle = makeBundle({ args: ["sh", "-c", script] });
  const args = ["run", "--bundle", bundle.path, bundle.id];
  const running = bundle.spawn({}, ...args);
  for (
    const [sofar, signal] of [
      ["up\n", "SIGUSR1"],
      ["up\n1\n", "SIGUSR1"],
      ["up\n1\n2\n", "SIGTERM"],
    ] as const
  ) {
    await eventually(sofar, () => running.stdout() === sofar);
    running.kill(signal);
  }
  assertEquals((await running.finished()).code, 2);
});

Deno.test("run --detach returns while the container runs", async () => {
  await using bundle = makeBundle({ args: ["sh", "-c", "sleep 100"] });
  const pidFile = `${bundle.folder}/pid`;
  await bundle.ok(
    ...["run", "--detach", "--pid-file", pidFile],
    ...["--bundle", bundle.path, bundle.id],
  );
  const { pid, status } = await bundle.state();
  assertEquals(status, "running");
  assertEquals(Deno.readTextFileSync(pidFile), String(pid));
  await bundle.ok("kill", bundle.id, "KILL");
  assertEquals(await waitForOrphan(pid), 137);
});

Deno.test("run --pid-file names the program while it runs in the foreground", async () => {
  await using bundle = makeBundle({ args: ["sleep", "100"] });
  const pidFile = `${bundle.folder}/pid`;
  const running = bundle.spawn(
    {},
    ...["run", "--pid-file", pidFile, "--bundle", bundle.path, bundle.id],
  );
  await eventually("the pid file", () => exists(pidFile));
  const text = Deno.readTextFileSync(pidFile);
  assertMatch(text, /^\d+$/);
  assertEquals(text, String((await bundle.state()).pid));
  await bundle.ok("kill", bundle.id, "KILL");
  assertEquals((await running.finished()).code, 137);
});

Deno.test("run reaps what the program orphans without a pid namespace", async () => {
  const { code } = await runOnce({
    args: ["sh", "-c", "(sleep 0.1 &) ; exit 3"],
    edit: (spec) => {
      spec.linux.namespaces = spec.linux.namespaces
        .filter(({ type }) => type !== "pid");
    },
  });
  assertEquals(code, 3);
});

Deno.test("run of a broken bundle exits 1 and leaves nothing", async () => {
  await using bundle = makeBundle({ rootfs: "none" });
  const { code, stderr } = await bundle.run();
  assertEquals(code, 1, stderr);
  assertGone(`${bundle.stateRoot}/${bundle.id}`);
});

Deno.test("run that is killed takes no container with it, and delete --force removes it", async () => {
  await using bundle = makeBundle({ args: ["sh", "-c", "echo up; sleep 100"] });
  const args = ["run", "--bundle", bundle.path, bundle.id];
  const running = bundle.spawn({}, ...args);
  await eventually("the program", () => running.stdout() === "up\n");
  const { pid } = await bundle.state();
  running.kill("SIGKILL");
  await running.finished();
  await bundle.ok("delete", "--force", bundle.id);
  assertEquals(isAlive(pid), false);
});
