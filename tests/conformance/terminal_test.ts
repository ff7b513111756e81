import {
  assert,
  assertEquals,
  assertExcludes,
  assertIncludes,
  assertMatch,
  eventually,
} from "../support/assert.ts";
import type { Bundle, BundleOptions } from "../support/bundle.ts";
import { makeBundle } from "../support/bundle.ts";
import { openPty } from "../support/pty.ts";
import { mapUser } from "../support/spec.ts";

/** A bundle whose program has a terminal; `script` is its shell's. */
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

/** Runs a script on a terminal to its end: the status, the screen's lines. */
async function onTerminal(
  script: string,
  edit?: NonNullable<BundleOptions["edit"]>,
): Promise<{ code: number; lines: string[] }> {
  using pty = openPty();
  await using bundle = terminalBundle(script, edit);
  const { code } = await pty.finished(pty.run(bundle));
  return { code, lines: pty.screen().trimEnd().split("\r\n") };
}

Deno.test("the program's three streams are a terminal of its own devpts", async () => {
  const { code, lines } = await onTerminal(
    "tty; for i in 0 1 2; do test -t $i && echo $i; done; ls -1 /dev/pts",
  );
  assertEquals(lines, ["/dev/pts/0", "0", "1", "2", "0", "ptmx"]);
  assertEquals(code, 0);
});

Deno.test("/dev/console is the program's terminal", async () => {
  const { lines } = await onTerminal(
    "stat -c %t:%T /dev/console /dev/pts/0; echo hello >/dev/console",
  );
  const [console, pts, ...rest] = lines;
  assertMatch(console ?? "", /^88:/);
  assertEquals([pts, ...rest], [console, "hello"]);
});

Deno.test("the terminal is the program's controlling terminal", async () => {
  const { lines } = await onTerminal(
    "echo hello >/dev/tty; cut -d' ' -f6-8 /proc/self/stat",
  );
  // Session 1, on 136:0, whose foreground group it is.
  assertEquals(lines[0], "hello");
  assertMatch(lines[1] ?? "", /^1 34816 1$/);
});

Deno.test("the program with a terminal has no descriptors but 0, 1 and 2", async () => {
  const { lines } = await onTerminal("ls /proc/1/fd; exit 0");
  assertEquals(lines.join(" ").split(/\s+/), ["0", "1", "2"]);
});

/** Waits for the size (runc sets it once the program runs), and shows it. */
const SHOW_SIZE = "for i in $(seq 100); do " +
  '[ "$(stty size 2>/dev/null)" = "33 101" ] && break; sleep 0.05; done; ' +
  "stty size";

Deno.test("the terminal is as large as the caller's", async () => {
  const { lines } = await onTerminal(SHOW_SIZE);
  assertEquals(lines, ["33 101"]);
});

Deno.test("the caller's size goes before consoleSize", async () => {
  const { lines } = await onTerminal(SHOW_SIZE, (spec) => {
    spec.process.consoleSize = { height: 7, width: 70 };
  });
  assertEquals(lines, ["33 101"]);
});

Deno.test("a change of the caller's size arrives, with SIGWINCH", async () => {
  using pty = openPty();
  await using bundle = terminalBundle(
    "trap 'stty size; exit 4' WINCH; echo up; while :; do sleep 0.05; done",
  );
  const running = pty.run(bundle);
  await pty.shows("up");
  pty.resize(11, 22);
  assertEquals((await pty.finished(running)).code, 4);
  assertIncludes(pty.screen(), "11 22");
});

Deno.test("^C ends the program's foreground job, and run says 130", async () => {
  using pty = openPty();
  await using bundle = terminalBundle("echo up; sleep 100; exit $?");
  const running = pty.run(bundle);
  await pty.shows("up");
  pty.type("\x03");
  assertEquals((await pty.finished(running)).code, 130);
});

Deno.test("run exits with 128 + 2 when ^C ends the program itself", async () => {
  using pty = openPty();
  await using bundle = makeBundle({
    args: ["sh", "-c", "echo up; exec sleep 100"],
    edit: (spec) => {
      spec.process.terminal = true;
      // As the first of a pid namespace it would be deaf to it.
      spec.linux.namespaces = spec.linux.namespaces
        .filter(({ type }) => type !== "pid");
    },
  });
  const running = pty.run(bundle);
  await pty.shows("up");
  pty.type("\x03");
  assertEquals((await pty.finished(running)).code, 130);
});

Deno.test("an interactive shell has job control", async () => {
  using pty = openPty();
  await using bundle = makeBundle({
    args: ["sh", "-i"],
    edit: (spec) => {
      spec.process.terminal = true;
      spec.process.env.push("PS1=ready> ");
    },
  });
  const running = pty.run(bundle);
  const prompts = (count: number) =>
    eventually(
      `prompt ${count}`,
      () => pty.screen().split("ready> ").length > count,
    );
  await prompts(1);
  // Shown once the job runs: before that, a shell's child is deaf to ^Z.
  pty.type("sh -c 'echo g''o; exec sleep 100'\r");
  await pty.shows("go\r\n");
  pty.type("\x1a");
  await prompts(2);
  assertIncludes(pty.screen(), "Stopped");
  pty.type("fg\r");
  await eventually("sleep again", () => pty.screen().split("sleep").length > 3);
  pty.type("\x03");
  await prompts(3);
  pty.type("exit 7\r");
  assertEquals((await pty.finished(running)).code, 7);
  assertExcludes(pty.screen(), "can't access tty");
});

Deno.test("the caller's terminal is raw while the program runs, and then as before", async () => {
  using pty = openPty();
  const before = pty.modes();
  await using bundle = terminalBundle("echo up; read line; echo got $line");
  const running = pty.run(bundle);
  await pty.shows("up");
  assert(pty.modes() !== before, "the terminal is not raw");
  pty.type("hello\r");
  assertEquals((await pty.finished(running)).code, 0);
  assertEquals(pty.modes(), before);
  // Once by the program's terminal, not by the caller's too.
  assertEquals(pty.screen(), "up\r\nhello\r\ngot hello\r\n");
});

Deno.test("the caller's terminal is as before when the program is killed", async () => {
  using pty = openPty();
  const before = pty.modes();
  await using bundle = terminalBundle("echo up; sleep 100");
  const running = pty.run(bundle);
  await pty.shows("up");
  await bundle.ok("kill", bundle.id, "KILL");
  assertEquals((await pty.finished(running)).code, 137);
  assertEquals(pty.modes(), before);
});

for (const signal of ["SIGTERM", "SIGHUP", "SIGUSR1"] as const) {
  Deno.test(`run on a terminal forwards ${signal}, and leaves the terminal as before`, async () => {
    using pty = openPty();
    const before = pty.modes();
    const name = signal.slice(3);
    await using bundle = terminalBundle(
      `trap 'echo got; exit 5' ${name}; echo up; while :; do sleep 0.05; done`,
    );
    const running = pty.run(bundle);
    await pty.shows("up");
    running.kill(signal);
    assertEquals((await pty.finished(running)).code, 5);
    assertIncludes(pty.screen(), "got");
    assertEquals(pty.modes(), before);
  });
}

Deno.test("the caller's terminal is as before when the program cannot start", async () => {
  using pty = openPty();
  const before = pty.modes();
  await using bundle = makeBundle({
    args: ["/no/such/program"],
    edit: (spec) => {
      spec.process.terminal = true;
    },
  });
  const { code } = await pty.finished(pty.run(bundle));
  assert(code !== 0);
  assertMatch(pty.screen(), /no such file or directory/);
  assertEquals(pty.modes(), before);
});

Deno.test("five megabytes pass through the terminal without loss", async () => {
  using pty = openPty();
  await using bundle = terminalBundle(
    "yes 0123456789abcdef | head -n 300000; echo end",
  );
  const { code } = await pty.finished(pty.run(bundle));
  const lines = pty.screen().split("\r\n");
  assertEquals(code, 0);
  assertEquals(lines.length, 300_002);
  assertEquals(new Set(lines), new Set(["0123456789abcdef", "end", ""]));
});

Deno.test("what the program writes last is not lost", async () => {
  for (let round = 0; round < 10; round++) {
    const { lines } = await onTerminal("seq 1 400; exec echo last");
    assertEquals(lines.length, 401);
    assertEquals(lines.at(-1), "last");
  }
});

Deno.test("output to a file is not blocked by a terminal on input, and has no carriage returns", async () => {
  using pty = openPty();
  await using bundle = terminalBundle("echo one; echo two; tty");
  const running = bundle.spawn(
    {
      wrap: ["setsid", "--ctty"],
      redirect: `0<>${pty.path} 2>&0`,
    },
    ...["run", "--bundle", bundle.path, bundle.id],
  );
  const { code, stdout } = await pty.finished(running);
  assertEquals([code, stdout], [0, "one\ntwo\n/dev/pts/0\n"]);
});

Deno.test("a here-document is typed into the terminal", async () => {
  using pty = openPty();
  await using bundle = terminalBundle(
    "stty -echo; read a; read b; echo $a-$b; tty",
  );
  const running = bundle.spawn(
    { stdin: "one\ntwo\n", redirect: `1<>${pty.path} 2>&1` },
    ...["run", "--bundle", bundle.path, bundle.id],
  );
  assertEquals((await pty.finished(running)).code, 0);
  assertIncludes(pty.screen(), "one-two\r\n/dev/pts/0\r\n");
});

Deno.test("an ordinary user owns its terminal", async () => {
  const { code, lines } = await onTerminal(
    "stat -c %u:%g $(tty); for f in tty stderr console; do echo $f >/dev/$f; done",
    (spec) => {
      spec.process.user = { uid: 1000, gid: 1000 };
    },
  );
  assertEquals(lines, ["1000:5", "tty", "stderr", "console"]);
  assertEquals(code, 0);
});

Deno.test("a container with a user namespace has a terminal", async () => {
  const { code, lines } = await onTerminal(
    `tty; stat -c %u $(tty); ${SHOW_SIZE}; echo hello >/dev/console`,
    (spec) => mapUser(spec),
  );
  assertEquals(lines, ["/dev/pts/0", "0", "33 101", "hello"]);
  assertEquals(code, 0);
});

Deno.test("a file in the place of /dev/pts/ptmx is no terminal", async () => {
  using pty = openPty();
  await using bundle = terminalBundle("true", (spec, bundle) => {
    const fake = `${bundle.folder}/fake`;
    Deno.mkdirSync(fake);
    Deno.writeTextFileSync(`${fake}/ptmx`, "");
    spec.mounts = spec.mounts.map((mount) =>
      mount.destination === "/dev/pts"
        ? { ...mount, type: "bind", source: fake, options: ["bind"] }
        : mount
    );
  });
  const { code } = await pty.finished(pty.run(bundle));
  assertEquals(code, 1, pty.screen());
  assertEquals([...Deno.readDirSync(`${bundle.folder}/fake`)].length, 1);
});

Deno.test("without a devpts there is no terminal, and run fails", async () => {
  using pty = openPty();
  await using bundle = terminalBundle("true", (spec) => {
    spec.mounts = spec.mounts
      .filter(({ destination }) => destination !== "/dev/pts");
  });
  assertEquals((await pty.finished(pty.run(bundle))).code, 1);
});
