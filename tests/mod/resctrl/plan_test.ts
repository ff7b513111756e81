import { missingLines, planResctrl } from "../../../mod/resctrl/plan.ts";
import { assertEquals, assertIncludes, fail } from "../../support/assert.ts";

const AT = "/sys/fs/resctrl";

/** The plan's one step. */
function planned(intelRdt: Record<string, unknown>) {
  const [step] = planResctrl({ intelRdt }, "c1", AT);
  return step ?? fail("no step");
}

Deno.test("planResctrl() plans nothing where nothing is asked", () => {
  assertEquals(planResctrl({}, "c1", undefined), []);
});

Deno.test("planResctrl() refuses a host without resctrl, and says what to do", () => {
  try {
    planResctrl({ intelRdt: {} }, "c1", undefined);
  } catch (error) {
    const text = String(error);
    assertIncludes(text, "linux.intelRdt: no resctrl filesystem is mounted");
    return;
  }
  fail("it did not");
});

Deno.test("planResctrl() makes a class of the container's own without a closID", () => {
  const { directory, own, existing } = planned({ memBwSchema: "MB:0=50" });
  assertEquals([directory, own, existing], [`${AT}/c1`, true, false]);
});

Deno.test("planResctrl() wants the class of a closID where no schema is told", () => {
  const { directory, own, existing } = planned({ closID: "guest" });
  assertEquals([directory, own, existing], [`${AT}/guest`, false, true]);
  assertEquals(
    planned({ closID: "guest", schemata: ["MB:0=1"] }).existing,
    false,
  );
});

Deno.test('planResctrl() takes the closID "/" for the default class', () => {
  assertEquals(planned({ closID: "/" }).directory, AT);
  const { monitor } = planned({ closID: "/", enableMonitoring: true });
  assertEquals(monitor, `${AT}/mon_groups/c1`);
});

Deno.test("planResctrl() puts L3 before MB before schemata, and MB in once", () => {
  const { schemata } = planned({
    l3CacheSchema: "L3:0=f\nMB:0=10",
    memBwSchema: "MB:0=50",
    schemata: ["L2:0=3"],
  });
  assertEquals(schemata, ["L3:0=f", "MB:0=50", "L2:0=3"]);
});

Deno.test("missingLines() knows a line in the kernel's own spelling", () => {
  const there = "    MB:0= 50;1=100\n    L3:0=000f;1=0ff0\n";
  assertEquals(missingLines(["L3:1=ff0;0=F", "MB:0=50;1=100"], there), []);
  assertEquals(missingLines(["MB:0=60;1=100"], there), ["MB:0=60;1=100"]);
});
