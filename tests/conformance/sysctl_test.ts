import { assertEquals, assertIncludes } from "../support/assert.ts";
import { runOnce, shell } from "../support/bundle.ts";
import { isRunc } from "../support/runtime.ts";
import { withoutNamespace } from "../support/spec.ts";

/** What is said when a spec with this sysctl is refused. */
async function refuse(
  sysctl: Record<string, string>,
  without?: string,
): Promise<string> {
  const { code, stderr } = await runOnce({
    edit: (spec) => {
      spec.linux.sysctl = sysctl;
      if (without !== undefined) withoutNamespace(spec, without);
    },
  });
  assertEquals(code, 1, "exit status");
  return stderr;
}

Deno.test("sysctls of the ipc and network namespaces are set inside", async () => {
  const before = Deno.readTextFileSync("/proc/sys/kernel/shmmni");
  const seen = await shell(
    "cat /proc/sys/kernel/shmmni /proc/sys/net/ipv4/ip_forward",
    (spec) => {
      spec.linux.sysctl = { "kernel.shmmni": "77", "net.ipv4.ip_forward": "1" };
    },
  );
  assertEquals(seen, "77\n1");
  assertEquals(Deno.readTextFileSync("/proc/sys/kernel/shmmni"), before);
});

Deno.test("a sysctl may be written with slashes", async () => {
  const seen = await shell("cat /proc/sys/kernel/shmmni", (spec) => {
    spec.linux.sysctl = { "kernel/shmmni": "78" };
  });
  assertEquals(seen, "78");
});

Deno.test("a sysctl that belongs to no namespace is refused", async () => {
  const said = await refuse({ "vm.swappiness": "50" });
  assertIncludes(said, "vm.swappiness");
});

Deno.test("a sysctl of a namespace that is the host's is refused", async () => {
  assertIncludes(
    await refuse({ "net.ipv4.ip_forward": "1" }, "network"),
    "net",
  );
  assertIncludes(await refuse({ "kernel.shmmni": "77" }, "ipc"), "shmmni");
});

Deno.test("kernel.hostname is refused: the spec has a field for it", async () => {
  assertIncludes(await refuse({ "kernel.hostname": "x" }), "hostname");
});

Deno.test("a sysctl that the kernel lacks is reported by name", async () => {
  assertIncludes(await refuse({ "net.no.such": "1" }), "no");
});

Deno.test("a sysctl that climbs out of its folder is refused", async () => {
  await refuse({ "net/../../../tmp/x": "1" });
});

Deno.test("a value with a newline is refused", async () => {
  // CVE-2022-0811: one value carried others.
  const { code } = await runOnce({
    edit: (spec) => {
      spec.linux.sysctl = { "kernel.shmmni": "77\nkernel.msgmax=1" };
    },
  });
  if (!isRunc()) assertEquals(code, 1);
});
