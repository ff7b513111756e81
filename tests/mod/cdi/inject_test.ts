import { editsOf, injectDevices } from "../../../mod/cdi/inject.ts";
import type { Spec } from "../../../mod/spec/config.ts";
import { assertEquals, assertMatch } from "../../support/assert.ts";
import { refusal } from "../spec/refusal.ts";
import { deviceFile, directory, HOST, registry, registryOf } from "./file.ts";

const BASE: Spec = {
  ociVersion: "1.3.0",
  process: { user: { uid: 0, gid: 0 }, args: ["x"], cwd: "/" },
};

/** Two files of two devices each, which say their names in order. */
function twoFiles() {
  const file = (kind: string) =>
    deviceFile(undefined, {
      kind,
      containerEdits: {
        env: [`F=${kind}`],
        intelRdt: { closID: kind.charAt(0) },
      },
      devices: ["0", "1"].map((name) => ({
        name,
        containerEdits: { env: [`D=${kind}${name}`] },
      })),
    });
  return registry({ "a.json": file("a/c"), "b.json": file("b/c") });
}

Deno.test("a file's edits come before those of its first device, and once", () => {
  assertEquals(
    editsOf(twoFiles(), ["b/c=1", "a/c=0", "b/c=0", "a/c=0"]).env,
    ["F=b/c", "D=b/c1", "F=a/c", "D=a/c0", "D=b/c0", "D=a/c0"],
  );
});

Deno.test("of Intel RDT the last is kept", () => {
  assertEquals(editsOf(twoFiles(), ["b/c=1", "a/c=0"]).intelRdt, {
    closID: "a",
  });
});

Deno.test("the edits of all are those of the file that won", () => {
  const file = (mark: string) =>
    deviceFile({ env: [`D=${mark}`] }, {
      containerEdits: { env: [`F=${mark}`] },
    });
  const found = registryOf(
    directory("/low", { "a.json": file("low") }),
    directory("/high", { "a.json": file("high") }),
  );
  assertEquals(editsOf(found, ["vendor.test/class=dev"]).env, [
    "F=high",
    "D=high",
  ]);
});

Deno.test("a device that is named twice is injected twice", () => {
  const found = registry({
    "a.json": deviceFile({
      deviceNodes: [{ path: "/dev/char" }],
      hooks: [{ hookName: "poststop", path: "/h" }],
    }),
  });
  const name = "vendor.test/class=dev";
  const { spec } = injectDevices(BASE, found, [name, name], HOST);
  assertEquals(spec.hooks?.poststop?.length, 2);
  assertEquals(spec.linux?.devices?.length, 1);
  assertEquals(spec.linux?.resources?.devices?.length, 2);
});

Deno.test("where one device cannot be had, none is injected, and all such are named", () => {
  const line = refusal(() =>
    injectDevices(BASE, twoFiles(), ["x/y=z", "a/c=0", "b/c=9"], HOST)
  );
  assertMatch(line, /^unresolvable CDI devices x\/y=z, b\/c=9: /);
});

Deno.test("no device changes nothing", () => {
  assertEquals(injectDevices(BASE, twoFiles(), [], HOST).spec, BASE);
});
