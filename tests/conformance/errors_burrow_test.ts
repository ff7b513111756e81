import {
  assert,
  assertEquals,
  assertExcludes,
  assertGone,
  assertIncludes,
} from "../support/assert.ts";
import type { Bundle } from "../support/bundle.ts";
import { makeBundle } from "../support/bundle.ts";

/** Files that cannot be executed, and what must be told of each. */
const PROGRAMS: [what: string, make: (path: string) => void, why: string[]][] =
  [
    [
      "a script whose interpreter is missing",
      (path) => Deno.writeTextFileSync(path, "#!/bin/nosuch -x\n"),
      ["no such file or directory", '"/bin/nosuch"', "does not exist"],
    ],
    [
      "a script with CRLF",
      (path) => Deno.writeTextFileSync(path, "#!/bin/sh\r\necho hi\r\n"),
      ["no such file or directory", "CRLF", String.raw`"/bin/sh\r"`],
    ],
    [
      "a script whose interpreter's interpreter is missing",
      (path) => {
        Deno.writeTextFileSync(`${path}.inner`, "#!/bin/nosuch\n");
        Deno.chmodSync(`${path}.inner`, 0o755);
        Deno.writeTextFileSync(path, "#!/program.inner\n");
      },
      ["no such file or directory", '"/program.inner"', '"/bin/nosuch"'],
    ],
    [
      "a program whose loader is missing",
      (path) => Deno.copyFileSync("/bin/cat", path),
      ["no such file or directory", "its loader is", "ld-linux"],
    ],
    [
      "a program of another machine",
      (path) => {
        const bytes = Deno.readFileSync("/bin/cat");
        const s390x = 22;
        new DataView(bytes.buffer).setUint16(18, s390x, true);
        Deno.writeFileSync(path, bytes);
      },
      ["exec format error", "s390x"],
    ],
    [
      "an empty file",
      (path) => Deno.writeTextFileSync(path, ""),
      ["exec format error", "empty"],
    ],
    [
      "a text",
      (path) => Deno.writeTextFileSync(path, "echo hi\n"),
      ["exec format error", "neither a program nor a script"],
    ],
  ];

/** Puts a file that may be executed at /program. */
function place(bundle: Bundle, make: (path: string) => void): void {
  make(`${bundle.rootfs}/program`);
  Deno.chmodSync(`${bundle.rootfs}/program`, 0o755);
}

for (const [what, make, why] of PROGRAMS) {
  Deno.test(`start says why of ${what}`, async () => {
    await using bundle = makeBundle({ args: ["/program"] });
    place(bundle, make);
    await bundle.create();
    const { code, stderr } = await bundle.runtime("start", bundle.id);
    assertEquals(code, 1);
    for (const part of ["exec /program: ", ...why]) {
      assertIncludes(stderr, part);
    }
  });

  Deno.test(`exec says why of ${what}, and writes no pid file`, async () => {
    await using bundle = makeBundle({ args: ["sleep", "1000"] });
    place(bundle, make);
    await bundle.create();
    const pidFile = `${bundle.folder}/pid`;
    const args = ["exec", "--pid-file", pidFile, bundle.id, "/program"];
    const { code, stderr } = await bundle.runtime(...args);
    assertEquals(code, 255);
    for (const part of ["exec failed: exec /program: ", ...why]) {
      assertIncludes(stderr, part);
    }
    assertGone(pidFile);
  });
}

/** Files that may not be executed, which `create` finds out. */
const DENIED: [what: string, mode: number, options: string[], why: string][] = [
  ["is not executable", 0o644, [], "mode 0644"],
  ["is on a mount with noexec", 0o755, ["bind", "noexec"], "noexec"],
];

for (const [what, mode, options, why] of DENIED) {
  Deno.test(`create says that a program ${what}`, async () => {
    await using bundle = makeBundle({
      args: ["/dir/program"],
      edit: (spec, { folder, rootfs }) => {
        const source = options.length > 0 ? `${folder}/dir` : `${rootfs}/dir`;
        Deno.mkdirSync(source);
        Deno.writeTextFileSync(`${source}/program`, "#!/bin/sh\n");
        Deno.chmodSync(`${source}/program`, mode);
        if (options.length === 0) return;
        spec.mounts.push({ destination: "/dir", source, options });
      },
    });
    const { code, stderr } = await bundle.runtime(
      ...["create", "--bundle", bundle.path, bundle.id],
    );
    assertEquals(code, 1);
    assertIncludes(stderr, 'exec: "/dir/program": permission denied');
    assertIncludes(stderr, why);
  });
}

Deno.test("a program that is a directory is called one", async () => {
  await using bundle = makeBundle({ args: ["/etc"] });
  const { stderr } = await bundle.run();
  assertIncludes(stderr, 'exec: "/etc": is a directory');
});

Deno.test("the reason is not read through links out of the container", async () => {
  await using bundle = makeBundle({ args: ["/program"] });
  const secret = `${bundle.folder}/secret`;
  Deno.writeTextFileSync(secret, "#!/of/the/host\n");
  Deno.writeTextFileSync(`${bundle.rootfs}/program`, "#!/inner\n");
  Deno.chmodSync(`${bundle.rootfs}/program`, 0o755);
  Deno.symlinkSync(secret, `${bundle.rootfs}/inner`);
  await bundle.create();
  const { stderr } = await bundle.runtime("start", bundle.id);
  assertIncludes(stderr, '"/inner", which does not exist in the container');
  assertExcludes(stderr, "/of/the/host");
});

for (
  const args of [["--nosuch"], ["--log-format", "xml", "list"], ["nosuch"]]
) {
  Deno.test(`a fault of the command line, "${args.join(" ")}", is in the log`, async () => {
    await using bundle = makeBundle();
    const path = `${bundle.folder}/log`;
    const globals = ["--log", path, "--log-format=json"];
    const { code } = await bundle.runtime(...globals, ...args);
    assertEquals(code, 1);
    const text = Deno.readTextFileSync(path);
    assertIncludes(
      text,
      args[0] === "nosuch" ? "unknown command" : (args[0] ?? "").slice(2),
    );
    assertEquals(text.trim().split("\n").length, 1);
  });
}

for (const command of ["checkpoint", "restore"]) {
  Deno.test(`${command} refuses any command line, and has no help`, async () => {
    await using bundle = makeBundle();
    for (const args of [["--help"], ["--lsm-mount-context"], ["-x", "a"]]) {
      const { code, stdout, stderr } = await bundle.runtime(command, ...args);
      assertEquals([code, stdout], [1, ""]);
      // By these words podman and CRI-O know that it can restore into a pod.
      assertExcludes(stderr, "needs an argument");
      assertExcludes(stderr, "requires an argument");
    }
  });
}

Deno.test("exec of a descriptor that the caller did not pass is refused", async () => {
  await using bundle = makeBundle({ args: ["sleep", "1000"] });
  await bundle.create();
  const log = ["--log", `${bundle.folder}/log`];
  // The log is one of the launcher's own, and has the first free number.
  const args = [
    "exec",
    "--preserve-fds",
    "1",
    bundle.id,
    "ls",
    "/proc/self/fd",
  ];
  const { code, stderr } = await bundle.runtime(...log, ...args);
  assertEquals(code, 255);
  assertIncludes(stderr, "preserved-fd 3 (of 1)");
});

Deno.test("exec is breakable and traced by step", async () => {
  await using bundle = makeBundle({ args: ["sleep", "1000"] });
  await bundle.create();
  const trace = `${bundle.folder}/trace`;
  await bundle.ok("--trace", trace, "exec", bundle.id, "true");
  const names = Deno.readTextFileSync(trace).trim().split("\n")
    .map((line) => (JSON.parse(line) as { name: string }).name);
  assertEquals(names[0], "spawn-exec");
  assertEquals(names.at(-1), "fork-exec");
  assert(names.indexOf("join-container") < names.indexOf("credentials"));
});
