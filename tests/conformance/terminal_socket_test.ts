import {
  assert,
  assertEquals,
  assertMatch,
  eventually,
} from "../support/assert.ts";
import type { Bundle, BundleOptions } from "../support/bundle.ts";
import { makeBundle } from "../support/bundle.ts";
import { program } from "../support/fixture.ts";
import { isAlive, waitForOrphan } from "../support/process.ts";
import { type Running, shellQuote, spawn } from "../support/runtime.ts";

/** A bundle whose program has a terminal. */
function terminalBundle(
  script: string,
  edit: NonNullable<BundleOptions["edit"]> = () => {},
): Bundle {
  return makeBundle({
    args: ["sh", "-c", script],
    edit: (spec, bundle) => {
      spec.process.terminal = true;
      edit(spec, bundle);
    },
  });
}

/** Listens on a socket, and types what is given into the terminal. */
async function listen(
  bundle: Bundle,
  path: string,
  typed = "",
): Promise<Running> {
  const running = spawn(bundle.folder, [program("pty_listener"), path], {
    stdin: typed,
  });
  await eventually("listener", () => running.stdout() === "listening\n");
  return running;
}

Deno.test("create sends the terminal's master to the console socket", async () => {
  await using bundle = terminalBundle("tty; read line; echo got $line; exit 3");
  const path = `${bundle.folder}/console`;
  const listener = await listen(bundle, path, "hello\n");
  await bundle.ok(
    ...["create", "--console-socket", path],
    ...["--bundle", bundle.path, bundle.id],
  );
  const { pid } = await bundle.state();
  await bundle.ok("start", bundle.id);
  assertEquals(await waitForOrphan(pid), 3);
  const { code, stdout } = await listener.finished();
  assertEquals(code, 0);
  const [, got, ...shown] = stdout.trimEnd().split(/\r?\n/);
  // One descriptor, and where the terminal is.
  assertMatch(got ?? "", /^got 1 \/dev\/(pts\/0|ptmx) 0 0$/);
  assertEquals(shown.filter((line) => line !== "hello"), [
    "/dev/pts/0",
    "got hello",
  ]);
});

Deno.test("consoleSize is the terminal's size from the start", async () => {
  await using bundle = terminalBundle("stty size", (spec) => {
    spec.process.consoleSize = { height: 27, width: 81 };
  });
  const path = `${bundle.folder}/console`;
  const listener = await listen(bundle, path);
  await bundle.ok(
    ...["run", "--detach", "--console-socket", path],
    ...["--bundle", bundle.path, bundle.id],
  );
  const { stdout } = await listener.finished();
  assertMatch(stdout, /^got 1 \S+ 27 81$/m);
  assertMatch(stdout, /^27 81\r$/m);
});

Deno.test("a console socket may be named from the working directory", async () => {
  await using bundle = terminalBundle("tty");
  const listener = await listen(bundle, `${bundle.path}/console`);
  const { code, stderr } = await bundle.runtimeWith(
    // runc 1.1.5 names it from the bundle.
    { cwd: bundle.path },
    ...["run", "-d", "--console-socket", "console", bundle.id],
  );
  assertEquals(code, 0, stderr);
  assertMatch((await listener.finished()).stdout, /^\/dev\/pts\/0\r$/m);
});

Deno.test("nothing of the runtime holds the streams of create with a terminal", async () => {
  await using bundle = terminalBundle("sleep 100");
  const path = `${bundle.folder}/console`;
  await listen(bundle, path);
  const words = ["--console-socket", path, "--bundle", bundle.path, bundle.id];
  // `cat` ends when the last writer of the pipe is gone.
  const script = `"$@" create ${words.map(shellQuote).join(" ")} 2>&1 | cat`;
  const { code } = await bundle.runtimeWith(
    { wrap: ["sh", "-c", script, "sh"], deadlineMs: 20_000 },
  );
  assertEquals(code, 0);
  const { pid, status } = await bundle.state();
  assertEquals(status, "created");
  assert(isAlive(pid));
  for (const fd of [0, 1, 2]) {
    assertMatch(Deno.readLinkSync(`/proc/${pid}/fd/${fd}`), /^\/dev\/pts\/0$/);
  }
});

Deno.test("the program gets SIGHUP when its terminal's master is closed", async () => {
  await using bundle = terminalBundle(
    "trap 'exit 6' HUP; while :; do sleep 0.05; done",
  );
  const path = `${bundle.folder}/console`;
  const listener = await listen(bundle, path);
  await bundle.ok(
    ...["run", "-d", "--console-socket", path],
    ...["--bundle", bundle.path, bundle.id],
  );
  const { pid } = await bundle.state();
  listener.kill("SIGKILL");
  assertEquals(await waitForOrphan(pid), 6);
});

for (const command of [["create"], ["run", "--detach"]]) {
  Deno.test(`${command.join(" ")} refuses a terminal without a console socket`, async () => {
    await using bundle = terminalBundle("true");
    const { code, stderr } = await bundle.runtime(
      ...command,
      ...["--bundle", bundle.path, bundle.id],
    );
    assertEquals(code, 1);
    assertMatch(
      stderr,
      /cannot allocate tty if \w+ will detach without setting console socket/,
    );
  });
}

for (
  const [command, terminal] of [
    [["create"], false],
    [["run", "--detach"], false],
    [["run"], true],
  ] as const
) {
  const what = terminal ? "with" : "without";
  Deno.test(`${command.join(" ")} refuses a console socket ${what} a terminal`, async () => {
    await using bundle = terminalBundle("true", (spec) => {
      spec.process.terminal = terminal;
    });
    const { code, stderr } = await bundle.runtime(
      ...command,
      ...["--console-socket", `${bundle.folder}/console`],
      ...["--bundle", bundle.path, bundle.id],
    );
    assertEquals(code, 1);
    assertMatch(
      stderr,
      /cannot use console socket if \w+ will not detach or allocate tty/,
    );
  });
}

Deno.test("a console socket on which nobody listens fails create, and leaves nothing", async () => {
  await using bundle = terminalBundle("true");
  const { code } = await bundle.runtime(
    ...["create", "--console-socket", `${bundle.folder}/nobody`],
    ...["--bundle", bundle.path, bundle.id],
  );
  assertEquals(code, 1);
  assertEquals((await bundle.runtime("state", bundle.id)).code, 1);
});
