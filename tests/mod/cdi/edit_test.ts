import { applyEdits, mergeEnv } from "../../../mod/cdi/edit.ts";
import type { ContainerEdits, DeviceNode } from "../../../mod/cdi/schema.ts";
import type { Spec } from "../../../mod/spec/config.ts";
import { assert, assertEquals, assertMatch } from "../../support/assert.ts";
import { refusal } from "../spec/refusal.ts";
import { HOST } from "./file.ts";

/** The least of a spec. */
function spec(more: Partial<Spec> = {}): Spec {
  return {
    ociVersion: "1.3.0",
    process: { user: { uid: 0, gid: 0 }, args: ["x"], cwd: "/" },
    ...more,
  };
}

/** A spec after edits. */
function edited(edits: ContainerEdits, base = spec(), more = {}): Spec {
  return applyEdits(base, edits, { ...HOST, ...more }).spec;
}

/** The devices of a spec after a node was added. */
function nodes(node: Partial<DeviceNode>, base = spec()) {
  return edited({ deviceNodes: [{ path: "/dev/char", ...node }] }, base).linux;
}

Deno.test("empty edits make nothing, and change nothing", () => {
  const base = spec();
  const empty = {
    env: [],
    deviceNodes: [],
    netDevices: [],
    hooks: [],
    mounts: [],
    additionalGids: [],
  };
  for (const edits of [{}, empty]) {
    assertEquals(edited(edits, base), base);
  }
});

Deno.test("edits leave the spec that they are applied to alone", () => {
  const base = spec({
    mounts: [{ destination: "/a/b" }],
    hooks: { poststop: [{ path: "/h" }] },
    linux: { devices: [{ path: "/dev/char", type: "c" }], resources: {} },
  });
  const before = structuredClone(base);
  edited({
    env: ["A=1"],
    deviceNodes: [{ path: "/dev/char" }],
    netDevices: [{ hostInterfaceName: "a", name: "b" }],
    hooks: [{ hookName: "poststop", path: "/i" }],
    mounts: [{ hostPath: "/x", containerPath: "/a" }],
    additionalGids: [7],
    intelRdt: { closID: "c" },
  }, base);
  assertEquals(base, before);
});

Deno.test("variables are replaced where they are, of twins the last, else appended", () => {
  assertEquals(
    mergeEnv(["X=1", "A=1", "X=2", "B"], ["X=3", "C=1", "B=2", "C=2", "XX=1"]),
    ["X=1", "A=1", "X=3", "B=2", "C=2", "XX=1"],
  );
});

Deno.test("a node takes type, numbers and mode from the host's", () => {
  assertEquals(nodes({})?.devices, [{
    path: "/dev/char",
    type: "c",
    fileMode: 0o666,
    major: 195,
    minor: 3,
  }]);
  assertEquals(nodes({ path: "/dev/x", hostPath: "/dev/block" })?.devices, [{
    path: "/dev/x",
    type: "b",
    fileMode: 0o640,
    major: 8,
    minor: 1,
  }]);
});

Deno.test("what a file says of a node is kept", () => {
  assertEquals(
    nodes({ type: "c", major: 195, minor: 3, fileMode: 0o600, uid: 4, gid: 5 })
      ?.devices,
    [{
      path: "/dev/char",
      uid: 4,
      gid: 5,
      type: "c",
      fileMode: 0o600,
      major: 195,
      minor: 3,
    }],
  );
});

Deno.test("major 0 takes both numbers from the host's", () => {
  const [device] = nodes({ type: "c", major: 0, minor: 9 })?.devices ?? [];
  assertEquals([device?.major, device?.minor], [195, 3]);
});

Deno.test("a node that the host does not have must have type and major", () => {
  const gone = "/dev/gone";
  for (
    const node of [{}, { type: "c" }, { major: 1 }, { type: "b", minor: 1 }]
  ) {
    assertMatch(
      refusal(() => nodes({ path: gone, ...node })),
      /^CDI device node "\/dev\/gone": host's "\/dev\/gone": no such file/,
    );
  }
  assertEquals(nodes({ path: gone, type: "c", major: 9 })?.devices, [
    { path: gone, type: "c", major: 9, minor: 0 },
  ]);
  assertEquals(nodes({ path: gone, type: "p" })?.devices, [
    { path: gone, type: "p" },
  ]);
});

Deno.test("a symlink is no node, unless the file says what it would be", () => {
  assertMatch(refusal(() => nodes({ path: "/dev/link" })), /not a device node/);
  assertEquals(
    nodes({ path: "/dev/link", type: "c", major: 1 })?.devices?.[0]?.major,
    1,
  );
});

Deno.test("a node of another type than the host's is refused", () => {
  assertMatch(
    refusal(() => nodes({ type: "b" })),
    /^CDI device node "\/dev\/char": type: got "b", expected "c"/,
  );
  refusal(() => nodes({ path: "/dev/pipe", type: "u", major: 1 }));
});

Deno.test("type u is c: no mismatch, and the cgroup allows it", () => {
  const linux = nodes({ type: "u" });
  assertEquals(linux?.devices?.[0]?.type, "u");
  assertEquals(linux?.resources?.devices, [
    { allow: true, type: "c", major: 195, minor: 3, access: "rwm" },
  ]);
});

Deno.test("stale numbers are kept with a warning, or the host's taken", () => {
  const deviceNodes = [{ path: "/dev/char", major: 99, minor: 7 }];
  for (const [hostNumbers, numbers] of [[false, [99, 7]], [true, [195, 3]]]) {
    const { spec: after, warnings } = applyEdits(spec(), { deviceNodes }, {
      ...HOST,
      hostNumbers: hostNumbers === true,
    });
    const [device] = after.linux?.devices ?? [];
    const [rule] = after.linux?.resources?.devices ?? [];
    assertEquals([device?.major, device?.minor], numbers as number[]);
    assertEquals([rule?.major, rule?.minor], numbers as number[]);
    assertMatch(
      warnings.join(),
      /^CDI device node "\/dev\/char": the file says 99:7, the host's "\/dev\/char" is 195:3; /,
    );
  }
});

Deno.test("numbers that are the host's get no warning", () => {
  const deviceNodes = [{ path: "/dev/char", major: 195, minor: 3 }];
  assertEquals(applyEdits(spec(), { deviceNodes }, HOST).warnings, []);
});

Deno.test("a node takes the place of the first at its path, at the end", () => {
  const base = spec({
    linux: {
      devices: [
        { path: "/dev/char", type: "p" },
        { path: "/dev/other", type: "p" },
      ],
    },
  });
  assertEquals(
    nodes({}, base)?.devices?.map(({ path, type }) => [path, type]),
    [
      ["/dev/other", "p"],
      ["/dev/char", "c"],
    ],
  );
});

Deno.test("the cgroup allows characters and blocks, rwm or as said, twice if twice", () => {
  const linux = edited({
    deviceNodes: [
      { path: "/dev/char", permissions: "rw" },
      { path: "/dev/char" },
      { path: "/dev/block" },
      { path: "/dev/pipe" },
      { path: "/dev/char", permissions: "none" },
    ],
  }, spec({ linux: { resources: { devices: [{ allow: false }] } } })).linux;
  assertEquals(linux?.resources?.devices, [
    { allow: false },
    { allow: true, type: "c", major: 195, minor: 3, access: "rw" },
    { allow: true, type: "c", major: 195, minor: 3, access: "rwm" },
    { allow: true, type: "b", major: 8, minor: 1, access: "rwm" },
  ]);
});

Deno.test("a node without owner gets the user's, where that is not root", () => {
  const base = spec({
    process: { user: { uid: 5, gid: 6 }, args: ["x"], cwd: "/" },
  });
  const owners = (node: Partial<DeviceNode>) =>
    nodes(node, base)?.devices?.map(({ uid, gid }) => [uid, gid]);
  assertEquals(owners({}), [[5, 6]]);
  assertEquals(owners({ uid: 0 }), [[0, 6]]);
  assertEquals(owners({ gid: 9 }), [[5, 9]]);
});

Deno.test("mounts replace the first of the same text, and all are sorted by depth", () => {
  const base = spec({
    mounts: [
      { destination: "/a/b/c" },
      { destination: "/a" },
      { destination: "/a/b/", source: "kept" },
      { destination: "/a/b", source: "gone" },
      { destination: "/" },
    ],
  });
  const { mounts } = edited({
    mounts: [
      { hostPath: "/new", containerPath: "/a/b", options: ["bind"] },
      { hostPath: "/new", containerPath: "/z", type: "tmpfs" },
    ],
  }, base);
  assertEquals(mounts, [
    { destination: "/a" },
    { destination: "/" },
    { destination: "/z", source: "/new", type: "tmpfs" },
    { destination: "/a/b/", source: "kept" },
    { destination: "/a/b", source: "/new", options: ["bind"] },
    { destination: "/a/b/c" },
  ]);
});

Deno.test("depth is that of the cleaned path", () => {
  const { mounts } = edited({
    mounts: ["/x/y/z", "//p//q/", "/a/../b", "/a/./b/c/../..", "rel", "/.."]
      .map((containerPath) => ({ hostPath: "/h", containerPath })),
  });
  assertEquals(mounts?.map(({ destination }) => destination), [
    "rel",
    "/a/../b",
    "/a/./b/c/../..",
    "/..",
    "//p//q/",
    "/x/y/z",
  ]);
});

Deno.test("mounts are not sorted where none is added", () => {
  const mounts = [{ destination: "/a/b" }, { destination: "/a" }];
  assertEquals(edited({ env: ["A=1"] }, spec({ mounts })).mounts, mounts);
});

Deno.test("binds in a user namespace are mapped, once, and other mounts not", () => {
  const optionsOf = (mount: object, type: "user" | "pid", more = {}) =>
    edited(
      { mounts: [{ hostPath: "/h", containerPath: "/c", ...mount }] },
      spec({ linux: { namespaces: [{ type }] } }),
      more,
    ).mounts?.[0]?.options;
  assertEquals(optionsOf({ options: ["bind", "ro"] }, "user"), [
    "bind",
    "ro",
    "idmap",
  ]);
  assertEquals(optionsOf({ type: "bind" }, "user"), ["idmap"]);
  assertEquals(optionsOf({ options: ["rbind"] }, "user"), ["rbind", "ridmap"]);
  assertEquals(optionsOf({ options: ["rbind", "idmap"] }, "user"), [
    "rbind",
    "idmap",
  ]);
  assertEquals(optionsOf({ options: ["bind", "ridmap"] }, "user"), [
    "bind",
    "ridmap",
  ]);
  assertEquals(optionsOf({ type: "tmpfs", options: [] }, "user"), []);
  assertEquals(optionsOf({ options: ["bind"] }, "pid"), ["bind"]);
  assertEquals(optionsOf({ options: ["bind"] }, "user", { idmap: false }), [
    "bind",
  ]);
});

Deno.test("hooks go to the end of their lists, with what they say and no more", () => {
  const { hooks } = edited({
    hooks: [
      { hookName: "createContainer", path: "/b", args: ["b", "x"], env: [] },
      { hookName: "poststop", path: "/c", timeout: 3 },
      { hookName: "createContainer", path: "/d", timeout: 0 },
    ],
  }, spec({ hooks: { createContainer: [{ path: "/a" }] } }));
  assertEquals(hooks, {
    createContainer: [
      { path: "/a" },
      { path: "/b", args: ["b", "x"], env: [] },
      { path: "/d" },
    ],
    poststop: [{ path: "/c", timeout: 3 }],
  });
});

Deno.test("groups are added once, and never group 0", () => {
  const base = spec({
    process: {
      user: { uid: 0, gid: 0, additionalGids: [4] },
      args: ["x"],
      cwd: "/",
    },
  });
  assertEquals(
    edited({ additionalGids: [0, 5, 4, 5, 6] }, base).process?.user
      ?.additionalGids,
    [4, 5, 6],
  );
  assertEquals(edited({ additionalGids: [0] }), spec());
});

Deno.test("network devices are a map by the host's name, the last wins", () => {
  const { linux } = edited({
    netDevices: [
      { hostInterfaceName: "e0", name: "a" },
      { hostInterfaceName: "e1", name: "b" },
      { hostInterfaceName: "e0", name: "c" },
    ],
  }, spec({ linux: { netDevices: { e9: { name: "z" } } } }));
  assertEquals(linux?.netDevices, {
    e9: { name: "z" },
    e0: { name: "c" },
    e1: { name: "b" },
  });
});

Deno.test("Intel RDT replaces what was there, whole", () => {
  const { linux } = edited(
    { intelRdt: { closID: "b" } },
    spec({
      linux: { intelRdt: { closID: "a", schemata: ["L3:0=f"] } },
    }),
  );
  assertEquals(linux?.intelRdt, { closID: "b" });
});

Deno.test("fields that nobody knows outlive an edit", () => {
  const base = { ...spec(), "x-unknown": { a: 1 } };
  const after = edited({ env: ["A=1"] }, base);
  assert("x-unknown" in after);
});
