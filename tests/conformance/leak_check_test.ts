import { assert, assertEquals } from "../support/assert.ts";
import { makeBundle, makeFolder } from "../support/bundle.ts";
import { assertNoLeak, leaks, takeSnapshot } from "../support/leak.ts";
import { childrenOf } from "../support/process.ts";
import { host } from "../support/runtime.ts";

/** Plants something, and returns the first words of what is reported. */
async function report(
  plant: (id: string, folder: string) => Disposable,
): Promise<string[]> {
  const before = takeSnapshot();
  const folder = makeFolder();
  const id = `t${crypto.randomUUID().slice(0, 13)}`;
  try {
    using _planted = plant(id, folder);
    await new Promise((resolve) => setTimeout(resolve, 50));
    return leaks(before, id, folder).map((line) => line.split(" ")[0] ?? "");
  } finally {
    await assertNoLeak(before, id, folder);
    Deno.removeSync(folder, { recursive: true });
  }
}

Deno.test("leaks() reports a mount that is left", async () => {
  const seen = await report((_, folder) => {
    host("mount", "-t", "tmpfs", "leak", folder);
    return { [Symbol.dispose]: () => void host("umount", folder) };
  });
  assertEquals(seen, ["mount"]);
});

Deno.test("leaks() reports a cgroup that is left", async () => {
  const seen = await report((id) => {
    const path = `/sys/fs/cgroup/pids/${id}`;
    Deno.mkdirSync(path);
    return { [Symbol.dispose]: () => Deno.removeSync(path) };
  });
  assertEquals(seen, ["cgroup"]);
});

Deno.test("leaks() reports state that is left", async () => {
  const seen = await report((id, folder) => {
    Deno.mkdirSync(`${folder}/state/${id}`, { recursive: true });
    return {
      [Symbol.dispose]: () => Deno.removeSync(`${folder}/state/${id}`),
    };
  });
  assertEquals(seen, ["state"]);
});

Deno.test("leaks() reports a daemon that left its parent and session", async () => {
  await using _subreaper = makeBundle({ rootfs: "none" });
  const known = new Set(childrenOf("self"));
  const seen = await report(() => {
    host("sh", "-c", "setsid sleep 99 >/dev/null 2>&1 </dev/null &");
    return {
      [Symbol.dispose]: () => {
        for (const pid of childrenOf("self").filter((p) => !known.has(p))) {
          Deno.kill(pid, "SIGKILL");
        }
      },
    };
  });
  assert(
    seen.length > 0 && seen.every((word) => word === "process"),
    `${seen}`,
  );
});
