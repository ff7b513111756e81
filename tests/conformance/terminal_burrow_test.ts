import {
  assertEquals,
  assertGone,
  assertIncludes,
  assertMatch,
  eventually,
} from "../support/assert.ts";
import type { Bundle, BundleOptions } from "../support/bundle.ts";
import { makeBundle } from "../support/bundle.ts";
import { program } from "../support/fixture.ts";
import { openPty } from "../support/pty.ts";
import { host, spawn } from "../support/runtime.ts";

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

/** The spec's mounts without the tmpfs on /dev: the image's own is seen. */
function keepImageDev(bundle: Bundle): void {
  const { spec, rootfs } = bundle;
  spec.mounts = spec.mounts
    .filter(({ destination }) => destination !== "/dev");
  Deno.mkdirSync(`${rootfs}/dev`, { recursive: true });
}

Deno.test("the terminal has its size before the program runs", async () => {
  using pty = openPty();
  await using bundle = terminalBundle("stty size");
  assertEquals((await pty.finished(pty.run(bundle))).code, 0);
  assertEquals(pty.screen(), "33 101\r\n");
});

Deno.test("a symbolic link in the place of /dev/console is not followed", async () => {
  using pty = openPty();
  await using bundle = terminalBundle("true", (_, made) => {
    keepImageDev(made);
    Deno.symlinkSync("/victim", `${made.rootfs}/dev/console`);
  });
  assertEquals((await pty.finished(pty.run(bundle))).code, 1);
  assertMatch(
    pty.screen(),
    /"\/dev\/console" of the container is a symbolic link/,
  );
  assertGone(`${bundle.rootfs}/victim`);
});

Deno.test("/dev/console is made in an image whose /dev has none", async () => {
  using pty = openPty();
  await using bundle = terminalBundle(
    "echo hello >/dev/console; mount | grep -c ' /dev/console '",
    (_, made) => keepImageDev(made),
  );
  const { code } = await pty.finished(pty.run(bundle));
  assertEquals([code, pty.screen()], [0, "hello\r\n1\r\n"]);
});

Deno.test("a symbolic link in the place of /dev/pts is not followed", async () => {
  using pty = openPty();
  await using bundle = terminalBundle("true", (spec, made) => {
    keepImageDev(made);
    const pts = spec.mounts
      .find(({ destination }) => destination === "/dev/pts");
    if (pts !== undefined) pts.destination = "/elsewhere";
    Deno.symlinkSync("/elsewhere", `${made.rootfs}/dev/pts`);
  });
  assertEquals((await pty.finished(pty.run(bundle))).code, 1);
  assertMatch(pty.screen(), /no terminal can be made in "\/dev\/pts"/);
});

for (const [what, make] of [["file", "touch"], ["device", "mknod"]] as const) {
  Deno.test(`a ${what} mounted over /dev/pts/ptmx is refused`, async () => {
    using pty = openPty();
    await using bundle = terminalBundle("true", (spec, made) => {
      const source = `${made.folder}/fake`;
      // The host's ptmx: a terminal, but not of the container's devpts.
      if (make === "mknod") host("mknod", source, "c", "5", "2");
      else host("touch", source);
      spec.mounts.push({
        destination: "/dev/pts/ptmx",
        type: "bind",
        source,
        options: ["bind"],
      });
    });
    assertEquals((await pty.finished(pty.run(bundle))).code, 1);
    assertMatch(pty.screen(), /something is mounted over it/);
  });
}

Deno.test("without a devpts the error says what is missing", async () => {
  using pty = openPty();
  await using bundle = terminalBundle("true", (spec) => {
    spec.mounts = spec.mounts
      .filter(({ destination }) => destination !== "/dev/pts");
  });
  assertEquals((await pty.finished(pty.run(bundle))).code, 1);
  assertIncludes(pty.screen(), "needs a mount of type devpts on /dev/pts");
});

Deno.test("a console socket's path may be longer than an address", async () => {
  await using bundle = terminalBundle("tty");
  const folder = `${bundle.folder}/${"long-".repeat(30)}`;
  Deno.mkdirSync(folder);
  const path = `${folder}/console`;
  const listener = spawn(bundle.folder, [program("pty_listener"), path]);
  await eventually("listener", () => listener.stdout() === "listening\n");
  await bundle.ok(
    ...["run", "--detach", "--console-socket", path],
    ...["--bundle", bundle.path, bundle.id],
  );
  assertMatch((await listener.finished()).stdout, /^\/dev\/pts\/0\r$/m);
});

Deno.test("run on a terminal forwards SIGINT", async () => {
  // runc 1.1.5 exits, with status 0, and leaves the container behind.
  using pty = openPty();
  const before = pty.modes();
  await using bundle = terminalBundle(
    "trap 'echo got; exit 5' INT; echo up; while :; do sleep 0.05; done",
  );
  const running = pty.run(bundle);
  await pty.shows("up");
  running.kill("SIGINT");
  assertEquals((await pty.finished(running)).code, 5);
  assertEquals(pty.modes(), before);
});

Deno.test("the end of redirected input is the end of the terminal's", async () => {
  // runc 1.1.5 tells the program nothing, which then waits for ever.
  for (const stdin of ["one\ntwo\n", "one\ntwo", ""]) {
    await using bundle = terminalBundle("stty -echo; cat; echo end");
    const { code, stdout } = await bundle.run({ stdin, deadlineMs: 20_000 });
    assertEquals(code, 0);
    assertEquals(stdout.split("\n").at(-2)?.replace(/^two/, ""), "end");
    if (stdin !== "") assertMatch(stdout, /one\ntwo/);
  }
});

Deno.test("run has a terminal made for its program where it has none itself", async () => {
  // runc 1.1.5 wants one of its own.
  await using bundle = terminalBundle("tty; exit 3");
  const { code, stdout } = await bundle.run({ wrap: ["setsid"] });
  assertEquals([code, stdout], [3, "/dev/pts/0\n"]);
});

Deno.test("a terminal that the program closes and opens again goes on", async () => {
  using pty = openPty();
  await using bundle = terminalBundle(
    "exec <&- >&- 2>&-; sleep 0.5; exec sh -c 'echo again' >/dev/console",
  );
  assertEquals((await pty.finished(pty.run(bundle))).code, 0);
  assertEquals(pty.screen(), "again\r\n");
});

Deno.test("the program does not wait for a reader that is gone", async () => {
  using pty = openPty();
  await using bundle = terminalBundle("yes | head -n 100000; exit 4");
  const running = bundle.spawn(
    {
      wrap: ["sh", "-c", '"$@" | true; exit ${PIPESTATUS:-0}', "sh"],
      redirect: `0<>${pty.path}`,
      deadlineMs: 20_000,
    },
    ...["run", "--bundle", bundle.path, bundle.id],
  );
  await pty.finished(running);
  await eventually("the container is gone", () => {
    return [...Deno.readDirSync(bundle.stateRoot)].length === 0;
  });
});

Deno.test("do has a terminal when it is called on one", async () => {
  using pty = openPty();
  await using bundle = makeBundle();
  const running = pty.spawn(
    bundle,
    ...["do", "--", "sh", "-c", "tty; stty size; exit 9"],
  );
  assertEquals((await pty.finished(running)).code, 9, pty.screen());
  assertEquals(pty.screen(), "/dev/pts/0\r\n33 101\r\n");
});

Deno.test("do has no terminal when its output is a file", async () => {
  using pty = openPty();
  await using bundle = makeBundle();
  const running = bundle.spawn(
    { redirect: `0<>${pty.path}` },
    ...["do", "--", "sh", "-c", "test -t 1 || echo none"],
  );
  assertEquals((await pty.finished(running)).stdout, "none\n");
});
