import { features } from "../../../mod/spec/features.ts";
import {
  containerState,
  hookState,
  type StateFacts,
} from "../../../mod/spec/state.ts";
import { assertEquals } from "../../support/assert.ts";

const FACTS: StateFacts = {
  id: "a",
  status: "created",
  pid: 12,
  bundle: "/b",
  rootfs: "/b/rootfs",
  annotations: { "com.example": "c" },
};

Deno.test("hookState() has OCI's fields, and crun's root", () => {
  assertEquals(
    JSON.stringify(hookState({ ...FACTS, status: "creating" })),
    '{"ociVersion":"1.3.0","id":"a","pid":12,"status":"creating","bundle":"/b",' +
      '"root":"/b/rootfs","annotations":{"com.example":"c"}}',
  );
});

Deno.test("containerState() has what engines read", () => {
  const created = "2026-01-02T03:04:05.678Z";
  assertEquals(
    JSON.stringify(containerState(FACTS, created)),
    '{"ociVersion":"1.3.0","id":"a","pid":12,"status":"created","bundle":"/b",' +
      '"rootfs":"/b/rootfs","created":"2026-01-02T03:04:05.678Z",' +
      '"annotations":{"com.example":"c"},"owner":""}',
  );
  assertEquals(containerState(FACTS, created, "root").owner, "root");
});

Deno.test("containerState() of a stopped container has the pid 0", () => {
  const stopped: StateFacts = { ...FACTS, status: "stopped" };
  assertEquals(containerState(stopped, "").pid, 0);
  assertEquals(hookState(stopped).pid, 0);
});

Deno.test("the state documents leave annotations out where there are none", () => {
  for (const annotations of [undefined, {}]) {
    const state = containerState({ ...FACTS, annotations }, "");
    assertEquals("annotations" in state, false);
    assertEquals("annotations" in hookState({ ...FACTS, annotations }), false);
  }
});

Deno.test("features() says what is there, and no more", () => {
  const made = features({ version: "0.1.0", mountOptions: ["ro", "bind"] });
  const { capabilities, ...linux } = made.linux;
  assertEquals<unknown>({ ...made, linux }, {
    ociVersionMin: "1.0.0",
    ociVersionMax: "1.3.0",
    hooks: [
      "prestart",
      "createRuntime",
      "createContainer",
      "startContainer",
      "poststart",
      "poststop",
    ],
    mountOptions: ["bind", "ro"],
    linux: {
      namespaces: [
        "cgroup",
        "ipc",
        "mount",
        "network",
        "pid",
        "time",
        "user",
        "uts",
      ],
      cgroup: {
        v1: true,
        v2: true,
        systemd: false,
        systemdUser: false,
        rdma: false,
      },
      seccomp: { enabled: false },
      apparmor: { enabled: false },
      selinux: { enabled: false },
      intelRdt: { enabled: false },
      mountExtensions: { idmap: { enabled: false } },
      netDevices: { enabled: false },
    },
    annotations: {
      "org.opencontainers.runc.checkpoint.enabled": "false",
      "burrow.version": "0.1.0",
    },
    potentiallyUnsafeConfigAnnotations: [],
  });
  assertEquals(capabilities.length, 41);
  assertEquals(capabilities[21], "CAP_SYS_ADMIN");
});

Deno.test("features() takes each thing that comes to be there", () => {
  const { linux, potentiallyUnsafeConfigAnnotations } = features({
    version: "1",
    mountOptions: [],
    cgroup: { systemd: true },
    seccomp: { enabled: true, actions: ["SCMP_ACT_LOG"] },
    apparmor: true,
    selinux: true,
    idmap: true,
    intelRdt: { enabled: true, schemata: true, monitoring: true },
    memoryPolicy: { modes: ["MPOL_BIND"], flags: [] },
    netDevices: true,
    unsafeAnnotations: ["org.systemd.property."],
  });
  assertEquals(linux.cgroup.systemd, true);
  assertEquals(linux.cgroup.v2, true);
  assertEquals(linux.seccomp.actions, ["SCMP_ACT_LOG"]);
  assertEquals(linux.apparmor.enabled && linux.selinux.enabled, true);
  assertEquals(linux.mountExtensions.idmap.enabled, true);
  assertEquals(linux.intelRdt.monitoring, true);
  assertEquals(linux.memoryPolicy?.modes, ["MPOL_BIND"]);
  assertEquals(linux.netDevices.enabled, true);
  assertEquals(potentiallyUnsafeConfigAnnotations, ["org.systemd.property."]);
});
