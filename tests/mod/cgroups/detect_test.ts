import { parseCgroupHost } from "../../../mod/cgroups/detect.ts";
import { assertEquals } from "../../support/assert.ts";

/** Debian 12 with systemd. */
const UNIFIED = {
  mountinfo: `24 29 0:22 / /sys rw,nosuid shared:7 - sysfs sysfs rw
29 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
35 24 0:29 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate
`,
  selfCgroup: "0::/user.slice/user-1000.slice/session-1.scope\n",
  controllers: () => "cpuset cpu io memory hugetlb pids rdma misc\n",
};

/** A host with systemd in its hybrid mode, and joined controllers. */
const HYBRID = {
  mountinfo: `24 29 0:22 / /sys rw - sysfs sysfs rw
29 1 8:1 / / rw,relatime - ext4 /dev/sda1 rw
31 24 0:28 / /sys/fs/cgroup ro - tmpfs tmpfs ro,mode=755
32 31 0:29 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw,nsdelegate
33 31 0:30 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,name=systemd
36 31 0:33 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct
37 31 0:34 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory
38 31 0:35 / /sys/fs/cgroup/openrc rw - cgroup cgroup rw,name=openrc
39 29 0:34 / /opt/copy\\040of/memory rw - cgroup cgroup rw,memory
`,
  selfCgroup: `5:name=openrc:/
4:memory:/user.slice
3:cpu,cpuacct:/user.slice
2:pids:/not/mounted
1:name=systemd:/user.slice/session-1.scope
0::/user.slice/session-1.scope
`,
  controllers: (mountPoint: string) =>
    mountPoint === "/sys/fs/cgroup/unified" ? "hugetlb misc\n" : "",
};

Deno.test("parseCgroupHost() reads a unified host", () => {
  assertEquals(parseCgroupHost(UNIFIED), {
    mode: "unified",
    v1: [],
    v2: {
      controllers: [
        "cpuset",
        "cpu",
        "io",
        "memory",
        "hugetlb",
        "pids",
        "rdma",
        "misc",
      ],
      mountPoint: "/sys/fs/cgroup",
      own: "/sys/fs/cgroup/user.slice/user-1000.slice/session-1.scope",
    },
  });
});

Deno.test("parseCgroupHost() keeps joined controllers and name=systemd of a hybrid host", () => {
  const host = parseCgroupHost(HYBRID);
  assertEquals(host.mode, "hybrid");
  assertEquals(host.v1, [
    {
      controllers: ["memory"],
      mountPoint: "/sys/fs/cgroup/memory",
      own: "/sys/fs/cgroup/memory/user.slice",
    },
    {
      controllers: ["cpu", "cpuacct"],
      mountPoint: "/sys/fs/cgroup/cpu,cpuacct",
      own: "/sys/fs/cgroup/cpu,cpuacct/user.slice",
    },
    {
      controllers: ["name=systemd"],
      mountPoint: "/sys/fs/cgroup/systemd",
      own: "/sys/fs/cgroup/systemd/user.slice/session-1.scope",
    },
  ]);
  assertEquals(host.v2?.controllers, ["hugetlb", "misc"]);
  assertEquals(host.v2?.mountPoint, "/sys/fs/cgroup/unified");
});

Deno.test("parseCgroupHost() calls a host without the v2 tree legacy", () => {
  const mountinfo = HYBRID.mountinfo.replace(/^32 .*\n/m, "");
  const host = parseCgroupHost({ ...HYBRID, mountinfo });
  assertEquals(host.mode, "legacy");
  assertEquals(host.v2, undefined);
  assertEquals(host.v1.length, 3);
});

Deno.test("parseCgroupHost() lets no stray v1 mount make a unified host hybrid", () => {
  const host = parseCgroupHost({
    ...UNIFIED,
    mountinfo: UNIFIED.mountinfo +
      "90 29 0:60 / /opt/vpn/net_cls rw - cgroup net_cls rw,net_cls\n",
    selfCgroup: "1:net_cls:/\n" + UNIFIED.selfCgroup,
  });
  assertEquals(host.mode, "unified");
  assertEquals(host.v1, []);
});

Deno.test("parseCgroupHost() finds the v1 mount that others hide nothing of", () => {
  const mountinfo = HYBRID.mountinfo.replace(/^37 .*\n/m, "");
  const host = parseCgroupHost({ ...HYBRID, mountinfo });
  assertEquals(host.v1[0]?.mountPoint, "/opt/copy of/memory");
});

Deno.test("parseCgroupHost() leaves out mounts that are mounted over", () => {
  const over = HYBRID.mountinfo +
    // On top of /sys/fs/cgroup itself, so all that it held is out of sight.
    "80 31 0:70 / /sys/fs/cgroup rw - tmpfs tmpfs rw\n" +
    "81 80 0:71 / /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids\n";
  const host = parseCgroupHost({
    ...HYBRID,
    mountinfo: over.replace(/^39 .*\n/m, ""),
  });
  assertEquals(host.mode, "legacy");
  assertEquals(host.v1.map((h) => h.mountPoint), ["/sys/fs/cgroup/pids"]);

  const stacked = parseCgroupHost({
    ...UNIFIED,
    mountinfo: UNIFIED.mountinfo +
      "70 35 0:80 / /sys/fs/cgroup rw - tmpfs tmpfs rw\n",
  });
  assertEquals(stacked.mode, "none");
});

Deno.test("parseCgroupHost() says none where nothing is mounted", () => {
  const host = parseCgroupHost({ ...UNIFIED, mountinfo: "" });
  assertEquals(host, { mode: "none", v1: [] });
});

/** The own directory as a container with this mount root and path sees it. */
function ownOf(root: string, path: string): string | undefined {
  return parseCgroupHost({
    mountinfo:
      `50 40 0:33 ${root} /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n`,
    selfCgroup: `4:memory:${path}\n`,
    controllers: () => "",
  }).v1[0]?.own;
}

Deno.test("parseCgroupHost() tells our own cgroup by what the mount shows", () => {
  const mount = "/sys/fs/cgroup/memory";
  assertEquals(ownOf("/", "/"), mount);
  assertEquals(ownOf("/", "/a/b"), `${mount}/a/b`);
  assertEquals(ownOf("/docker/1", "/docker/1"), mount);
  assertEquals(ownOf("/docker/1", "/docker/1/init"), `${mount}/init`);
  assertEquals(ownOf("/docker/1", "/docker/12"), undefined);
  assertEquals(ownOf("/", "/../other"), undefined);
  assertEquals(ownOf("/../..", "/"), undefined);
});
