import { assertEquals, assertIncludes } from "../support/assert.ts";
import { type Bundle, makeBundle } from "../support/bundle.ts";
import { program } from "../support/fixture.ts";
import type { Spec } from "../support/spec.ts";

const LIBRARY = "libburrowanswer.so.1";

/** A bundle with the library and its hook, whose root.path `edit` changes. */
async function probe(
  edit: (spec: Spec, bundle: Bundle) => void,
): Promise<number> {
  await using bundle = makeBundle({
    rootfs: "debian",
    programs: ["dlopen_probe"],
    args: ["/test/dlopen_probe", LIBRARY],
    edit: (spec, made) => {
      spec.mounts.push({
        destination: `/opt/answer/${LIBRARY}`,
        source: program("answer.so"),
        options: ["rbind", "ro"],
      });
      const path = program("nvidia_like_hook");
      const args = ["nvidia_like_hook", "--folder", "/opt/answer"];
      spec.hooks = { createContainer: [{ path, args, env: [] }] };
      edit(spec, made);
    },
  });
  const { code, stderr } = await bundle.run();
  assertEquals(code, 42, stderr);
  return code;
}

Deno.test("root.path may be a symlink: the hook finds the container's root", async () => {
  await probe((spec, { path }) => {
    Deno.symlinkSync("rootfs", `${path}/link`);
    spec.root.path = "link";
  });
});

Deno.test("root.path may lead through a symlinked folder", async () => {
  await probe((spec, { path, folder }) => {
    Deno.symlinkSync(path, `${folder}/elsewhere`);
    spec.root.path = `${folder}/elsewhere/rootfs`;
  });
});

Deno.test("the bundle may be named by a symlink", async () => {
  await using bundle = makeBundle({ args: ["sh", "-c", "exit 6"] });
  Deno.symlinkSync(bundle.path, `${bundle.folder}/link`);
  const args = ["run", "--bundle", `${bundle.folder}/link`, bundle.id];
  assertEquals((await bundle.runtime(...args)).code, 6);
});

/** A spec that runs on the host's own tree. */
function onHost(spec: Spec, script: string): void {
  spec.root.path = "/";
  spec.process.args = ["/bin/sh", "-c", script];
}

Deno.test("root.path / runs a program on the host's tree", async () => {
  await using bundle = makeBundle({
    rootfs: "none",
    edit: (spec, { folder }) =>
      onHost(spec, `cat ${folder}/mark; echo $$; ls /proc | grep -c '^[0-9]'`),
  });
  Deno.writeTextFileSync(`${bundle.folder}/mark`, "mark ");
  const { code, stdout, stderr } = await bundle.run();
  assertEquals(code, 0, stderr);
  assertEquals(stdout, "mark 1\n3\n");
});

Deno.test("root.path / leaves the host's mounts as they were", async () => {
  await using bundle = makeBundle({
    rootfs: "none",
    edit: (spec, { folder }) => {
      onHost(spec, "true");
      Deno.mkdirSync(`${folder}/target`);
      const destination = `${folder}/target`;
      spec.mounts.push({ destination, type: "tmpfs" });
    },
  });
  const before = Deno.readTextFileSync("/proc/self/mountinfo");
  const { code, stderr } = await bundle.run();
  assertEquals(code, 0, stderr);
  // The leak check compares as well; this names the table.
  assertEquals(Deno.readTextFileSync("/proc/self/mountinfo"), before);
});

Deno.test("a createContainer hook that only looks works with root.path /", async () => {
  await using bundle = makeBundle({
    rootfs: "none",
    edit: (spec, { folder }) => {
      onHost(spec, "true");
      const args = [
        "sh",
        "-c",
        `ls proc/1 > /dev/null && echo > ${folder}/ran`,
      ];
      spec.hooks = { createContainer: [{ path: "/bin/sh", args }] };
    },
  });
  const { code, stderr } = await bundle.run();
  assertEquals(code, 0, stderr);
  assertEquals(Deno.readTextFileSync(`${bundle.folder}/ran`), "\n");
});

Deno.test("a hook that refuses root.path / is reported in its own words", async () => {
  await using bundle = makeBundle({
    rootfs: "none",
    edit: (spec) => {
      onHost(spec, "true");
      const path = program("nvidia_like_hook");
      const args = ["nvidia_like_hook", "--folder", "/nowhere"];
      spec.hooks = { createContainer: [{ path, args }] };
    },
  });
  const { code, stderr } = await bundle.run();
  assertEquals(code, 1);
  assertIncludes(stderr, "refusing to work on the root /");
});
