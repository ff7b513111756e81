import { assertEquals, assertMatch, eventually } from "../support/assert.ts";
import type { Bundle, BundleOptions } from "../support/bundle.ts";
import { makeBundle } from "../support/bundle.ts";
import { program } from "../support/fixture.ts";
import { waitForOrphan } from "../support/process.ts";
import { openPty } from "../support/pty.ts";
import { spawn } from "../support/runtime.ts";
import { mapUser } from "../support/spec.ts";

/** A container that sleeps, without a terminal. */
async function sleeper(
  edit: NonNullable<BundleOptions["edit"]> = () => {},
): Promise<Bundle> {
  const bundle = makeBundle({ args: ["sleep", "1000"], edit });
  await bundle.create();
  await bundle.ok("start", bundle.id);
  return bundle;
}

/** Runs a script with `exec -t` to its end: the status, the screen's lines. */
async function onTerminal(
  bundle: Bundle,
  script: string,
  ...flags: string[]
): Promise<{ code: number; lines: string[] }> {
  using pty = openPty();
  const words = ["exec", "-t", ...flags, bundle.id, "sh", "-c", script];
  const { code } = await pty.finished(pty.spawn(bundle, ...words));
  return { code, lines: pty.screen().trimEnd().split("\r\n") };
}

/** Waits for the size (runc sets it once the program runs), and shows it. */
const SHOW_SIZE = "for i in $(seq 100); do " +
  '[ "$(stty size 2>/dev/null)" = "33 101" ] && break; sleep 0.05; done; ' +
  "stty size";

Deno.test("exec -t gives a program a terminal of the container's devpts", async () => {
  await using bundle = await sleeper();
  const { code, lines } = await onTerminal(
    bundle,
    "tty; for i in 0 1 2; do test -t $i && echo $i; done; " +
      `echo hello >/dev/tty; ${SHOW_SIZE}; exit 5`,
  );
  assertEquals(lines, ["/dev/pts/0", "0", "1", "2", "hello", "33 101"]);
  assertEquals(code, 5);
});

Deno.test("exec -t in a container with a user namespace, as an ordinary user", async () => {
  await using bundle = await sleeper((spec) => mapUser(spec));
  const { code, lines } = await onTerminal(
    bundle,
    "stat -c %u $(tty); echo hello >/dev/tty",
    ...["--user", "1000:1000"],
  );
  assertEquals([code, ...lines], [0, "1000", "hello"]);
});

Deno.test("two programs of exec -t have a terminal each", async () => {
  await using bundle = await sleeper();
  using first = openPty();
  const script = "tty; read line; exit 3";
  const running = first.spawn(
    bundle,
    ...["exec", "-t", bundle.id, "sh", "-c", script],
  );
  await first.shows("/dev/pts/0");
  assertEquals((await onTerminal(bundle, "tty")).lines, ["/dev/pts/1"]);
  first.type("\r");
  assertEquals((await first.finished(running)).code, 3);
});

Deno.test("^C ends the program of exec -t, whose status is 130, and the terminal is as before", async () => {
  using pty = openPty();
  const before = pty.modes();
  await using bundle = await sleeper();
  const words = ["sh", "-c", "echo up; exec sleep 100"];
  const running = pty.spawn(bundle, "exec", "-t", bundle.id, ...words);
  await pty.shows("up");
  pty.type("\x03");
  assertEquals((await pty.finished(running)).code, 130);
  assertEquals(pty.modes(), before);
});

Deno.test("the caller's terminal is as before when exec -t cannot start its program", async () => {
  using pty = openPty();
  const before = pty.modes();
  await using bundle = await sleeper();
  const running = pty.spawn(
    bundle,
    ...["exec", "-t", bundle.id, "/no/such/program"],
  );
  const { code } = await pty.finished(running);
  assertEquals(code, 255);
  assertEquals(pty.modes(), before);
});

Deno.test("exec --detach sends the terminal's master to the console socket", async () => {
  await using bundle = await sleeper();
  const path = `${bundle.folder}/console`;
  const listener = spawn(bundle.folder, [program("pty_listener"), path]);
  await eventually("listener", () => listener.stdout() === "listening\n");
  const file = `${bundle.folder}/process.json`;
  const pidFile = `${bundle.folder}/pid`;
  Deno.writeTextFileSync(
    file,
    JSON.stringify({
      terminal: true,
      consoleSize: { height: 9, width: 90 },
      user: { uid: 0, gid: 0 },
      args: ["sh", "-c", "tty; stty size; exit 4"],
      cwd: "/",
      env: ["PATH=/usr/bin:/bin"],
    }),
  );
  await bundle.ok(
    ...["exec", "--detach", "--console-socket", path],
    ...["--process", file, "--pid-file", pidFile, bundle.id],
  );
  const pid = Number(Deno.readTextFileSync(pidFile));
  assertEquals(await waitForOrphan(pid), 4);
  assertMatch(
    (await listener.finished()).stdout,
    /^got 1 \S+ 9 90\n\/dev\/pts\/0\r\n9 90\r\n$/m,
  );
});

Deno.test("exec --detach refuses a terminal without a console socket", async () => {
  await using bundle = await sleeper();
  const { code, stderr } = await bundle.runtime(
    ...["exec", "--detach", "-t", bundle.id, "true"],
  );
  assertEquals(code, 255);
  assertMatch(
    stderr,
    /cannot allocate tty if \w+ will detach without setting console socket/,
  );
});
