import { assertEquals, assertIncludes } from "../support/assert.ts";
import { runOnce } from "../support/bundle.ts";
import { isRunc } from "../support/runtime.ts";

Deno.test("linux.intelRdt of a class that is not there is refused", async () => {
  const { code, stderr } = await runOnce({
    edit: (spec) =>
      void Object.assign(spec.linux, { intelRdt: { closID: "no-such-class" } }),
  });
  // runc 1.1.5 asks for a schema, on hosts that have resctrl.
  if (isRunc()) return;
  assertEquals(code, 1);
  assertIncludes(stderr, "linux.intelRdt: ");
  const text = Deno.readTextFileSync("/proc/self/mountinfo");
  const mounted = text.includes(" - resctrl ");
  assertIncludes(
    stderr,
    mounted ? "there is no class" : "no resctrl filesystem is mounted",
  );
});
