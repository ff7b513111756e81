/**
 * Cgroups of this machine, as root: what limits do to processes, and the life
 * of a cgroup on the three kinds of hosts.
 */

import { local } from "../../ffi/local.ts";
import { createCgroup } from "../../mod/cgroups/create.ts";
import { devicePolicy } from "../../mod/cgroups/device.ts";
import { attachDevicePolicy } from "../../mod/cgroups/device_filter.ts";
import { detectCgroups } from "../../mod/cgroups/detect.ts";
import { selfEntry } from "../../mod/cgroups/enter.ts";
import { openCgroup, recordedDirectories } from "../../mod/cgroups/manager.ts";
import { placeResources } from "../../mod/cgroups/plan.ts";
import type { Resources } from "../../mod/spec/resources.ts";
import {
  assert,
  assertEquals,
  assertIncludes,
  assertMatch,
  eventually,
  exists,
  fail,
} from "../support/assert.ts";
import { statusOf } from "../support/process.ts";
import {
  checkLifecycle,
  makeTestCgroup,
  refusal,
  send,
  startShell,
  type TestCgroup,
} from "./cgroups_lifecycle.ts";

const MIB = 1_048_576;

// libc is opened once and kept: no leak of the test that comes first.
Deno.test.beforeAll(() => send(Deno.pid, 0));

/** A cgroup with limits in force. */
function limited(resources: Resources): TestCgroup {
  const cgroup = makeTestCgroup({ resources });
  cgroup.manager.apply(cgroup.plan.early);
  cgroup.manager.apply(cgroup.plan.late);
  return cgroup;
}

/** Changes the limits of a cgroup that is only known by its record. */
function update({ manager }: TestCgroup, resources: Resources): void {
  const { record } = manager;
  const writes = placeResources(resources, recordedDirectories(record));
  const found = openCgroup(record);
  found.apply(writes.early);
  found.apply(writes.late);
}

/** The value of a controller's file. */
function valueOf({ plan }: TestCgroup, file: string): string {
  for (const { path } of plan.directories) {
    if (exists(`${path}/${file}`)) {
      return Deno.readTextFileSync(`${path}/${file}`).trim();
    }
  }
  return fail(`no directory has "${file}"`);
}

const LIFECYCLE = new URL("cgroups_lifecycle.ts", import.meta.url).pathname;

/** Runs the lifecycle in a mount namespace that a script has changed. */
async function lifecycleUnder(prepare: string): Promise<unknown> {
  const { success, stdout, stderr } = await new Deno.Command("unshare", {
    args: ["-m", "--propagation", "private", "sh", "-ec"]
      .concat([`${prepare}; exec "$@"`, "sh", Deno.execPath()])
      .concat(["run", "-A", "--no-check", LIFECYCLE]),
  }).output();
  const text = new TextDecoder();
  if (!success) fail(text.decode(stderr));
  return JSON.parse(text.decode(stdout));
}

/** What this machine has mounted, in a v1 hierarchy each. */
function controllersV1(): string[] {
  return detectCgroups().v1.flatMap(({ controllers }) => controllers)
    .toSorted();
}

Deno.test("a cgroup is made, used and removed on this host", async () => {
  await checkLifecycle();
});

Deno.test("a cgroup is made, used and removed on a host with v1 alone", async () => {
  const view = await lifecycleUnder("umount /sys/fs/cgroup/unified");
  assertEquals(view, { mode: "legacy", v1: controllersV1() });
});

Deno.test("a cgroup is made, used and removed on a host with v2 alone", async () => {
  const view = await lifecycleUnder(
    "umount -R /sys/fs/cgroup; mount -t cgroup2 cgroup2 /sys/fs/cgroup",
  );
  assertEquals(view, { mode: "unified", v1: [], v2: "/sys/fs/cgroup" });
});

Deno.test("selfEntry() moves a process that writes it into every v1 hierarchy", () => {
  using cgroup = makeTestCgroup();
  const { writes, cloneInto } = selfEntry(cgroup.manager.record);
  const script = writes.map(({ path, value }) => `echo ${value} > ${path}`)
    .concat("exec busybox cat /proc/self/cgroup").join(" && ");
  const { stdout } = new Deno.Command("busybox", { args: ["sh", "-c", script] })
    .outputSync();
  const [first] = cgroup.plan.directories;
  const path = first?.path.slice(first.mountPoint.length) ?? fail("no v1");
  const lines = new TextDecoder().decode(stdout).trim().split("\n");
  const entered = lines.filter((line) => line.endsWith(`:${path}`));
  assertEquals(entered.length, detectCgroups().v1.length);
  assertEquals(cloneInto, cgroup.manager.record.paths[""]);
});

Deno.test("pids.max stops a shell that forks without end", async () => {
  using cgroup = limited({ pids: { limit: 4 } });
  const shell = startShell(
    cgroup.manager,
    "for i in 1 2 3 4 5 6 7 8; do sleep 100 2>&- & done",
  );
  const { stderr } = await shell.finish();
  assertMatch(stderr, /can't fork/);
  assertMatch(valueOf(cgroup, "pids.events"), /^max [1-9]/);
});

Deno.test("a memory limit kills what allocates more", async () => {
  using cgroup = limited({ memory: { limit: 16 * MIB, swap: 16 * MIB } });
  const dd = "exec busybox dd if=/dev/zero of=/dev/null count=1 bs=";
  const large = startShell(cgroup.manager, `${dd}64M`);
  assertEquals((await large.finish()).status.signal, "SIGKILL");
  const small = startShell(cgroup.manager, `${dd}1M`);
  assertEquals((await small.finish()).status.code, 0);
});

Deno.test("memory and swap are raised and lowered together, whichever comes first", () => {
  using cgroup = limited({ memory: { limit: 32 * MIB, swap: 48 * MIB } });
  for (const [limit, swap] of [[64, 80], [16, 20], [70, 70]] as const) {
    update(cgroup, { memory: { limit: limit * MIB, swap: swap * MIB } });
    assertEquals(
      ["memory.limit_in_bytes", "memory.memsw.limit_in_bytes"]
        .map((file) => Number(valueOf(cgroup, file)) / MIB),
      [limit, swap],
    );
  }
  update(cgroup, { memory: { limit: -1 } });
  assert(Number(valueOf(cgroup, "memory.limit_in_bytes")) > 2 ** 60);
  assert(Number(valueOf(cgroup, "memory.memsw.limit_in_bytes")) > 2 ** 60);
});

Deno.test("a memory limit below what is used is refused with the usage", async () => {
  using cgroup = limited({ memory: { limit: 64 * MIB } });
  const shell = startShell(
    cgroup.manager,
    "x=$(busybox head -c 3000000 /dev/zero | tr '\\0' x); sleep 100",
  );
  await shell.begin();
  await eventually(
    "some use of memory",
    () => Number(valueOf(cgroup, "memory.usage_in_bytes")) > 2 * MIB,
  );
  cgroup.manager.freeze();
  assertMatch(
    refusal(() => update(cgroup, { memory: { limit: 4096 } })),
    /^cannot set "memory\.limit_in_bytes" to "4096" in cgroup ".*": write: device or resource busy \(the cgroup uses \d+ bytes now\)$/,
  );
});

Deno.test("a cpu quota throttles, and an update keeps what it does not name", async () => {
  using cgroup = limited({ cpu: { shares: 77, quota: 2000, period: 50_000 } });
  assertEquals(valueOf(cgroup, "cpu.shares"), "77");
  const shell = startShell(cgroup.manager, "while :; do :; done");
  await shell.begin();
  await eventually(
    "throttling",
    () => /nr_throttled [1-9]/.test(valueOf(cgroup, "cpu.stat")),
  );
  // The burst may not exceed the quota, and is written first.
  update(cgroup, { cpu: { quota: 9000, burst: 5000 } });
  assertEquals(valueOf(cgroup, "cpu.cfs_quota_us"), "9000");
  assertEquals(valueOf(cgroup, "cpu.cfs_burst_us"), "5000");
  assertEquals(valueOf(cgroup, "cpu.cfs_period_us"), "50000");
  assertEquals(valueOf(cgroup, "cpu.shares"), "77");
});

Deno.test("a cpuset holds its processes, and is inherited where it is not given", () => {
  using cgroup = limited({ cpu: { cpus: "0" } });
  const shell = startShell(cgroup.manager, "sleep 100");
  assertEquals(statusOf(shell.pid)["Cpus_allowed_list"], "0");
  assertEquals(
    valueOf(cgroup, "cpuset.mems"),
    Deno.readTextFileSync("/sys/fs/cgroup/cpuset/cpuset.mems").trim(),
  );
});

Deno.test("huge pages are limited by whichever tree owns their controller", () => {
  using cgroup = limited({
    hugepageLimits: [{ pageSize: "2MB", limit: 4 * MIB }],
  });
  assertEquals(valueOf(cgroup, "hugetlb.2MB.max"), `${4 * MIB}`);
  assertEquals(valueOf(cgroup, "hugetlb.2MB.rsvd.max"), `${4 * MIB}`);
});

Deno.test("unified resources are written as they are", () => {
  using cgroup = limited({ unified: { "cgroup.max.depth": "3" } });
  assertEquals(valueOf(cgroup, "cgroup.max.depth"), "3");
});

Deno.test("block I/O is throttled on the device that is named", () => {
  const { dev } = Deno.statSync("/");
  const device = { major: dev >> 8 & 0xfff, minor: dev & 0xff };
  const name = `${device.major}:${device.minor}`;
  using cgroup = limited({
    blockIO: { throttleReadBpsDevice: [{ ...device, rate: MIB }] },
  });
  assertEquals(
    valueOf(cgroup, "blkio.throttle.read_bps_device"),
    `${name} ${MIB}`,
  );
  const nowhere = { major: 4000, minor: 9, rate: 5 };
  assertMatch(
    refusal(() =>
      update(cgroup, { blockIO: { throttleReadBpsDevice: [nowhere] } })
    ),
    /"blkio\.throttle\.read_bps_device" to "4000:9 5" .*no such block device\)$/,
  );
});

Deno.test("a refused value is told with its file, and with what to do", () => {
  using cgroup = makeTestCgroup();
  const [first] = cgroup.plan.directories;
  const tree = cgroup.manager.record.paths[""];
  assert(first !== undefined && tree !== undefined);
  assertMatch(
    refusal(() => update(cgroup, { cpu: { cpus: "4000" } })),
    /^cannot set "cpuset\.cpus" to "4000" in cgroup "\/sys.*": write: (numerical result out of range|invalid argument)$/,
  );
  const memory = {
    version: 2,
    controller: "memory",
    file: "memory.max",
    value: "5",
    directory: tree,
  } as const;
  assertMatch(
    refusal(() => cgroup.manager.apply([memory])),
    /"memory\.max" to "5" .*no such file or directory \(controller "memory" is not enabled: who owns ".*" writes "\+memory" to its cgroup\.subtree_control/,
  );
  cgroup.manager.apply([{ ...memory, optional: true }]);
  const depth = { ...memory, controller: "cgroup", value: "7" };
  cgroup.manager.apply([{
    ...depth,
    otherwise: { file: "cgroup.max.depth", value: "7" },
  }]);
  assertEquals(valueOf(cgroup, "cgroup.max.depth"), "7");
});

Deno.test("checkBeforeUpdate refuses a limit below the present use", () => {
  using cgroup = makeTestCgroup();
  const directory = cgroup.manager.record.paths.memory ?? fail("no memory");
  const write = {
    version: 1,
    controller: "memory",
    file: "memory.soft_limit_in_bytes",
    value: "4096",
    directory,
    notBelow: "memory.limit_in_bytes",
  } as const;
  assertMatch(
    refusal(() => cgroup.manager.apply([write])),
    /: "memory\.limit_in_bytes" is \d+ \(resources\.memory\.checkBefore/,
  );
});

Deno.test("createCgroup() refuses a frozen cgroup, and leaves nothing of a failed attempt", () => {
  using cgroup = makeTestCgroup();
  cgroup.manager.freeze();
  assertMatch(
    refusal(() => createCgroup(cgroup.plan)),
    /^container's cgroup unexpectedly frozen/,
  );
  cgroup.manager.thaw();

  const { directories } = cgroup.plan;
  const [first] = directories;
  assert(first !== undefined);
  const wanted = { ...first, path: `${first.path}/new` };
  // A file stands where the second directory should.
  const blocked = { ...first, path: `${first.path}/cgroup.procs/new` };
  assertMatch(
    refusal(() =>
      createCgroup({ ...cgroup.plan, directories: [wanted, blocked] })
    ),
    /^cannot make cgroup ".*\/cgroup\.procs\/new": mkdir ".*": file exists$/,
  );
  assert(!exists(wanted.path), "the first directory was left");
});

Deno.test("a program of the kernel decides on v2 which devices open", async () => {
  using cgroup = makeTestCgroup();
  const { manager } = cgroup;
  const tree = manager.record.paths[""] ?? fail("no v2 tree");
  const opens = async (device: string, redirect: "<" | "<>") => {
    const shell = startShell(manager, `: ${redirect} ${device}`);
    return (await shell.finish()).status.code === 0;
  };
  assert(await opens("/dev/kmsg", "<>"), "denied without a program");

  const allowAll = { allow: true, type: "a", access: "rwm" } as const;
  const kmsg = { type: "c", major: 1, minor: 11 } as const;
  attachDevicePolicy(
    local,
    tree,
    devicePolicy([allowAll, { allow: false, ...kmsg, access: "w" }]),
  );
  assert(await opens("/dev/kmsg", "<"), "reading was not denied");
  assert(!await opens("/dev/kmsg", "<>"), "writing was denied");

  // Programs add up: the second one denies what the first allows.
  attachDevicePolicy(local, tree, devicePolicy());
  assert(!await opens("/dev/kmsg", "<"), "reading is denied now");
  for (const device of ["null", "zero", "full", "random", "urandom"]) {
    assert(await opens(`/dev/${device}`, "<>"), `/dev/${device} is allowed`);
  }
});

Deno.test("remove() touches neither a hierarchy's root nor what a link leads to", () => {
  using cgroup = makeTestCgroup();
  const tree = cgroup.manager.record.paths[""] ?? fail("no v2 tree");
  const folder = Deno.makeTempDirSync({ prefix: "burrow-test-" });
  try {
    Deno.symlinkSync(tree, `${folder}/link`);
    const remove = (path: string) => () =>
      openCgroup({ mode: "unified", paths: { "": path } }).remove(0);
    const root = detectCgroups().v2?.mountPoint ?? fail("no v2 tree");
    for (const path of [root, folder, `${folder}/link/..`, `${tree}/../..`]) {
      assertIncludes(refusal(remove(path)), "is no cgroup of a container");
    }
    remove(`${folder}/link`)();
    assert(exists(tree), "removed through a link");
    assert(exists(`${folder}/link`), "removed the link");
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
});

/** What a rootless launcher gets where the trees are read-only. */
const ROOTLESS = `
const { createCgroup } = await import("./mod/cgroups/create.ts");
const { detectCgroups } = await import("./mod/cgroups/detect.ts");
const { planCgroup } = await import("./mod/cgroups/plan.ts");
const { renderError } = await import("./mod/errors.ts");
for (const linux of [{}, { resources: { pids: { limit: 5 } } }]) {
  try {
    const plan = planCgroup(linux, "burrow-test-rootless", detectCgroups(), {
      rootless: true,
    });
    console.log(JSON.stringify(createCgroup(plan).record));
  } catch (error) {
    console.log(renderError(error));
  }
}`;

Deno.test("a rootless container runs without a cgroup that it may not make, unless it needs one", () => {
  const { stdout, stderr } = new Deno.Command("unshare", {
    args: ["-m", "--propagation", "private", "sh", "-ec"].concat([
      "for m in /sys/fs/cgroup/*/; do mount -o remount,bind,ro $m; done; " +
      'exec "$@"',
    ]).concat(["sh", Deno.execPath(), "eval", "--no-check", ROOTLESS]),
    cwd: new URL("../..", import.meta.url).pathname,
  }).outputSync();
  const text = new TextDecoder();
  const [quiet = "", refused = ""] = text.decode(stdout).split("\n");
  assertEquals(quiet, '{"mode":"none","paths":{}}', text.decode(stderr));
  assertMatch(
    refused,
    /^cannot make cgroup ".*burrow-test-rootless": mkdir ".*": read-only file system \(as root, or/,
  );
});
