import { assertEquals, assertIncludes, exists } from "../support/assert.ts";
import { runOnce } from "../support/bundle.ts";
import { isRunc } from "../support/runtime.ts";
import type { Spec } from "../support/spec.ts";

/** Each field, what it needs, and whether this kernel has that. */
const FIELDS: [string, string, boolean, (spec: Spec) => void][] = [
  [
    "process.apparmorProfile",
    "AppArmor",
    exists("/sys/module/apparmor/parameters/enabled"),
    (spec) => void Object.assign(spec.process, { apparmorProfile: "no-such" }),
  ],
  [
    "process.selinuxLabel",
    "SELinux",
    exists("/sys/fs/selinux/policyvers"),
    (spec) => void Object.assign(spec.process, { selinuxLabel: "a:b:c:s0" }),
  ],
  [
    "linux.mountLabel",
    "SELinux",
    exists("/sys/fs/selinux/policyvers"),
    (spec) => void Object.assign(spec.linux, { mountLabel: "a:b:c:s0" }),
  ],
];

for (const [field, module, there, edit] of FIELDS) {
  Deno.test(`${field} that this kernel cannot heed is refused`, async () => {
    const { code, stderr } = await runOnce({ edit });
    // runc 1.1.5 hands a mountLabel to the filesystem, whatever the kernel.
    if (!isRunc() || field !== "linux.mountLabel") assertEquals(code, 1);
    if (isRunc()) return;
    // Where it is enabled, there is no such profile, and no such label.
    if (!there) assertIncludes(stderr, `${field}: ${module} is not enabled`);
  });
}

Deno.test("empty labels mean none", async () => {
  const { code, stderr } = await runOnce({
    edit: (spec) => {
      Object.assign(spec.process, { apparmorProfile: "", selinuxLabel: "" });
      Object.assign(spec.linux, { mountLabel: "" });
    },
  });
  assertEquals(code, 0, stderr);
});
