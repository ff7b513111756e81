import type { CgroupHost } from "../../../mod/cgroups/detect.ts";
import {
  mayRunWithoutCgroup,
  placeResources,
  planCgroup,
  recordOf,
} from "../../../mod/cgroups/plan.ts";
import { renderError } from "../../../mod/errors.ts";
import { assertEquals, assertMatch, fail } from "../../support/assert.ts";

const HYBRID: CgroupHost = {
  mode: "hybrid",
  v1: [
    { controllers: ["cpu", "cpuacct"], mountPoint: "/cg/cpu", own: "/cg/cpu" },
    { controllers: ["devices"], mountPoint: "/cg/dev", own: "/cg/dev/us" },
    { controllers: ["name=systemd"], mountPoint: "/cg/sd", own: "/cg/sd" },
  ],
  v2: { controllers: ["hugetlb"], mountPoint: "/cg/u", own: "/cg/u/a/us" },
};

const UNIFIED: CgroupHost = {
  mode: "unified",
  v1: [],
  v2: {
    controllers: ["memory", "pids"],
    mountPoint: "/cg",
    own: "/cg/user/us",
  },
};

Deno.test("planCgroup() places a container in every hierarchy of a hybrid host", () => {
  const plan = planCgroup(
    {
      cgroupsPath: "/x/y",
      resources: {
        cpu: { shares: 9 },
        hugepageLimits: [{ pageSize: "2MB", limit: 1 }],
      },
    },
    "id",
    HYBRID,
  );
  assertEquals(plan.directories.map(({ path }) => path), [
    "/cg/cpu/x/y",
    "/cg/dev/x/y",
    "/cg/sd/x/y",
    "/cg/u/x/y",
  ]);
  assertEquals(recordOf(plan.mode, plan.directories), {
    mode: "hybrid",
    paths: {
      cpu: "/cg/cpu/x/y",
      cpuacct: "/cg/cpu/x/y",
      devices: "/cg/dev/x/y",
      "name=systemd": "/cg/sd/x/y",
      "": "/cg/u/x/y",
    },
  });
  assertEquals(plan.early.map((w) => `${w.directory}/${w.file}`), [
    "/cg/cpu/x/y/cpu.shares",
    "/cg/u/x/y/hugetlb.2MB.max",
    "/cg/u/x/y/hugetlb.2MB.rsvd.max",
  ]);
  assertEquals(plan.devices?.version, 1);
  assertEquals(plan.devices?.directory, "/cg/dev/x/y");
});

Deno.test("planCgroup() names a cgroup after the container where none is named", () => {
  assertEquals(
    planCgroup(undefined, "id", HYBRID).directories.map((d) => d.path),
    [
      "/cg/cpu/id",
      "/cg/dev/us/id",
      "/cg/sd/id",
      "/cg/u/a/id",
    ],
  );
  const { directories, devices } = planCgroup({}, "id", UNIFIED);
  assertEquals(directories.map((d) => d.path), ["/cg/user/id"]);
  assertEquals(devices?.version, 2);
});

Deno.test("planCgroup() is plain data", () => {
  const plan = planCgroup({ resources: { pids: { limit: 3 } } }, "id", UNIFIED);
  assertEquals(JSON.parse(JSON.stringify(plan)), plan);
  assertEquals(plan.late, [{
    version: 2,
    controller: "pids",
    file: "pids.max",
    value: "3",
    late: true,
    directory: "/cg/user/id",
  }]);
});

Deno.test("planCgroup() leaves device rules to the host's root", () => {
  const plan = planCgroup({ cgroupsPath: "/a" }, "id", UNIFIED, {
    rootless: true,
  });
  assertEquals(plan.devices, undefined);
});

Deno.test("planCgroup() on a host without cgroups refuses limits only", () => {
  const none: CgroupHost = { mode: "none", v1: [] };
  const plan = planCgroup({ cgroupsPath: "/a" }, "id", none);
  assertEquals([plan.mode, plan.directories.length], ["none", 0]);
  try {
    planCgroup({ resources: { memory: { limit: 5 } } }, "id", none);
  } catch (error) {
    return assertMatch(renderError(error), /needs the cgroup controller "mem/);
  }
  fail("nothing was refused");
});

Deno.test("mayRunWithoutCgroup() needs a user that is not root and asks for nothing", () => {
  const rootless = { rootless: true };
  assertEquals(mayRunWithoutCgroup(undefined, rootless), true);
  assertEquals(mayRunWithoutCgroup({}, rootless), true);
  assertEquals(
    mayRunWithoutCgroup(
      { resources: { devices: [{ allow: false, access: "rwm" }] } },
      rootless,
    ),
    true,
  );
  assertEquals(mayRunWithoutCgroup({}, {}), false);
  assertEquals(mayRunWithoutCgroup({ cgroupsPath: "/a" }, rootless), false);
  assertEquals(
    mayRunWithoutCgroup({ resources: { pids: { limit: 9 } } }, rootless),
    false,
  );
});

Deno.test("planCgroup() lets a rootless container do without hierarchies that do not show us", () => {
  const hidden: CgroupHost = {
    mode: "unified",
    v1: [],
    v2: { controllers: ["memory"], mountPoint: "/cg" },
  };
  const plan = planCgroup({}, "id", hidden, { rootless: true });
  assertEquals([plan.mode, plan.dispensable], ["none", true]);
  try {
    planCgroup({}, "id", hidden);
  } catch (error) {
    return assertMatch(renderError(error), /does not show the runtime's own/);
  }
  fail("nothing was refused");
});

Deno.test("placeResources() finds the directories of a record again", () => {
  const directories = [
    { version: 1, controllers: ["cpu"], mountPoint: "", path: "/cg/cpu/x" },
    { version: 2, controllers: ["memory"], mountPoint: "", path: "/cg/u/x" },
  ] as const;
  const { early, late } = placeResources(
    { cpu: { shares: 5 }, memory: { limit: 6 } },
    directories,
  );
  assertEquals([...early, ...late].map((w) => `${w.directory}/${w.file}`), [
    "/cg/cpu/x/cpu.shares",
    "/cg/u/x/memory.max",
  ]);
});
