import { assertEquals } from "../support/assert.ts";
import { makeBundle } from "../support/bundle.ts";

const MIB = 1024 * 1024;

Deno.test("update that is refused at its last limit puts back those before it", async () => {
  await using bundle = makeBundle({
    args: ["sleep", "1000"],
    edit: (spec) => {
      const swap = 128 * MIB;
      spec.linux.resources.memory = { limit: 64 * MIB, swap };
      spec.linux.resources.cpu = { shares: 512, quota: 50_000 };
    },
  });
  await bundle.create();
  await bundle.ok("start", bundle.id);
  const names = {
    cpu: ["cpu.shares", "cpu.cfs_quota_us", "cpu.weight", "cpu.max"],
    memory: ["memory.limit_in_bytes", "memory.memsw.limit_in_bytes"]
      .concat("memory.max", "memory.swap.max"),
  };
  const path = bundle.spec.linux.cgroupsPath;
  const all = () =>
    Object.entries(names).flatMap(([controller, files]) =>
      files.flatMap((file) =>
        [`/${controller}`, ""].map((top) => {
          try {
            const name = `/sys/fs/cgroup${top}${path}/${file}`;
            return Deno.readTextFileSync(name);
          } catch {
            return "";
          }
        })
      )
    ).filter((text) => text !== "");
  const before = all();
  // Memory and swap together are less than memory.
  const resources = {
    cpu: { shares: 256, quota: 10_000 },
    memory: { limit: 32 * MIB, swap: 16 * MIB },
  };
  const { code } = await bundle.runtimeWith(
    { stdin: JSON.stringify(resources) },
    ...["update", "--resources=-", bundle.id],
  );
  assertEquals(code, 1);
  assertEquals(all(), before);
});
