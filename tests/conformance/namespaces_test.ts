import {
  assert,
  assertEquals,
  assertIncludes,
  eventually,
} from "../support/assert.ts";
import { makeBundle, runOnce, shell } from "../support/bundle.ts";
import { childrenOf } from "../support/process.ts";
import { isRunc, spawn } from "../support/runtime.ts";
import { grant, withoutNamespace } from "../support/spec.ts";

/** OCI's name of a namespace, and its name in /proc/PID/ns. */
const KINDS: [string, string][] = [
  ["pid", "pid"],
  ["network", "net"],
  ["ipc", "ipc"],
  ["uts", "uts"],
  ["mount", "mnt"],
  ["cgroup", "cgroup"],
];

/** The namespace of a process. */
function namespaceOf(pid: number | "self", kind: string): string {
  return Deno.readLinkSync(`/proc/${pid}/ns/${kind}`);
}

for (const [type, kind] of KINDS) {
  Deno.test(`a ${type} namespace is made where the spec lists one`, async () => {
    await using bundle = makeBundle({
      edit: (spec) => {
        withoutNamespace(spec, type);
        spec.linux.namespaces.push({ type });
      },
    });
    await bundle.create();
    const { pid } = await bundle.state();
    assert(namespaceOf(pid, kind) !== namespaceOf("self", kind));
  });
}

for (const [type, kind] of KINDS.filter(([type]) => type !== "mount")) {
  Deno.test(`the runtime's ${type} namespace is kept where the spec lists none`, async () => {
    await using bundle = makeBundle({
      args: ["sleep", "100"],
      edit: (spec) => {
        withoutNamespace(spec, type);
        if (type === "uts") delete spec.hostname;
      },
    });
    await bundle.create();
    const { pid } = await bundle.state();
    assertEquals(namespaceOf(pid, kind), namespaceOf("self", kind));
    await bundle.ok("kill", bundle.id, "KILL");
  });

  Deno.test(`a ${type} namespace is joined by its path`, async () => {
    await using bundle = makeBundle();
    const flag = `--${kind}`;
    const extra = kind === "pid" ? ["--fork", "--kill-child"] : [];
    const holder = spawn(
      bundle.folder,
      ["unshare", flag, ...extra, "sh", "-c", "echo up; exec sleep 100"],
    );
    try {
      await eventually("the holder", () => holder.stdout() !== "");
      const owner = kind === "pid"
        ? childrenOf(holder.pid)[0] ?? 0
        : holder.pid;
      withoutNamespace(bundle.spec, type);
      const path = `/proc/${owner}/ns/${kind}`;
      bundle.spec.linux.namespaces.push({ type, path });
      if (type === "uts") delete bundle.spec.hostname;
      bundle.write();
      await bundle.create();
      const { pid } = await bundle.state();
      assertEquals(namespaceOf(pid, kind), namespaceOf(owner, kind));
      await bundle.ok("delete", "--force", bundle.id);
    } finally {
      holder.kill("SIGKILL");
      await holder.finished();
    }
  });
}

Deno.test("a path of another type of namespace is refused", async () => {
  const { code, stderr } = await runOnce({
    edit: (spec) => {
      withoutNamespace(spec, "network");
      const path = "/proc/self/ns/ipc";
      spec.linux.namespaces.push({ type: "network", path });
    },
  });
  assertEquals(code, 1, stderr);
});

Deno.test("a path that is no namespace is refused, by name", async () => {
  const { code, stderr } = await runOnce({
    edit: (spec) => {
      withoutNamespace(spec, "network");
      spec.linux.namespaces.push({ type: "network", path: "/no/such/ns" });
    },
  });
  assertEquals(code, 1);
  assertIncludes(stderr, "/no/such/ns");
});

Deno.test("a namespace that is listed twice is refused", async () => {
  const { code } = await runOnce({
    edit: (spec) => spec.linux.namespaces.push({ type: "ipc" }),
  });
  assertEquals(code, 1);
});

Deno.test("an unknown type of namespace is refused", async () => {
  const { code, stderr } = await runOnce({
    edit: (spec) => spec.linux.namespaces.push({ type: "nonsense" }),
  });
  assertEquals(code, 1);
  assertIncludes(stderr, "nonsense");
});

Deno.test("the program is pid 1 and sees only its own processes", async () => {
  const seen = await shell("echo $$; ls /proc | grep -c '^[0-9]'");
  // The shell, ls and grep.
  assertEquals(seen, "1\n3");
});

Deno.test("a new network namespace has a loopback device that is up", async () => {
  const seen = await shell("ifconfig lo; ls /sys/class/net");
  assertIncludes(seen, "UP LOOPBACK RUNNING");
  assertIncludes(seen, "127.0.0.1");
});

Deno.test("hostname is set in the container and nowhere else", async () => {
  const before = Deno.hostname();
  assertEquals(await shell("hostname"), "burrow-test");
  assertEquals(Deno.hostname(), before);
});

Deno.test("domainname is set in the container", async () => {
  const seen = await shell("cat /proc/sys/kernel/domainname", (spec) => {
    spec.domainname = "example.org";
  });
  // Newer than runc 1.1.5, which knows the specification 1.0.
  if (!isRunc()) assertEquals(seen, "example.org");
});

Deno.test("a hostname without a uts namespace is refused", async () => {
  const { code, stderr } = await runOnce({
    edit: (spec) => withoutNamespace(spec, "uts"),
  });
  assertEquals(code, 1);
  assertIncludes(stderr.toLowerCase(), "uts");
});

Deno.test("a cgroup namespace shows the container's cgroup as its root", async () => {
  const seen = await shell("cat /proc/self/cgroup", (spec) => {
    spec.linux.namespaces.push({ type: "cgroup" });
  });
  const cpu = seen.split("\n").find((line) => line.includes(":cpu:"));
  assertEquals(cpu?.split(":")[2], "/");
});

Deno.test("a time namespace is made where the spec lists one", async () => {
  const { code, stdout } = await runOnce({
    args: ["readlink", "/proc/self/ns/time"],
    edit: (spec) => spec.linux.namespaces.push({ type: "time" }),
  });
  // runc 1.1.5 does not know them.
  if (isRunc()) return assertEquals(code, 1);
  assertEquals(code, 0);
  assert(stdout.trim() !== namespaceOf("self", "time"), stdout);
});

Deno.test("two containers share a pid namespace by path", async () => {
  await using first = makeBundle({ args: ["sleep", "100"] });
  await first.create();
  await first.ok("start", first.id);
  const { pid } = await first.state();
  const seen = await shell("ls /proc | grep -c '^[0-9]'", (spec) => {
    withoutNamespace(spec, "pid");
    const path = `/proc/${pid}/ns/pid`;
    spec.linux.namespaces.push({ type: "pid", path });
    grant(spec);
  });
  // The sleeper, the shell, ls and grep.
  assertEquals(seen, "4");
});
