import {
  annotatedDevices,
  annotationKey,
} from "../../../mod/cdi/annotation.ts";
import { assert, assertEquals } from "../../support/assert.ts";
import { refusal, refusalOf } from "../spec/refusal.ts";

Deno.test("annotatedDevices() reads names by the order of the keys", () => {
  assertEquals(
    annotatedDevices({
      "cdi.k8s.io/b_0": "v/c=2",
      "cdi.k8s.io/a_0": "v/c=0,v/c=1",
      "other.io/x": "nonsense",
    }),
    ["v/c=0", "v/c=1", "v/c=2"],
  );
});

Deno.test("annotatedDevices() finds none where there are none", () => {
  assertEquals(annotatedDevices(undefined), []);
  assertEquals(annotatedDevices({ "cdi.k8s.io": "v/c=0" }), []);
});

Deno.test("annotatedDevices() refuses all for one bad name, an empty value and blanks", () => {
  for (const value of ["", "v/c=0,", "v/c=0,x", "v/c=0, v/c=1", ","]) {
    assert(
      refusalOf(() => annotatedDevices({ "cdi.k8s.io/a_0": value }))
        ?.startsWith('annotation "cdi.k8s.io/a_0": CDI device "'),
      value,
    );
  }
});

Deno.test("annotationKey() joins plugin and device, slashes made _", () => {
  assertEquals(
    annotationKey("nvidia-device-plugin", "a/b/c"),
    "cdi.k8s.io/nvidia-device-plugin_a_b_c",
  );
});

Deno.test("annotationKey() takes 63 characters, and no more", () => {
  const device = "d".repeat(63 - "plugin_".length);
  assertEquals(
    annotationKey("plugin", device),
    `cdi.k8s.io/plugin_${device}`,
  );
  refusal(() => annotationKey("plugin", `${device}d`));
});

Deno.test("annotationKey() refuses odd ends, odd letters and nothing", () => {
  for (
    const [plugin, device] of [
      ["", "d"],
      ["p", ""],
      ["-p", "d"],
      ["p", "d-"],
      ["p", "d!"],
      ["p", "d d"],
    ] as const
  ) refusal(() => annotationKey(plugin, device), `${plugin} ${device}`);
});
