import { assert, assertEquals, assertIncludes } from "../support/assert.ts";
import type { Bundle } from "../support/bundle.ts";
import { makeBundle } from "../support/bundle.ts";
import { waitForOrphan } from "../support/process.ts";

const MIB = 1024 * 1024;

/** A container that was started, with limits to begin with. */
async function limited(): Promise<Bundle> {
  const bundle = makeBundle({
    args: ["sleep", "1000"],
    edit: (spec) => {
      spec.linux.resources.memory = { limit: 64 * MIB, swap: 128 * MIB };
      spec.linux.resources.pids = { limit: 100 };
      spec.linux.resources.cpu = {
        shares: 512,
        quota: 50_000,
        period: 100_000,
      };
    },
  });
  await bundle.create();
  await bundle.ok("start", bundle.id);
  return bundle;
}

/** Where a file of the container's cgroup is, whichever version has it. */
function read(bundle: Bundle, controller: string, ...names: string[]): string {
  const path = bundle.spec.linux.cgroupsPath ?? "";
  for (const top of [`/sys/fs/cgroup/${controller}`, "/sys/fs/cgroup"]) {
    for (const name of names) {
      try {
        return Deno.readTextFileSync(`${top}${path}/${name}`).trim();
      } catch {
        // Another version's.
      }
    }
  }
  throw new Error(`no ${names.join(" or ")}`);
}

const memory = (bundle: Bundle) =>
  Number(read(bundle, "memory", "memory.limit_in_bytes", "memory.max"));
const pids = (bundle: Bundle) => read(bundle, "pids", "pids.max");
const quota = (bundle: Bundle) =>
  read(bundle, "cpu", "cpu.cfs_quota_us", "cpu.max").split(" ")[0];

Deno.test("update by flags changes what is named, and nothing else", async () => {
  await using bundle = await limited();
  await bundle.ok("update", "--memory", "32m", "--pids-limit", "7", bundle.id);
  assertEquals(memory(bundle), 32 * MIB);
  assertEquals(pids(bundle), "7");
  assertEquals(quota(bundle), "50000");
  await bundle.ok("update", "--cpu-quota=20000", bundle.id);
  assertEquals(quota(bundle), "20000");
  assertEquals(memory(bundle), 32 * MIB);
});

for (const source of ["-", "file"]) {
  Deno.test(`update --resources takes a document from ${source}`, async () => {
    await using bundle = await limited();
    const text = JSON.stringify({
      memory: { limit: 48 * MIB, swap: 96 * MIB },
      pids: { limit: 9 },
    });
    const file = `${bundle.folder}/resources.json`;
    Deno.writeTextFileSync(file, text);
    const { code, stderr } = await bundle.runtimeWith(
      { stdin: text },
      ...["update", "--resources", source === "-" ? "-" : file, bundle.id],
    );
    assertEquals(code, 0, stderr);
    assertEquals(memory(bundle), 48 * MIB);
    assertEquals(pids(bundle), "9");
    assertEquals(quota(bundle), "50000");
  });
}

Deno.test("update leaves device rules alone", async () => {
  await using bundle = await limited();
  const before = read(bundle, "devices", "devices.list", "cgroup.procs");
  const { code, stderr } = await bundle.runtimeWith(
    { stdin: JSON.stringify({ devices: [{ allow: true, access: "rwm" }] }) },
    ...["update", "--resources=-", bundle.id],
  );
  assertEquals(code, 0, stderr);
  assertEquals(read(bundle, "devices", "devices.list", "cgroup.procs"), before);
});

Deno.test("update that is refused changes nothing", async () => {
  await using bundle = await limited();
  const resources = {
    memory: { limit: 32 * MIB, swap: 48 * MIB },
    cpu: { shares: 256, quota: 10_000, cpus: "511" },
    pids: { limit: 5 },
  };
  const { code, stderr } = await bundle.runtimeWith(
    { stdin: JSON.stringify(resources) },
    ...["update", "--resources=-", bundle.id],
  );
  assertEquals(code, 1);
  assertIncludes(stderr, "cpuset.cpus");
  assertEquals(memory(bundle), 64 * MIB);
  assertEquals(pids(bundle), "100");
  assertEquals(quota(bundle), "50000");
});

Deno.test("update --memory -1 lifts the limit, and that of swap", async () => {
  await using bundle = await limited();
  await bundle.ok("update", "--memory", "-1", bundle.id);
  const limit = read(bundle, "memory", "memory.limit_in_bytes", "memory.max");
  assert(limit === "max" || Number(limit) > 2 ** 60, limit);
});

Deno.test("update refuses a stopped container, nonsense, and none", async () => {
  await using bundle = await limited();
  for (
    const flags of [["--memory", "much"], ["--cpu-share", "x"], [
      "--resources",
      "/missing",
    ]]
  ) {
    const { code } = await bundle.runtime("update", ...flags, bundle.id);
    assertEquals(code, 1, flags.join(" "));
  }
  const missing = await bundle.runtime("update", "--memory", "1g", "nobody");
  assertIncludes(missing.stderr, "does not exist");
  const { pid } = await bundle.state();
  await bundle.ok("kill", bundle.id, "KILL");
  await waitForOrphan(pid);
  const args = ["update", "--memory", "32m", bundle.id];
  const stopped = await bundle.runtime(...args);
  assertEquals(stopped.code, 1);
  assertIncludes(stopped.stderr, "not running");
});
