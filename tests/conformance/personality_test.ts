import { assertEquals, assertIncludes } from "../support/assert.ts";
import { runOnce, shell } from "../support/bundle.ts";
import { isRunc } from "../support/runtime.ts";
import type { Spec } from "../support/spec.ts";

/** Sets `linux.personality`. */
function personality(value: Record<string, unknown>) {
  return (spec: Spec) => void Object.assign(spec.linux, { personality: value });
}

/** What a 32 bit program sees as its machine. */
const MACHINE_32: Record<string, string> = {
  x86_64: "i686",
  aarch64: "armv8l",
};

Deno.test("linux.personality LINUX32 shows a machine of 32 bits", async () => {
  const seen = await shell(
    "uname -m; cat /proc/self/personality",
    personality({ domain: "LINUX32" }),
  );
  // runc 1.1.5 does not set it.
  if (isRunc()) return;
  const machine = MACHINE_32[Deno.build.arch] ?? "";
  assertEquals(seen, `${machine}\n00000008`);
});

Deno.test("linux.personality LINUX is the machine's own", async () => {
  const seen = await shell("uname -m", personality({ domain: "LINUX" }));
  assertEquals(seen, Deno.build.arch);
});

Deno.test("linux.personality with a flag is refused, by name", async () => {
  const { code, stderr } = await runOnce({
    edit: personality({ domain: "LINUX", flags: ["ADDR_NO_RANDOMIZE"] }),
  });
  if (isRunc()) return;
  assertEquals(code, 1);
  assertIncludes(stderr, "ADDR_NO_RANDOMIZE");
});

Deno.test("linux.personality of another domain is refused", async () => {
  const { code, stderr } = await runOnce({
    edit: personality({ domain: "BSD" }),
  });
  if (isRunc()) return;
  assertEquals(code, 1);
  assertIncludes(stderr, "BSD");
});
