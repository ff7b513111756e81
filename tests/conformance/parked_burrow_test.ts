import {
  assert,
  assertEquals,
  assertExcludes,
  assertIncludes,
  assertMatch,
  eventually,
  exists,
} from "../support/assert.ts";
import { makeBundle } from "../support/bundle.ts";
import { statusOf } from "../support/process.ts";
import {
  grant,
  mapUser,
  type Spec,
  withoutNamespace,
} from "../support/spec.ts";

/** Docker's default capabilities. */
const DOCKER = [
  ...["CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FSETID", "CAP_FOWNER"],
  ...["CAP_MKNOD", "CAP_NET_RAW", "CAP_SETGID", "CAP_SETUID", "CAP_SETFCAP"],
  ...["CAP_SETPCAP", "CAP_NET_BIND_SERVICE", "CAP_SYS_CHROOT", "CAP_KILL"],
  "CAP_AUDIT_WRITE",
];

/** CAP_KILL, CAP_NET_BIND_SERVICE and CAP_AUDIT_WRITE, as the base spec has. */
const GRANTED = 1n << 5n | 1n << 10n | 1n << 29n;

const SETS = ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"];

/** Users under whom a container may be parked. */
const USERS: [string, (spec: Spec) => void][] = [
  ["root", () => {}],
  ["an ordinary user", (spec) => {
    spec.process.user = { uid: 1000, gid: 1000 };
  }],
  ["root of a user namespace", (spec) => mapUser(spec)],
];

for (const [who, edit] of USERS) {
  Deno.test(`parked as ${who}, no set holds a capability that the spec does not grant`, async () => {
    await using bundle = makeBundle({ edit });
    await bundle.create();
    const { pid } = await bundle.state();
    const status = statusOf(pid);
    for (const set of SETS) {
      const held = BigInt(`0x${status[set] ?? "f"}`);
      assertEquals((held & ~GRANTED).toString(16), "0", set);
    }
    assertEquals(status.NoNewPrivs, "1");
  });

  Deno.test(`parked as ${who}, the ids are already the program's`, async () => {
    await using bundle = makeBundle({ edit });
    await bundle.create();
    const { pid } = await bundle.state();
    const { uid } = bundle.spec.process.user;
    const outside = who.includes("namespace") ? 200_000 : uid;
    assertMatch(statusOf(pid).Uid ?? "", new RegExp(`^${outside}\t`));
  });

  Deno.test(`parked as ${who}, the executable is a memfd and not the launcher`, async () => {
    await using bundle = makeBundle({ edit });
    await bundle.create();
    const { pid } = await bundle.state();
    assertMatch(Deno.readLinkSync(`/proc/${pid}/exe`), /^\/memfd:/);
    // CVE-2019-5736: what runs in a container can write to its /proc/1/exe.
    const maps = Deno.readTextFileSync(`/proc/${pid}/maps`);
    assertExcludes(maps, "burrow\n");
    assertExcludes(maps, "deno");
  });

  Deno.test(`parked as ${who}, the process holds less than 100 kB`, async () => {
    await using bundle = makeBundle({ edit });
    await bundle.create();
    const { pid } = await bundle.state();
    const kilobytes = Number((statusOf(pid).VmRSS ?? "999 kB").split(" ")[0]);
    assert(kilobytes < 100, `VmRSS ${kilobytes} kB`);
  });

  Deno.test(`parked as ${who}, only stdio and the fifos are open`, async () => {
    await using bundle = makeBundle({ edit });
    await bundle.create({ redirect: "7</etc/passwd" });
    const { pid } = await bundle.state();
    for (const { name } of Deno.readDirSync(`/proc/${pid}/fd`)) {
      if (Number(name) <= 2) continue;
      const link = Deno.readLinkSync(`/proc/${pid}/fd/${name}`);
      const fifo = link.startsWith("/") && !link.startsWith("/memfd:");
      // No socket, no directory: nothing that leads out of the container.
      assert(
        link.startsWith("/memfd:") || link.startsWith("pipe:") ||
          fifo && Deno.statSync(`/proc/${pid}/fd/${name}`).isFifo,
        `descriptor ${name} is ${link}`,
      );
    }
  });
}

Deno.test("parked, the process cannot be dumped: its files belong to root", async () => {
  await using bundle = makeBundle({
    edit: (spec) => {
      spec.process.user = { uid: 1000, gid: 1000 };
    },
  });
  await bundle.create();
  const { pid } = await bundle.state();
  assertEquals(Deno.statSync(`/proc/${pid}/environ`).uid, 0);
});

Deno.test("a neighbour that spins PTRACE_SEIZE gets no parked process in 200 tries", async () => {
  await using neighbour = makeBundle({
    programs: ["ptrace_seizer"],
    args: ["/test/ptrace_seizer", "/tmp/ready", "/tmp/done"],
    edit: (spec) => grant(spec, ...DOCKER),
  });
  const create = ["create", "--bundle", neighbour.path, neighbour.id];
  const running = neighbour.spawn({}, ...create);
  await running.finished();
  await neighbour.ok("start", neighbour.id);
  const { pid } = await neighbour.state();
  await eventually("the seizer", () => exists(`${neighbour.rootfs}/tmp/ready`));

  await using victim = makeBundle({
    args: ["sleep", "100"],
    edit: (spec) => {
      grant(spec, ...DOCKER);
      withoutNamespace(spec, "pid");
      const path = `/proc/${pid}/ns/pid`;
      spec.linux.namespaces.push({ type: "pid", path });
    },
  });
  for (let i = 0; i < 200; i++) {
    await victim.create();
    await victim.ok("delete", "--force", victim.id);
  }
  assertExcludes(running.stdout(), "seized");

  // The seizer is no dud: it gets the program itself.
  await victim.create();
  await victim.ok("start", victim.id);
  await eventually(
    "a seized program",
    () => running.stdout().includes("seized"),
  );
  await victim.ok("delete", "--force", victim.id);
  Deno.writeTextFileSync(`${neighbour.rootfs}/tmp/done`, "");
  await eventually("its count", () => running.stdout().includes("tried"));
  const [, tries = "0"] = /^tried (\d+)$/m.exec(running.stdout()) ?? [];
  assert(Number(tries) > 200, `only ${tries} tries`);
});

Deno.test("a container with a memory limit of 1 MiB starts /bin/true", async () => {
  await using bundle = makeBundle({
    args: ["/bin/true"],
    edit: (spec) => {
      spec.linux.resources.memory = { limit: 1_048_576 };
    },
  });
  const { code, stderr } = await bundle.run();
  assertEquals(code, 0, stderr);
});

Deno.test("state tells a parked process by its memfd, not by a name", async () => {
  await using bundle = makeBundle({ args: ["sleep", "100"] });
  await bundle.create();
  assertEquals((await bundle.state()).status, "created");
  await bundle.ok("start", bundle.id);
  assertEquals((await bundle.state()).status, "running");
  const { pid } = await bundle.state();
  assertIncludes(Deno.readLinkSync(`/proc/${pid}/exe`), "busybox");
});
