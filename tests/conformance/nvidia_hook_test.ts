import { assertEquals, assertMatch } from "../support/assert.ts";
import { type Bundle, makeBundle, outputOf } from "../support/bundle.ts";
import { program } from "../support/fixture.ts";
import type { Spec, SpecHook } from "../support/spec.ts";

const LIBRARY = "libburrowanswer.so.1";

/** A createContainer hook that refreshes the loader's cache as NVIDIA's does. */
function ldcacheHook(...folders: string[]): SpecHook {
  const path = program("nvidia_like_hook");
  const args = folders.flatMap((folder) => ["--folder", folder]);
  return { path, args: ["nvidia_like_hook", ...args], env: ["DEBUG=false"] };
}

/** Binds the library of the fixtures over `destination`, read-only. */
function bindLibrary(spec: Spec, destination: string): void {
  spec.mounts.push({
    destination,
    type: "bind",
    source: program("answer.so"),
    options: ["ro", "nosuid", "nodev", "rbind", "rprivate"],
  });
}

/** A Debian spec with the library bound in and the hook that announces it. */
function withLibrary(spec: Spec): void {
  bindLibrary(spec, `/opt/answer/${LIBRARY}`);
  spec.hooks = { createContainer: [ldcacheHook("/opt/answer")] };
}

Deno.test("the program finds a library that mounts bind in and a hook announces", async () => {
  const cache = await outputOf({
    rootfs: "debian",
    args: ["ldconfig", "-p"],
    edit: withLibrary,
  });
  assertMatch(cache, new RegExp(`${LIBRARY} .* => /opt/answer/${LIBRARY}`));
});

Deno.test("without the hook the program does not find the library", async () => {
  const cache = await outputOf({
    rootfs: "debian",
    args: ["ldconfig", "-p"],
    edit: (spec) => bindLibrary(spec, `/opt/answer/${LIBRARY}`),
  });
  assertEquals(cache.includes(LIBRARY), false);
});

Deno.test("the program loads the library through the cache that the hook made", async () => {
  await using bundle = makeBundle({
    rootfs: "debian",
    programs: ["dlopen_probe"],
    args: ["/test/dlopen_probe", LIBRARY],
    edit: withLibrary,
  });
  const { code, stderr } = await bundle.run();
  assertEquals(code, 42, stderr);
});

Deno.test("a library folder is found as a library file is", async () => {
  await using bundle = makeBundle({
    rootfs: "debian",
    programs: ["dlopen_probe"],
    args: ["/test/dlopen_probe", LIBRARY],
    edit: (spec, { folder }) => {
      Deno.mkdirSync(`${folder}/driver`);
      Deno.copyFileSync(program("answer.so"), `${folder}/driver/${LIBRARY}`);
      spec.mounts.push({
        destination: "/usr/local/driver",
        source: `${folder}/driver`,
        options: ["rbind", "ro"],
      });
      spec.hooks = { createContainer: [ldcacheHook("/usr/local/driver")] };
    },
  });
  const { code, stderr } = await bundle.run();
  assertEquals(code, 42, stderr);
});

/** Runs the probe in a bundle that `edit` has changed, through create/start. */
async function probe(
  edit: (spec: Spec, bundle: Bundle) => void,
): Promise<number> {
  await using bundle = makeBundle({
    rootfs: "debian",
    programs: ["dlopen_probe"],
    args: ["/test/dlopen_probe", LIBRARY],
    edit: (spec, made) => {
      withLibrary(spec);
      edit(spec, made);
    },
  });
  return (await bundle.run()).code;
}

Deno.test("the hook works where root.path is absolute", async () => {
  const code = await probe((spec, { rootfs }) => {
    spec.root.path = rootfs;
  });
  assertEquals(code, 42);
});

Deno.test("the hook works where the root is to be read-only afterwards", async () => {
  // crun 1.15 made the root read-only first, and every such hook failed.
  const code = await probe((spec) => {
    spec.root.readonly = true;
  });
  assertEquals(code, 42);
});

Deno.test("the hook works where the root propagates as rslave", async () => {
  const code = await probe((spec) => {
    spec.linux.rootfsPropagation = "rslave";
  });
  assertEquals(code, 42);
});

Deno.test("two hooks run one after the other, each in a fresh root", async () => {
  const code = await probe((spec) => {
    const hook = ldcacheHook("/opt/answer");
    spec.hooks = { createContainer: [ldcacheHook("/opt/other"), hook] };
  });
  assertEquals(code, 42);
});

Deno.test("the hook gets an absolute bundle where --bundle is relative", async () => {
  await using bundle = makeBundle({
    rootfs: "debian",
    programs: ["dlopen_probe"],
    args: ["/test/dlopen_probe", LIBRARY],
    edit: withLibrary,
  });
  const { code, stderr } = await bundle.runtimeWith(
    { cwd: bundle.folder },
    ...["run", "--bundle", "bundle", bundle.id],
  );
  assertEquals(code, 42, stderr);
});

Deno.test("the bundle is the current folder where --bundle is absent", async () => {
  await using bundle = makeBundle({
    rootfs: "debian",
    programs: ["dlopen_probe"],
    args: ["/test/dlopen_probe", LIBRARY],
    edit: withLibrary,
  });
  const { code, stderr } = await bundle.runtimeWith(
    { cwd: bundle.path },
    ...["run", bundle.id],
  );
  assertEquals(code, 42, stderr);
});

Deno.test("mounts that the hook made are not in the container", async () => {
  await using bundle = makeBundle({
    rootfs: "debian",
    args: ["cat", "/proc/self/mountinfo"],
    edit: withLibrary,
  });
  const { stdout } = await bundle.run();
  assertEquals(stdout.includes("nvidia-like-hook"), false, stdout);
});

Deno.test("the hook's edits stay in the bundle's root", async () => {
  await using bundle = makeBundle({ rootfs: "debian", edit: withLibrary });
  await bundle.ok("run", "--bundle", bundle.path, bundle.id);
  const edits = (root: string) =>
    [...Deno.readDirSync(`${root}/etc/ld.so.conf.d`)]
      .filter(({ name }) => name.startsWith("00-hook-")).length;
  assertEquals(edits(bundle.rootfs), 1, "files in the container");
  assertEquals(edits(""), 0, "files on the host");
});
