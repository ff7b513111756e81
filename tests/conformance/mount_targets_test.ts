import {
  assertEquals,
  assertExists,
  assertGone,
  assertIncludes,
} from "../support/assert.ts";
import { type Bundle, makeBundle, outputOf } from "../support/bundle.ts";
import { host, isRunc } from "../support/runtime.ts";
import type { Spec } from "../support/spec.ts";

/** Binds `source` on `destination`, read-only. */
function bind(spec: Spec, source: string, destination: string): void {
  spec.mounts.push({ destination, source, options: ["rbind", "ro"] });
}

/** Leaves a socket in the file system that nobody listens on. */
function makeSocket(path: string, mode: number): void {
  // Closing a listener of Deno's removes its file: a second name stays.
  using _listener = Deno.listen({ transport: "unix", path: `${path}.first` });
  Deno.linkSync(`${path}.first`, path);
  Deno.chmodSync(path, mode);
}

/** Runs a script after `edit`, keeps the bundle for `look`. */
async function within(
  script: string,
  edit: (spec: Spec, bundle: Bundle) => void,
  look: (bundle: Bundle, output: string) => void = () => {},
): Promise<void> {
  await using bundle = makeBundle({ args: ["sh", "-c", script], edit });
  const { code, stdout, stderr } = await bundle.run();
  assertEquals(code, 0, stderr);
  look(bundle, stdout.trimEnd());
}

Deno.test("a missing folder is made for a folder, with mode 0755", async () => {
  await within("true", (spec) => bind(spec, "/etc", "/a/b/c"), ({ rootfs }) => {
    const { isDirectory, mode } = Deno.statSync(`${rootfs}/a/b/c`);
    assertEquals([isDirectory, (mode ?? 0) & 0o777], [true, 0o755]);
  });
});

Deno.test("a missing file is made for a file, and its folders", async () => {
  const edit = (spec: Spec) => bind(spec, "/etc/passwd", "/a/b/users");
  await within("grep -q root: /a/b/users", edit, ({ rootfs }) => {
    const { isFile, size } = Deno.statSync(`${rootfs}/a/b/users`);
    assertEquals([isFile, size], [true, 0]);
  });
});

Deno.test("a file is bound over a file", async () => {
  await within("cat /etc/passwd", (spec, { folder }) => {
    Deno.writeTextFileSync(`${folder}/users`, "mine");
    bind(spec, `${folder}/users`, "/etc/passwd");
  }, (_, output) => assertEquals(output, "mine"));
});

Deno.test("an existing unix socket is a target and a source", async () => {
  await within("test -S /run/sock && stat -c %a /run/sock", (spec, bundle) => {
    Deno.mkdirSync(`${bundle.rootfs}/run`, { recursive: true });
    makeSocket(`${bundle.rootfs}/run/sock`, 0o600);
    makeSocket(`${bundle.folder}/sock`, 0o640);
    bind(spec, `${bundle.folder}/sock`, "/run/sock");
  }, (_, output) => assertEquals(output, "640"));
});

Deno.test("an existing fifo is a target and a source", async () => {
  await within("test -p /pipe && stat -c %a /pipe", (spec, bundle) => {
    host("mkfifo", "-m", "600", `${bundle.rootfs}/pipe`);
    host("mkfifo", "-m", "640", `${bundle.folder}/pipe`);
    bind(spec, `${bundle.folder}/pipe`, "/pipe");
  }, (_, output) => assertEquals(output, "640"));
});

Deno.test("a device node is a source", async () => {
  await within("test -c /dev/mine && echo x > /dev/mine", (spec) => {
    const options = ["bind", "rw"];
    spec.mounts.push({
      destination: "/dev/mine",
      source: "/dev/null",
      options,
    });
  });
});

for (
  const [what, link] of [
    ["an absolute link", "/inside"],
    ["a relative link", "inside"],
    ["a link that climbs above the root", "../../../../inside"],
  ] as const
) {
  Deno.test(`${what} in a destination is followed within the root`, async () => {
    await within("cat /inside/sub/passwd | head -c 4", (spec, { rootfs }) => {
      Deno.mkdirSync(`${rootfs}/inside`);
      Deno.symlinkSync(link, `${rootfs}/link`);
      bind(spec, "/etc", "/link/sub");
    }, ({ rootfs }, output) => {
      assertEquals(output, "root");
      assertExists(`${rootfs}/inside/sub`);
    });
  });
}

Deno.test("a link to a folder of the host does not lead there", async () => {
  await within("cat /link/sub/passwd | head -c 4", (spec, bundle) => {
    const outside = `${bundle.folder}/outside`;
    Deno.mkdirSync(outside);
    Deno.symlinkSync(outside, `${bundle.rootfs}/link`);
    bind(spec, "/etc", "/link/sub");
  }, ({ folder }, output) => {
    assertEquals(output, "root");
    assertGone(`${folder}/outside/sub`);
  });
});

Deno.test("a last component that is a link is followed within the root", async () => {
  await within("cat /real/passwd | head -c 4", (spec, { rootfs }) => {
    Deno.mkdirSync(`${rootfs}/real`);
    Deno.symlinkSync("/real", `${rootfs}/link`);
    bind(spec, "/etc", "/link");
  }, (_, output) => assertEquals(output, "root"));
});

Deno.test("dots in a destination do not climb out of the root", async () => {
  await within("cat /up/passwd | head -c 4", (spec) => {
    bind(spec, "/etc", "/../../a/../up");
  }, ({ rootfs, folder }, output) => {
    assertEquals(output, "root");
    assertExists(`${rootfs}/up`);
    assertGone(`${folder}/up`);
  });
});

Deno.test("a proc whose destination is a link is refused", async () => {
  // CVE-2023-27561 and CVE-2023-28642.
  await using bundle = makeBundle();
  Deno.removeSync(`${bundle.rootfs}/proc`, { recursive: true });
  Deno.mkdirSync(`${bundle.rootfs}/elsewhere`);
  Deno.symlinkSync("/elsewhere", `${bundle.rootfs}/proc`);
  const { code, stderr } = await bundle.run();
  assertEquals(code, 1);
  assertIncludes(stderr, "/proc");
});

Deno.test("a bind below /proc is refused", async () => {
  // CVE-2019-16884: it hid the files that labels are written to.
  await using bundle = makeBundle({
    edit: (spec) => bind(spec, "/etc", "/proc/self/attr"),
  });
  const { code, stderr } = await bundle.run();
  assertEquals(code, 1);
  assertIncludes(stderr, "/proc");
});

Deno.test("a bind over /proc/cpuinfo is allowed", async () => {
  const seen = await outputOf({
    args: ["head", "-c", "4", "/proc/cpuinfo"],
    edit: (spec) => bind(spec, "/etc/passwd", "/proc/cpuinfo"),
  });
  assertEquals(seen, "root");
});

Deno.test("a mount on the root itself is refused", async () => {
  await using bundle = makeBundle({
    edit: (spec) => bind(spec, "/etc", "/"),
  });
  const { code } = await bundle.run();
  // runc 1.1.5 mounts it, below what it then pivots into.
  if (!isRunc()) assertEquals(code, 1);
});
