import { assertEquals, assertIncludes } from "../support/assert.ts";
import { copyTree, makeFolder } from "../support/bundle.ts";
import { program, rootFixture } from "../support/fixture.ts";
import { host, type Result, spawn } from "../support/runtime.ts";

/**
 * Runs the NVIDIA-like hook by hand on a copy of the Debian root, after
 * `prepare`, in a mount namespace of its own: `$1` is the root.
 */
async function runHook(
  prepare: string,
  state = '{"bundle":"BUNDLE","pid":1}',
): Promise<{ result: Result; edits: number }> {
  const folder = makeFolder();
  const rootfs = `${folder}/rootfs`;
  try {
    copyTree(rootFixture("debian"), rootfs);
    const config = JSON.stringify({ root: { path: "rootfs", readonly: true } });
    Deno.writeTextFileSync(`${folder}/config.json`, config);
    const script = `${prepare}; shift; exec "$@"`;
    const running = spawn(
      folder,
      [program("nvidia_like_hook"), "--folder", "/opt/answer"],
      {
        stdin: state.replace("BUNDLE", folder),
        wrap: ["unshare", "-m", "sh", "-ec", script, "sh", rootfs],
      },
    );
    const result = await running.finished();
    const edits = [...Deno.readDirSync(`${rootfs}/etc/ld.so.conf.d`)]
      .filter(({ name }) => name.startsWith("00-hook-")).length;
    return { result, edits };
  } finally {
    host("rm", "-rf", "--one-file-system", folder);
  }
}

Deno.test("the hook works in a root that is a mount point", async () => {
  const { result, edits } = await runHook('mount --rbind "$1" "$1"');
  assertEquals(result.code, 0, result.stderr);
  assertEquals(edits, 1);
});

Deno.test("the hook fails in a root that is not bound on itself", async () => {
  const { result, edits } = await runHook("true");
  assertEquals(result.code, 1);
  assertIncludes(result.stderr, "pivot_root");
  assertEquals(edits, 0);
});

Deno.test("the hook fails in a root that is read-only already", async () => {
  const { result, edits } = await runHook(
    'mount --bind "$1" "$1"; mount -o remount,bind,ro "$1"',
  );
  assertEquals(result.code, 1);
  assertIncludes(result.stderr, "Read-only file system");
  assertEquals(edits, 0);
});

Deno.test("the hook fails without a state, and with a bundle that is relative", async () => {
  for (const state of ["", '{"bundle":"bundle"}']) {
    const { result } = await runHook('mount --rbind "$1" "$1"', state);
    assertEquals(result.code, 1);
    assertIncludes(result.stderr, "no absolute bundle");
  }
});
