import { assertEquals, assertGone, assertIncludes } from "../support/assert.ts";
import { makeBundle, shell } from "../support/bundle.ts";

/** Runs a script in a root that has /secret/key and /single. */
function withSecrets(
  script: string,
  edit: Parameters<typeof shell>[1],
): Promise<string> {
  return shell(script, (spec, bundle) => {
    Deno.mkdirSync(`${bundle.rootfs}/secret`);
    Deno.writeTextFileSync(`${bundle.rootfs}/secret/key`, "secret");
    Deno.writeTextFileSync(`${bundle.rootfs}/single`, "secret");
    edit?.(spec, bundle);
  });
}

Deno.test("a masked file is empty and takes no write", async () => {
  const script = "cat /single; stat -c %t:%T /single";
  const seen = await withSecrets(script, (spec) => {
    spec.linux.maskedPaths = ["/single"];
  });
  // What hides it is the null device.
  assertEquals(seen, "1:3");
});

Deno.test("a masked directory is empty and read-only", async () => {
  const script = "ls -A /secret; touch /secret/new 2>&1; exit 0";
  const seen = await withSecrets(script, (spec) => {
    spec.linux.maskedPaths = ["/secret"];
  });
  assertIncludes(seen, "Read-only file system");
  assertEquals(seen.includes("key"), false);
});

Deno.test("masking leaves the root's own files alone", async () => {
  await using bundle = makeBundle({
    edit: (spec, { rootfs }) => {
      Deno.writeTextFileSync(`${rootfs}/single`, "secret");
      spec.linux.maskedPaths = ["/single"];
    },
  });
  assertEquals((await bundle.run()).code, 0);
  assertEquals(Deno.readTextFileSync(`${bundle.rootfs}/single`), "secret");
});

Deno.test("masked and read-only paths that are missing are passed over", async () => {
  await using bundle = makeBundle({
    edit: (spec) => {
      spec.linux.maskedPaths = ["/no/such", "/proc/no-such"];
      spec.linux.readonlyPaths = ["/no/such", "/proc/no-such"];
    },
  });
  const { code, stderr } = await bundle.run();
  assertEquals(code, 0, stderr);
  assertGone(`${bundle.rootfs}/no`);
});

Deno.test("the usual masked paths of proc give nothing away", async () => {
  const seen = await shell(
    "for f in kcore keys timer_list; do head -c 1 /proc/$f; done; " +
      "ls -A /sys/firmware",
  );
  assertEquals(seen, "");
});

Deno.test("a read-only path takes no write, its neighbours do", async () => {
  const script = "touch /secret/new 2>&1; touch /new && echo wrote";
  const seen = await withSecrets(script, (spec) => {
    spec.linux.readonlyPaths = ["/secret"];
  });
  assertIncludes(seen, "Read-only file system");
  assertIncludes(seen, "wrote");
});

Deno.test("a read-only path of proc takes no write and keeps its flags", async () => {
  const script = "echo 1 > /proc/sys/kernel/domainname; " +
    "grep ' /proc/sys ' /proc/self/mountinfo";
  const seen = await shell(`(${script}) 2>&1`, (spec) => {
    spec.mounts[0] = {
      ...{ destination: "/proc", type: "proc", source: "proc" },
      options: ["nosuid", "noexec", "nodev"],
    };
  });
  assertIncludes(seen, "Read-only file system");
  assertIncludes(seen, " ro,nosuid,nodev,noexec");
});

Deno.test("a read-only path covers the mounts below it", async () => {
  const script = "touch /data/new 2>&1; exit 0";
  const seen = await shell(script, (spec) => {
    spec.mounts.push({ destination: "/data", type: "tmpfs" });
    spec.linux.readonlyPaths = ["/data"];
  });
  assertIncludes(seen, "Read-only file system");
});

Deno.test("a read-only root takes no write, its mounts do", async () => {
  const script = "touch /new 2>&1; touch /data/new && touch /dev/shm/new && " +
    "echo wrote";
  const seen = await shell(script, (spec) => {
    spec.root.readonly = true;
    spec.mounts.push({ destination: "/data", type: "tmpfs" });
  });
  assertIncludes(seen, "Read-only file system");
  assertIncludes(seen, "wrote");
});

Deno.test("a read-only root gets its missing mount points and cwd all the same", async () => {
  const seen = await shell("pwd; ls -d /data", (spec) => {
    spec.root.readonly = true;
    spec.process.cwd = "/made";
    spec.mounts.push({ destination: "/data", type: "tmpfs" });
  });
  assertEquals(seen, "/made\n/data");
});

Deno.test("a tmpfs that is to be read-only is so", async () => {
  const script = "touch /data/new 2>&1; exit 0";
  const seen = await shell(script, (spec) => {
    const mount = { destination: "/data", type: "tmpfs", source: "tmpfs" };
    spec.mounts.push({ ...mount, options: ["ro"] });
  });
  assertIncludes(seen, "Read-only file system");
});

Deno.test("a root that is writable stays writable on the host", async () => {
  await using bundle = makeBundle({
    args: ["touch", "/written"],
    edit: (spec) => {
      spec.root.readonly = false;
    },
  });
  assertEquals((await bundle.run()).code, 0);
  assertEquals(Deno.statSync(`${bundle.rootfs}/written`).isFile, true);
});
