import {
  assert,
  assertEquals,
  assertExcludes,
  assertIncludes,
} from "../support/assert.ts";
import { makeBundle } from "../support/bundle.ts";
import { readTrace } from "../support/breakpoint.ts";
import { program } from "../support/fixture.ts";
import {
  makeReadOnlyRoot,
  type ReadOnlyKind,
  useRoot,
} from "../support/image.ts";
import type { Spec } from "../support/spec.ts";

const LIBRARY = "libburrowanswer.so.1";
const KINDS: ReadOnlyKind[] = ["erofs", "bind"];

/** Binds the library in where no folder is, and announces it by a hook. */
function withLibrary(spec: Spec): void {
  spec.mounts.push({
    destination: `/opt/answer/${LIBRARY}`,
    source: program("answer.so"),
    options: ["rbind", "ro"],
  });
  const path = program("nvidia_like_hook");
  const args = ["nvidia_like_hook", "--folder", "/opt/answer"];
  spec.hooks = { createContainer: [{ path, args, env: [] }] };
}

for (const kind of KINDS) {
  Deno.test(`an NVIDIA-like hook edits a ${kind} root, and the program sees it`, async () => {
    using root = makeReadOnlyRoot(kind, "debian", (tree) => {
      Deno.mkdirSync(`${tree}/test`);
      Deno.copyFileSync(program("dlopen_probe"), `${tree}/test/dlopen_probe`);
    });
    await using bundle = makeBundle({
      rootfs: "none",
      args: ["/test/dlopen_probe", LIBRARY],
      edit: withLibrary,
    });
    useRoot(bundle, root);
    const before = root.listing();
    const { code, stderr } = await bundle.run();
    assertEquals(code, 42, stderr);
    assertEquals(root.listing(), before, "what lies below the overlay");
  });

  for (const readonly of [true, false]) {
    Deno.test(`root.readonly ${readonly} is honoured over a ${kind} root after the hooks`, async () => {
      using root = makeReadOnlyRoot(kind, "busybox");
      await using bundle = makeBundle({
        rootfs: "none",
        args: ["sh", "-c", "cat /edit; touch /new && echo wrote"],
        edit: (spec) => {
          spec.root.readonly = readonly;
          const args = ["sh", "-c", "echo edit > edit"];
          spec.hooks = { createContainer: [{ path: "/bin/sh", args }] };
        },
      });
      useRoot(bundle, root);
      const { stdout, stderr } = await bundle.run();
      assertEquals(stdout, readonly ? "edit\n" : "edit\nwrote\n", stderr);
      if (readonly) assertIncludes(stderr, "Read-only file system");
    });
  }

  Deno.test(`a ${kind} root gets the mount points that it lacks, on an overlay`, async () => {
    using root = makeReadOnlyRoot(kind, "busybox");
    await using bundle = makeBundle({
      rootfs: "none",
      args: ["sh", "-c", "head -c 4 /made/passwd; head -c 4 /made-file"],
      edit: (spec) => {
        const options = ["bind", "ro"];
        spec.mounts.push(
          { destination: "/made", source: "/etc", options },
          { destination: "/made-file", source: "/etc/passwd", options },
        );
      },
    });
    useRoot(bundle, root);
    const before = root.listing();
    const { code, stdout, stderr } = await bundle.run();
    assertEquals(code, 0, stderr);
    assertEquals(stdout, "rootroot");
    assertEquals(root.listing(), before);
  });

  Deno.test(`the log says that a ${kind} root got an overlay, and the plan too`, async () => {
    using root = makeReadOnlyRoot(kind, "busybox");
    await using bundle = makeBundle({
      rootfs: "none",
      edit: (spec) => {
        spec.hooks = { createContainer: [{ path: "/bin/true" }] };
      },
    });
    useRoot(bundle, root);
    const log = `${bundle.folder}/log`;
    const trace = `${bundle.folder}/trace`;
    const run = ["run", "--bundle", bundle.path, bundle.id];
    await bundle.ok("--debug", "--log", log, "--trace", trace, ...run);
    assertIncludes(Deno.readTextFileSync(log), "overlay");
    const open = readTrace(trace).find(({ name }) => name === "open-root");
    assertEquals((open?.args as { overlay: boolean }).overlay, true);
  });

  Deno.test(`a ${kind} root that needs nothing gets no overlay`, async () => {
    using root = makeReadOnlyRoot(kind, "busybox");
    await using bundle = makeBundle({ rootfs: "none" });
    useRoot(bundle, root);
    const trace = `${bundle.folder}/trace`;
    const run = ["run", "--bundle", bundle.path, bundle.id];
    await bundle.ok("--trace", trace, ...run);
    const open = readTrace(trace).find(({ name }) => name === "open-root");
    assertEquals((open?.args as { overlay: boolean }).overlay, false);
  });
}

Deno.test("a writable root gets no overlay, whatever its hooks do", async () => {
  await using bundle = makeBundle({
    edit: (spec) => {
      spec.root.readonly = true;
      const args = ["sh", "-c", "echo edit > edit"];
      spec.hooks = { createContainer: [{ path: "/bin/sh", args }] };
    },
  });
  const run = ["run", "--bundle", bundle.path, bundle.id];
  await bundle.ok(...run);
  assertEquals(Deno.readTextFileSync(`${bundle.rootfs}/edit`), "edit\n");
});

Deno.test("the overlay's edits live as long as the container", async () => {
  using root = makeReadOnlyRoot("erofs", "busybox");
  await using bundle = makeBundle({
    rootfs: "none",
    args: ["sh", "-c", "ls /; echo x > /left"],
    edit: (spec) => {
      spec.hooks = { createContainer: [{ path: "/bin/true" }] };
    },
  });
  useRoot(bundle, root);
  for (let i = 0; i < 2; i++) {
    const { code, stdout, stderr } = await bundle.run();
    assertEquals(code, 0, stderr);
    assertExcludes(stdout, "left");
    assert(stdout.includes("bin"), stdout);
  }
});
