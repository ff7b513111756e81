import { assertEquals, assertGone, assertIncludes } from "../support/assert.ts";
import { type Bundle, makeBundle, runOnce } from "../support/bundle.ts";
import { cgroupsOf } from "../support/leak.ts";
import { exists } from "../support/assert.ts";

/** Whether this host has the v1 hierarchies that the paths below name. */
function cgroupFile(bundle: Bundle, v1: [string, string], v2: string): string {
  const path = bundle.spec.linux.cgroupsPath ?? "";
  const [controller, file] = v1;
  return exists("/sys/fs/cgroup/cgroup.controllers")
    ? `/sys/fs/cgroup${path}/${v2}`
    : `/sys/fs/cgroup/${controller}${path}/${file}`;
}

/** Limits, the v1 file, the v2 file, what each holds. */
const LIMITS: [
  Record<string, unknown>,
  [string, string],
  string,
  string,
  string,
][] = [
  [
    { memory: { limit: 67_108_864 } },
    ["memory", "memory.limit_in_bytes"],
    "memory.max",
    "67108864",
    "67108864",
  ],
  [
    { memory: { reservation: 33_554_432 } },
    ["memory", "memory.soft_limit_in_bytes"],
    "memory.low",
    "33554432",
    "33554432",
  ],
  [{ pids: { limit: 33 } }, ["pids", "pids.max"], "pids.max", "33", "33"],
  [{ cpu: { shares: 512 } }, ["cpu", "cpu.shares"], "cpu.weight", "512", "20"],
  [
    { cpu: { quota: 20_000, period: 50_000 } },
    ["cpu", "cpu.cfs_quota_us"],
    "cpu.max",
    "20000",
    "20000 50000",
  ],
  [
    { cpu: { quota: 20_000, period: 50_000 } },
    ["cpu", "cpu.cfs_period_us"],
    "cpu.max",
    "50000",
    "20000 50000",
  ],
  [{ cpu: { cpus: "0" } }, ["cpuset", "cpuset.cpus"], "cpuset.cpus", "0", "0"],
  [{ cpu: { mems: "0" } }, ["cpuset", "cpuset.mems"], "cpuset.mems", "0", "0"],
];

for (const [resources, v1, v2, wantedV1, wantedV2] of LIMITS) {
  Deno.test(`${JSON.stringify(resources)} reaches ${v1[1]}`, async () => {
    await using bundle = makeBundle({
      edit: (spec) => Object.assign(spec.linux.resources, resources),
    });
    await bundle.create();
    const file = cgroupFile(bundle, v1, v2);
    const wanted = file.includes(v1[1]) ? wantedV1 : wantedV2;
    assertEquals(Deno.readTextFileSync(file).trim(), wanted, file);
  });
}

Deno.test("a created container is in its final cgroup of every hierarchy", async () => {
  // conmon and containerd's shim look right after create.
  await using bundle = makeBundle();
  await bundle.create();
  const { pid } = await bundle.state();
  const lines = Deno.readTextFileSync(`/proc/${pid}/cgroup`).trim().split("\n");
  const path = bundle.spec.linux.cgroupsPath;
  for (const name of ["cpu", "memory", "pids", "devices", "freezer"]) {
    const line = lines.find((line) => line.split(":")[1] === name);
    if (line !== undefined) assertEquals(line.split(":")[2], path, line);
  }
});

Deno.test("cgroupsPath decides where the cgroups are", async () => {
  await using bundle = makeBundle({
    edit: (spec, { id }) => {
      spec.linux.cgroupsPath = `/burrow-test/deep/er/${id}`;
    },
  });
  await bundle.create();
  const { pid } = await bundle.state();
  const text = Deno.readTextFileSync(`/proc/${pid}/cgroup`);
  assertIncludes(text, `:/burrow-test/deep/er/${bundle.id}\n`);
});

Deno.test("without a cgroupsPath the cgroup carries the id", async () => {
  await using bundle = makeBundle({
    edit: (spec) => {
      delete spec.linux.cgroupsPath;
    },
  });
  await bundle.create();
  const { pid } = await bundle.state();
  const text = Deno.readTextFileSync(`/proc/${pid}/cgroup`);
  assertIncludes(text, bundle.id);
});

Deno.test("delete removes the cgroups, those that the container made too", async () => {
  await using bundle = makeBundle({ args: ["sleep", "100"] });
  await bundle.create();
  await bundle.ok("start", bundle.id);
  for (const folder of cgroupsOf(bundle.id)) {
    if (folder.endsWith(bundle.id)) Deno.mkdirSync(`${folder}/inner`);
  }
  await bundle.ok("delete", "--force", bundle.id);
  assertEquals(cgroupsOf(bundle.id), []);
});

Deno.test("pids.limit keeps the program from forking without end", async () => {
  const script = "for i in 1 2 3 4 5 6; do sleep 1 & done; echo all";
  const { stdout, stderr } = await runOnce({
    args: ["sh", "-c", script],
    edit: (spec) => {
      spec.linux.resources.pids = { limit: 4 };
    },
  });
  assertEquals(stdout.includes("all"), false, stdout);
  assertIncludes(stderr, "fork");
});

Deno.test("memory.limit kills a program that wants more", async () => {
  const { code } = await runOnce({
    args: ["sh", "-c", "x=x; while :; do x=$x$x; done"],
    edit: (spec) => {
      spec.linux.resources.memory = { limit: 33_554_432, swap: 33_554_432 };
    },
  });
  assertEquals(code, 128 + 9);
});

Deno.test("a cgroup that has processes already is refused", async () => {
  await using first = makeBundle();
  await first.create();
  await using second = makeBundle({
    edit: (spec) => {
      spec.linux.cgroupsPath = first.spec.linux.cgroupsPath ?? "";
    },
  });
  const args = ["create", "--bundle", second.path, second.id];
  const { code, stderr } = await second.runtime(...args);
  // runc 1.1.5 only warns.
  if (code === 0) await second.ok("delete", "--force", second.id);
  else assertIncludes(stderr, "not empty");
  assertGone(`${second.stateRoot}/${second.id}`);
});

Deno.test("a limit that the kernel refuses is reported by its file", async () => {
  const { code, stderr } = await runOnce({
    edit: (spec) => {
      spec.linux.resources.cpu = { cpus: "4000" };
    },
  });
  assertEquals(code, 1);
  assertIncludes(stderr, "cpuset");
});
