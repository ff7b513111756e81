import { assertEquals, assertIncludes } from "../support/assert.ts";
import { runOnce, shell } from "../support/bundle.ts";
import { isRunc } from "../support/runtime.ts";
import type { Spec } from "../support/spec.ts";

/** Sets `linux.memoryPolicy`. */
function policy(value: Record<string, unknown>) {
  return (spec: Spec) =>
    void Object.assign(spec.linux, { memoryPolicy: value });
}

for (
  const [value, wanted] of [
    [{ mode: "MPOL_BIND", nodes: "0" }, "bind:0"],
    [{ mode: "MPOL_PREFERRED", nodes: "0" }, "prefer:0"],
    [{ mode: "MPOL_PREFERRED_MANY", nodes: "0" }, "prefer (many):0"],
    [{ mode: "MPOL_INTERLEAVE", nodes: "0" }, "interleave:0"],
    [{ mode: "MPOL_LOCAL" }, "local"],
    [{ mode: "MPOL_DEFAULT" }, "default"],
    [
      { mode: "MPOL_BIND", nodes: "0", flags: ["MPOL_F_STATIC_NODES"] },
      "bind=static:0",
    ],
    [
      { mode: "MPOL_INTERLEAVE", nodes: "0", flags: ["MPOL_F_RELATIVE_NODES"] },
      "interleave=relative:0",
    ],
  ] as const
) {
  Deno.test(`linux.memoryPolicy ${JSON.stringify(value)} is in force`, async () => {
    // numa_maps(5): address, policy, what it is; a name may hold a blank.
    const line = "grep ' stack ' /proc/self/numa_maps | cut -d' ' -f2-3";
    const seen = await shell(line, policy(value));
    // runc 1.1.5 does not know the field.
    if (!isRunc()) assertIncludes(`${seen} `, `${wanted} `);
  });
}

Deno.test("linux.memoryPolicy of a node that is not there is refused", async () => {
  const { code, stderr } = await runOnce({
    edit: policy({ mode: "MPOL_BIND", nodes: "900" }),
  });
  if (isRunc()) return;
  assertEquals(code, 1);
  assertIncludes(stderr, "linux.memoryPolicy");
});

Deno.test("linux.memoryPolicy with a list that is none is refused", async () => {
  for (const nodes of ["3-1", "1-", "99999999"]) {
    const { code, stderr } = await runOnce({
      edit: policy({ mode: "MPOL_BIND", nodes }),
    });
    if (isRunc()) return;
    assertEquals(code, 1);
    assertIncludes(stderr, "linux.memoryPolicy.nodes");
  }
});
