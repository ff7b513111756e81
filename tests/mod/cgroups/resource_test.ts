import {
  type CgroupWrite,
  hasLimits,
  resourceWrites,
} from "../../../mod/cgroups/resource.ts";
import { orderMemoryV1 } from "../../../mod/cgroups/resource_v1.ts";
import {
  cpuWeight,
  ioWeight,
  swapMax,
} from "../../../mod/cgroups/resource_v2.ts";
import { renderError } from "../../../mod/errors.ts";
import type { Resources } from "../../../mod/spec/resources.ts";
import { assertEquals, assertMatch, fail } from "../../support/assert.ts";

const ALL = [
  "cpuset",
  "cpu",
  "memory",
  "pids",
  "blkio",
  "hugetlb",
  "rdma",
  "net_cls",
  "net_prio",
];
const V1 = { v1: ALL, v2: undefined };
const V2 = {
  v1: [],
  v2: ["cpuset", "cpu", "io", "memory", "hugetlb", "pids", "rdma"],
};

/** Writes as `file=value`, with a mark for each property. */
function lines(writes: readonly CgroupWrite[]): string[] {
  return writes.map((write) =>
    `${write.file}=${write.value}` +
    (write.optional === true ? " optional" : "") +
    (write.again === true ? " again" : "") +
    (write.notBelow === undefined ? "" : ` notBelow ${write.notBelow}`) +
    (write.otherwise === undefined
      ? ""
      : ` otherwise ${write.otherwise.file}=${write.otherwise.value}`)
  );
}

function early(resources: Resources, host: typeof V1 | typeof V2): string[] {
  return lines(resourceWrites(resources, host).early);
}

function late(resources: Resources, host: typeof V1 | typeof V2): string[] {
  return lines(resourceWrites(resources, host).late);
}

function refusal(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    return renderError(error);
  }
  return fail("nothing was refused");
}

Deno.test("resourceWrites() writes nothing for resources that say nothing", () => {
  for (const host of [V1, V2, { v1: [], v2: undefined }]) {
    for (
      const resources of [
        {},
        { memory: {}, cpu: {}, pids: {}, blockIO: {}, hugepageLimits: [] },
        { memory: { limit: 0, swap: 0, reservation: 0 } },
        { cpu: { shares: 0, quota: 0, period: 0 }, blockIO: { weight: 0 } },
      ]
    ) {
      const empty = { early: [], late: [], ignored: [] };
      assertEquals(resourceWrites(resources, host), empty);
    }
  }
});

Deno.test("resourceWrites() keeps for the end what our own processes would run into", () => {
  const resources = {
    memory: { limit: 1000, swap: 3000, reservation: 500 },
    pids: { limit: 5 },
    cpu: { shares: 1024 },
  };
  assertEquals(early(resources, V1), [
    "cpu.shares=1024",
    "memory.soft_limit_in_bytes=500",
  ]);
  assertEquals(late(resources, V1), [
    "memory.limit_in_bytes=1000",
    "memory.memsw.limit_in_bytes=3000",
    "pids.max=5",
  ]);
  assertEquals(early(resources, V2), ["cpu.weight=100", "memory.low=500"]);
  assertEquals(late(resources, V2), [
    "memory.swap.max=2000",
    "memory.max=1000",
    "pids.max=5",
  ]);
});

Deno.test("resourceWrites() takes a pids limit of 0 for a limit, and -1 for none", () => {
  for (const host of [V1, V2]) {
    assertEquals(late({ pids: { limit: 0 } }, host), ["pids.max=0"]);
    assertEquals(late({ pids: { limit: -1 } }, host), ["pids.max=max"]);
  }
});

Deno.test("resourceWrites() lifts swap together with memory", () => {
  assertEquals(late({ memory: { limit: -1 } }, V1), [
    "memory.limit_in_bytes=-1",
    "memory.memsw.limit_in_bytes=-1 optional",
  ]);
  assertEquals(late({ memory: { limit: -1 } }, V2), [
    "memory.swap.max=max optional",
    "memory.max=max",
  ]);
});

Deno.test("resourceWrites() disables swap where it equals memory", () => {
  assertEquals(late({ memory: { limit: 7, swap: 7 } }, V2), [
    "memory.swap.max=0 optional",
    "memory.max=7",
  ]);
});

Deno.test("resourceWrites() checks the usage first where the spec asks for it", () => {
  const memory = { limit: 7, checkBeforeUpdate: true };
  assertEquals(late({ memory }, V2), [
    "memory.max=7 notBelow memory.current",
  ]);
});

Deno.test("swapMax() converts memory and swap to swap", () => {
  const table: [number | undefined, number | undefined, string | undefined][] =
    [
      [undefined, undefined, undefined],
      [100, undefined, undefined],
      [100, 300, "200"],
      [100, 100, "0"],
      [100, -1, "max"],
      [-1, undefined, "max"],
      [-1, 500, "500"],
      [undefined, -1, "max"],
    ];
  for (const [limit, swap, wanted] of table) {
    assertEquals(swapMax(limit, swap), wanted, `${limit} ${swap}`);
  }
  assertMatch(refusal(() => swapMax(undefined, 5)), /needs resources\.memory/);
  assertMatch(refusal(() => swapMax(10, 5)), /5 is below .*limit 10 \(/);
});

Deno.test("cpuWeight() maps least, default and most onto least, default and most", () => {
  const table = [
    [0, 0],
    [1, 1],
    [2, 1],
    [1024, 100],
    [512, 59],
    [2048, 174],
    [262_144, 10_000],
    [999_999, 10_000],
  ] as const;
  for (const [shares, weight] of table) {
    assertEquals(cpuWeight(shares), weight, `${shares}`);
  }
});

Deno.test("ioWeight() maps 10 to 1000 onto 1 to 10000", () => {
  assertEquals([0, 10, 500, 1000].map(ioWeight), [0, 1, 4950, 10_000]);
});

Deno.test("resourceWrites() sets cpu time", () => {
  const cpu = { quota: 50_000, period: 200_000, burst: 1000 };
  assertEquals(early({ cpu }, V1), [
    "cpu.cfs_period_us=200000 again",
    "cpu.cfs_burst_us=1000 again",
    "cpu.cfs_quota_us=50000",
  ]);
  assertEquals(early({ cpu }, V2), [
    "cpu.max.burst=1000 again",
    "cpu.max=50000 200000",
  ]);
  assertEquals(early({ cpu: { quota: 5000 } }, V2), ["cpu.max=5000 100000"]);
  assertEquals(early({ cpu: { quota: -1 } }, V1), ["cpu.cfs_quota_us=-1"]);
  assertEquals(early({ cpu: { quota: -1 } }, V2), ["cpu.max=max 100000"]);
  assertEquals(early({ cpu: { period: 5000 } }, V2), ["cpu.max=max 5000"]);
});

Deno.test("resourceWrites() gives an idle cgroup no weight, which the kernel would refuse", () => {
  const cpu = { idle: 1, shares: 512 };
  assertEquals(early({ cpu }, V1), ["cpu.idle=1"]);
  assertEquals(early({ cpu }, V2), ["cpu.idle=1"]);
});

Deno.test("resourceWrites() sets cpus and memory nodes", () => {
  const cpu = { cpus: "0-1", mems: "0" };
  for (const host of [V1, V2]) {
    assertEquals(early({ cpu }, host), ["cpuset.cpus=0-1", "cpuset.mems=0"]);
  }
});

Deno.test("resourceWrites() sets block I/O", () => {
  const device = { major: 8, minor: 0 };
  const blockIO = {
    weight: 500,
    leafWeight: 300,
    weightDevice: [{ ...device, weight: 1000 }],
    throttleReadBpsDevice: [{ ...device, rate: 1_048_576 }],
    throttleWriteBpsDevice: [{ ...device, rate: 0 }],
    throttleReadIOPSDevice: [{ ...device, rate: 2 ** 64 }],
    throttleWriteIOPSDevice: [{ ...device, rate: 10 }],
  };
  assertEquals(early({ blockIO }, V1), [
    "blkio.weight=500 otherwise blkio.bfq.weight=500",
    "blkio.leaf_weight=300",
    "blkio.weight_device=8:0 1000 otherwise blkio.bfq.weight_device=8:0 1000",
    "blkio.throttle.read_bps_device=8:0 1048576",
    "blkio.throttle.write_bps_device=8:0 0",
    "blkio.throttle.read_iops_device=8:0 18446744073709551615",
    "blkio.throttle.write_iops_device=8:0 10",
  ]);
  assertEquals(early({ blockIO }, V2), [
    "io.bfq.weight=500 otherwise io.weight=4950",
    "io.bfq.weight=8:0 1000 otherwise io.weight=8:0 10000",
    "io.max=8:0 rbps=1048576",
    "io.max=8:0 wbps=max",
    "io.max=8:0 riops=18446744073709551615",
    "io.max=8:0 wiops=10",
  ]);
});

Deno.test("resourceWrites() limits huge pages in use, and reserved where the kernel can", () => {
  const hugepageLimits = [{ pageSize: "2MB", limit: 4_194_304 }];
  assertEquals(early({ hugepageLimits }, V1), [
    "hugetlb.2MB.limit_in_bytes=4194304",
    "hugetlb.2MB.rsvd.limit_in_bytes=4194304 optional",
  ]);
  assertEquals(early({ hugepageLimits }, V2), [
    "hugetlb.2MB.max=4194304",
    "hugetlb.2MB.rsvd.max=4194304 optional",
  ]);
});

Deno.test("resourceWrites() sets RDMA and, on v1, the network", () => {
  const rdma = { mlx5_0: { hcaHandles: 3, hcaObjects: 4 } };
  for (const host of [V1, V2]) {
    assertEquals(early({ rdma }, host), [
      "rdma.max=mlx5_0 hca_handle=3 hca_object=4",
    ]);
  }
  const network = {
    classID: 0x100001,
    priorities: [{ name: "eth0", priority: 5 }],
  };
  assertEquals(early({ network }, V1), [
    "net_cls.classid=1048577",
    "net_prio.ifpriomap=eth0 5",
  ]);
  assertMatch(
    refusal(() => resourceWrites({ network }, V2)),
    /needs the cgroup controller "net_cls", which this host lacks \(.*v1 only/,
  );
});

Deno.test("resourceWrites() takes each controller from the hierarchy that owns it", () => {
  const { early } = resourceWrites(
    {
      cpu: { shares: 2 },
      hugepageLimits: [{ pageSize: "2MB", limit: 0 }],
      unified: { "misc.max": "sev 1\nsev_es 2" },
    },
    { v1: ["cpu"], v2: ["hugetlb", "misc"] },
  );
  assertEquals(early.map((w) => `v${w.version} ${w.file} ${w.value}`), [
    "v1 cpu.shares 2",
    "v2 hugetlb.2MB.max 0",
    "v2 hugetlb.2MB.rsvd.max 0",
    "v2 misc.max sev 1",
    "v2 misc.max sev_es 2",
  ]);
});

Deno.test("resourceWrites() refuses a limit whose controller is nowhere", () => {
  const cases: [Resources, RegExp][] = [
    [{ memory: { limit: 5 } }, /resources\.memory needs .* "memory", which/],
    [{ pids: { limit: 5 } }, /resources\.pids needs .* "pids"/],
    [{ cpu: { shares: 5 } }, /resources\.cpu needs .* "cpu"/],
    [{ blockIO: { weight: 50 } }, /resources\.blockIO needs .* "io"/],
    [{ unified: { "memory.max": "5" } }, /"memory\.max" needs .* v2 con/],
  ];
  for (const [resources, wanted] of cases) {
    const host = { v1: [], v2: ["hugetlb"] };
    assertMatch(refusal(() => resourceWrites(resources, host)), wanted);
  }
  assertMatch(
    refusal(() =>
      resourceWrites({ blockIO: { weight: 50 } }, { v1: ["cpu"], v2: [] })
    ),
    /"blkio", which this host lacks \(root may mount it: mount -t cgroup -o/,
  );
});

Deno.test("resourceWrites() tells what v2 has no counterpart for", () => {
  const memory = { swappiness: 5, disableOOMKiller: true, kernel: 5 };
  assertEquals(resourceWrites({ memory }, V2).ignored, [
    "memory.swappiness",
    "memory.disableOOMKiller",
    "memory.kernel",
  ]);
  assertEquals(early({ memory }, V1), [
    "memory.swappiness=5",
    "memory.oom_control=1",
  ]);
  const cpu = { realtimeRuntime: 5 };
  assertMatch(refusal(() => resourceWrites({ cpu }, V2)), /realtimeRuntime/);
});

Deno.test("resourceWrites() writes unified files as they are, a line at a time", () => {
  const unified = {
    "io.max": "8:0 rbps=1\n8:16 rbps=2\n",
    "memory.high": "77",
    "pids.max": "9",
    "cgroup.max.depth": "3",
  };
  assertEquals(early({ unified }, V2), [
    "io.max=8:0 rbps=1",
    "io.max=8:16 rbps=2",
    "cgroup.max.depth=3",
  ]);
  assertEquals(late({ unified }, V2), ["memory.high=77", "pids.max=9"]);
  for (const file of ["../x.max", "a/b.c", "memory", "cgroup.freeze"]) {
    assertMatch(
      refusal(() => resourceWrites({ unified: { [file]: "1" } }, V2)),
      /is no resource file of cgroup v2$/,
    );
  }
  assertMatch(
    refusal(() => resourceWrites({ unified }, V1)),
    /this host has no cgroup v2/,
  );
});

Deno.test("orderMemoryV1() keeps memory at or below memory and swap at each moment", () => {
  const order = (limit: number, swap: number, current: bigint) => {
    const { late } = resourceWrites({ memory: { limit, swap } }, V1);
    return orderMemoryV1(late, current).map((w) =>
      w.file.includes("memsw") ? "swap" : "memory"
    );
  };
  const unlimited = 9_223_372_036_854_771_712n;
  assertEquals(order(100, 200, unlimited), ["memory", "swap"]);
  assertEquals(order(100, 200, 50n), ["swap", "memory"]);
  assertEquals(order(100, 200, 500n), ["memory", "swap"]);
  assertEquals(order(100, -1, unlimited), ["swap", "memory"]);
  assertEquals(order(-1, -1, 100n), ["swap", "memory"]);
});

Deno.test("hasLimits() counts limits, and no device rules", () => {
  assertEquals(hasLimits(undefined), false);
  assertEquals(hasLimits({ devices: [{ allow: false, access: "r" }] }), false);
  assertEquals(hasLimits({ memory: { limit: 0 } }), false);
  assertEquals(hasLimits({ pids: { limit: 0 } }), true);
  assertEquals(hasLimits({ unified: { "memory.max": "1" } }), true);
});
