import { parseCdiFile } from "../../../mod/cdi/parse.ts";
import { assertEquals, assertMatch } from "../../support/assert.ts";
import { deviceFile, fault } from "./file.ts";

const AT = String.raw`^devices\[0\]\.containerEdits\.`;
const ENV = { env: ["A=1"] };

/** Fails unless each of these edits has a fault like this. */
function refuseEdits(pattern: string, ...all: unknown[]): void {
  for (const edits of all) {
    assertMatch(
      fault(deviceFile(edits)) ?? "passes",
      new RegExp(AT + pattern),
      JSON.stringify(edits),
    );
  }
}

/** Fails unless each of these edits passes. */
function passEdits(...all: unknown[]): void {
  for (const edits of all) {
    assertEquals(fault(deviceFile(edits)), undefined, JSON.stringify(edits));
  }
}

Deno.test("entries of env need a name and a =", () => {
  refuseEdits(String.raw`env\[0\]: .*NAME=VALUE`, { env: ["A"] }, {
    env: ["=A"],
  }, { env: [""] });
  passEdits({ env: ["A="] }, { env: ["A=B=C"] }, { env: ["a b=c"] });
});

Deno.test("device nodes need a path, a known type and letters of rwm", () => {
  const node = (fields: unknown) => ({
    deviceNodes: [{ path: "/d", ...fields as object }],
  });
  refuseEdits(String.raw`deviceNodes\[0\]\.path: `, node({ path: "" }), {
    deviceNodes: [{}],
  });
  refuseEdits(String.raw`deviceNodes\[0\]\.type: `, node({ type: "a" }));
  refuseEdits(
    String.raw`deviceNodes\[0\]\.permissions: `,
    node({ permissions: "rx" }),
    node({ permissions: "nonerw" }),
  );
  passEdits(
    ...["", "b", "c", "u", "p"].map((type) => node({ type })),
    ...["", "r", "mwr", "rrr", "none"].map((permissions) =>
      node({ permissions })
    ),
    node({ path: "relative" }),
  );
});

Deno.test("mounts need both paths, but not absolute ones", () => {
  refuseEdits(String.raw`mounts\[0\]\.hostPath: `, {
    mounts: [{ hostPath: "", containerPath: "/a" }],
  }, { mounts: [{ containerPath: "/a" }] });
  refuseEdits(String.raw`mounts\[0\]\.containerPath: `, {
    mounts: [{ hostPath: "/a", containerPath: "" }],
  });
  passEdits({
    mounts: [{
      hostPath: "a",
      containerPath: "b",
      options: ["odd"],
      type: "x",
    }],
  });
});

Deno.test("hooks need a known point and a path", () => {
  const hook = (fields: unknown) => ({
    hooks: [{ hookName: "prestart", path: "/h", ...fields as object }],
  });
  refuseEdits(
    String.raw`hooks\[0\]\.hookName: `,
    hook({ hookName: "" }),
    hook({ hookName: "createcontainer" }),
  );
  refuseEdits(String.raw`hooks\[0\]\.path: `, hook({ path: "" }));
  refuseEdits(String.raw`hooks\[0\]\.env\[1\]: `, hook({ env: ["A=1", "B"] }));
  passEdits(
    ...["prestart", "createRuntime", "createContainer", "startContainer"]
      .concat(["poststart", "poststop"])
      .map((hookName) => hook({ hookName })),
    hook({ timeout: -1 }),
    hook({ timeout: 0 }),
    hook({ path: "relative" }),
  );
});

Deno.test("the class of Intel RDT is / or the name of a directory", () => {
  const rdt = (closID: string) => ({ intelRdt: { closID } });
  refuseEdits(
    String.raw`intelRdt\.closID: `,
    rdt("."),
    rdt(".."),
    rdt("a/b"),
    rdt("a\nb"),
    rdt("x".repeat(4096)),
    rdt("é".repeat(2048)),
  );
  passEdits(rdt("/"), rdt(""), rdt("..."), rdt("x".repeat(4095)));
});

Deno.test("network devices need both names, and each once", () => {
  const nets = (...pairs: [string, string][]) => ({
    netDevices: pairs.map(([hostInterfaceName, name]) => ({
      hostInterfaceName,
      name,
    })),
  });
  refuseEdits(
    String.raw`netDevices\[0\]\.`,
    nets(["", "a"]),
    nets(["a", ""]),
  );
  refuseEdits(
    String.raw`netDevices\[1\]\.`,
    nets(["a", "x"], ["a", "y"]),
    nets(["a", "x"], ["b", "x"]),
  );
  passEdits(nets(["a", "x"], ["b", "y"]));
});

Deno.test("a device without edits, or with empty ones, makes the file bad", () => {
  for (
    const device of [{ name: "d" }, { name: "d", containerEdits: {} }, {
      name: "d",
      containerEdits: { env: [], mounts: [] },
    }]
  ) {
    assertMatch(
      fault(deviceFile(ENV, { devices: [device] })) ?? "passes",
      /^devices\[0\]\.containerEdits: got .*, expected at least one edit/,
    );
  }
  assertEquals(fault(deviceFile({ intelRdt: {} })), undefined);
});

Deno.test("edits of the whole file may be empty", () => {
  assertEquals(fault(deviceFile(ENV, { containerEdits: {} })), undefined);
});

Deno.test("a file needs devices, each name once", () => {
  const device = { name: "d", containerEdits: ENV };
  assertMatch(fault(deviceFile(ENV, { devices: [] })) ?? "", /^devices: got/);
  assertMatch(
    fault({ cdiVersion: "0.5.0", kind: "v/c" }) ?? "",
    /^devices: is missing, expected at least one device/,
  );
  assertMatch(
    fault(deviceFile(ENV, { devices: [device, device] })) ?? "",
    /^devices\[1\]\.name: got "d", expected each name once/,
  );
});

Deno.test("the first fault is told: version, kind, edits of all, devices", () => {
  const all = {
    cdiVersion: "0.3.0",
    kind: "v",
    containerEdits: { env: ["A"] },
    devices: [{ name: "0", containerEdits: { env: ["B"] } }],
  };
  assertMatch(fault(all) ?? "", /^cdiVersion: /);
  assertMatch(fault({ ...all, cdiVersion: "0.5.0" }) ?? "", /^kind: /);
  assertMatch(
    fault({ ...all, cdiVersion: "0.5.0", kind: "v/c" }) ?? "",
    /^containerEdits\.env/,
  );
});

Deno.test("keys of annotations, relative paths and timeouts of 0 get a warning", () => {
  const { warnings } = parseCdiFile(JSON.stringify(deviceFile({
    hooks: [{ hookName: "poststop", path: "h", timeout: 0 }],
    mounts: [{ hostPath: "a", containerPath: "/b" }],
  }, { annotations: { "Bad Key": "x", "good.io/key": "y" } })));
  assertEquals(warnings, [
    'annotations: "Bad Key" is no key of an annotation',
    'devices[0].containerEdits.hooks[0].path: "h" is not absolute',
    "devices[0].containerEdits.hooks[0].timeout: 0 is not above 0, ignoring",
    'devices[0].containerEdits.mounts[0].hostPath: "a" is not absolute',
  ]);
});
