import type { CdiFile } from "../../../mod/cdi/schema.ts";
import { CDI_VERSIONS, minimumVersion } from "../../../mod/cdi/version.ts";
import { assertEquals, assertMatch } from "../../support/assert.ts";
import { deviceFile, fault } from "./file.ts";

const ENV = { env: ["A=1"] };

/** What raises the least version, in the table's order. */
const NEEDS: readonly (readonly [string, string, unknown])[] = [
  ["0.3.0", "", deviceFile(ENV)],
  [
    "0.3.0",
    "",
    deviceFile({
      deviceNodes: [{ path: "/d", permissions: "none", uid: 1, fileMode: 438 }],
    }),
  ],
  [
    "0.3.0",
    "",
    deviceFile(ENV, {
      devices: [{ name: "a:b", annotations: {}, containerEdits: ENV }],
    }),
  ],
  [
    "0.3.0",
    "",
    deviceFile({
      mounts: [{ hostPath: "/a", containerPath: "/a", type: "" }],
    }),
  ],
  [
    "0.4.0",
    "devices[0].containerEdits.mounts[0].type",
    deviceFile({
      mounts: [{ hostPath: "/a", containerPath: "/a", type: "bind" }],
    }),
  ],
  [
    "0.5.0",
    "devices[0].containerEdits.deviceNodes[0].hostPath",
    deviceFile({ deviceNodes: [{ path: "/d", hostPath: "/e" }] }),
  ],
  [
    "0.5.0",
    "devices[0].name",
    deviceFile(ENV, {
      devices: [{ name: "0", containerEdits: ENV }],
    }),
  ],
  ["0.6.0", "annotations", deviceFile(ENV, { annotations: { a: "b" } })],
  [
    "0.6.0",
    "devices[0].annotations",
    deviceFile(ENV, {
      devices: [{ name: "a", annotations: { a: "b" }, containerEdits: ENV }],
    }),
  ],
  ["0.6.0", "kind", deviceFile(ENV, { kind: "v/c.d" })],
  [
    "0.7.0",
    "devices[0].containerEdits.intelRdt",
    deviceFile({ intelRdt: { closID: "x" } }),
  ],
  [
    "0.7.0",
    "containerEdits.additionalGids",
    deviceFile(ENV, { containerEdits: { additionalGids: [5] } }),
  ],
  [
    "1.1.0",
    "devices[0].containerEdits.intelRdt.schemata",
    deviceFile({ intelRdt: { schemata: [] } }),
  ],
  [
    "1.1.0",
    "devices[0].containerEdits.intelRdt.enableMonitoring",
    deviceFile({ intelRdt: { enableMonitoring: true } }),
  ],
  [
    "1.1.0",
    "devices[0].containerEdits.netDevices",
    deviceFile({ netDevices: [{ hostInterfaceName: "a", name: "b" }] }),
  ],
];

Deno.test("minimumVersion() names the version that each field needs, and the field", () => {
  for (const [version, field, file] of NEEDS) {
    assertEquals(minimumVersion(file as CdiFile), { version, field });
  }
});

Deno.test("a file passes with its least version and newer ones, and no older one", () => {
  for (const [least, field, file] of NEEDS) {
    const first = CDI_VERSIONS.findIndex((version) => version === least);
    for (const [i, cdiVersion] of CDI_VERSIONS.entries()) {
      const line = fault({ ...file as CdiFile, cdiVersion });
      assertEquals(
        line,
        i >= first
          ? undefined
          : `cdiVersion: got "${cdiVersion}", expected at least "${least}", which ${field} needs`,
      );
    }
  }
});

Deno.test("a v in front of the version passes", () => {
  assertEquals(fault(deviceFile(ENV, { cdiVersion: "v0.5.0" })), undefined);
});

Deno.test("0.1.0 and 0.2.0 are never enough", () => {
  for (const cdiVersion of ["0.1.0", "0.2.0"]) {
    assertMatch(
      fault(deviceFile(ENV, { cdiVersion })) ?? "",
      /expected at least "0.3.0"$/,
    );
  }
});

Deno.test("versions that never were, or are not yet, are refused", () => {
  for (const cdiVersion of ["0.9.0", "1.2.0", "2.0.0", "0.5", "", "x", "0.6"]) {
    assertEquals(
      fault(deviceFile(ENV, { cdiVersion })),
      `cdiVersion: got "${cdiVersion}", expected a CDI version from "0.3.0" to "1.1.0"`,
    );
  }
});

Deno.test("a version to come is told before a field to come", () => {
  assertMatch(
    fault(deviceFile({ novelty: 1 }, { cdiVersion: "1.2.0" })) ?? "",
    /^cdiVersion: /,
  );
});
