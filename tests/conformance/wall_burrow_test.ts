import {
  assertEquals,
  assertExcludes,
  assertIncludes,
  eventually,
  exists,
} from "../support/assert.ts";
import { stopAt } from "../support/breakpoint.ts";
import { makeBundle } from "../support/bundle.ts";
import { statusOf } from "../support/process.ts";
import { mapUser, withoutNamespace } from "../support/spec.ts";

const CAP_SYS_ADMIN = 1n << 21n;

Deno.test("a path is not masked by what only pretends to be /dev/null", async () => {
  // CVE-2025-31133 and CVE-2025-62161: the mask was a bind of whatever lay
  // there, a symlink of the image's choice among others.
  await using bundle = makeBundle({
    edit: (spec, { folder, rootfs }) => {
      Deno.mkdirSync(`${folder}/dev`);
      Deno.writeTextFileSync(`${folder}/dev/null`, "mine");
      Deno.writeTextFileSync(`${rootfs}/single`, "secret");
      const destination = "/dev";
      spec.mounts = spec.mounts.filter((m) => !m.destination.startsWith("/dev"))
        .concat({ destination, source: `${folder}/dev`, options: ["bind"] });
      spec.linux.maskedPaths = ["/single"];
    },
  });
  const { code, stderr } = await bundle.run();
  assertEquals(code, 1, stderr);
  assertIncludes(stderr, "is not the null device");
});

for (const where of ["the host's ids", "a user namespace"]) {
  Deno.test(`after the re-exec under ${where} CAP_SYS_ADMIN is in no set`, async () => {
    await using bundle = makeBundle({
      edit: (spec) => where === "a user namespace" ? mapUser(spec) : undefined,
    });
    await using stopped = await stopAt(bundle, "reexec");
    const status = statusOf(stopped.gofer());
    for (const set of ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"]) {
      const held = BigInt(`0x${status[set] ?? "f"}`);
      assertEquals((held & CAP_SYS_ADMIN).toString(16), "0", set);
    }
  });
}

Deno.test("the re-exec leaves no moment in which a neighbour could trace", async () => {
  await using bundle = makeBundle();
  const log = `${bundle.folder}/log`;
  const create = ["create", "--bundle", bundle.path, bundle.id];
  await bundle.ok("--log", log, "--debug", ...create);
  const text = Deno.readTextFileSync(log);
  // The gofer asks the kernel, first of all after its execve.
  assertIncludes(text, "step reexec");
  assertExcludes(text, "could be traced");
});

Deno.test("a second start is refused while the first one's hooks run", async () => {
  await using bundle = makeBundle({
    args: ["sh", "-c", "echo began >> /began; exec sleep 100"],
    edit: (spec) => {
      const script = "touch /up; until test -e /go; do sleep 0.05; done";
      const args = ["sh", "-c", script];
      spec.hooks = { startContainer: [{ path: "/bin/sh", args }] };
    },
  });
  await bundle.create();
  const first = bundle.spawn({}, "start", bundle.id);
  const ended = first.finished();
  await eventually("the hook", () => exists(`${bundle.rootfs}/up`));
  const second = bundle.spawn({ deadlineMs: 3000 }, "start", bundle.id);
  const refused = await second.finished();
  Deno.writeTextFileSync(`${bundle.rootfs}/go`, "");
  assertEquals(refused.code, 1, refused.stderr);
  assertIncludes(refused.stderr, "already running");
  const { code, stderr } = await ended;
  assertEquals(code, 0, stderr);
  await eventually("the program", () => exists(`${bundle.rootfs}/began`));
  const began = Deno.readTextFileSync(`${bundle.rootfs}/began`);
  assertEquals(began, "began\n");
});

Deno.test("exec refuses a working directory that is a descriptor of the host", async () => {
  // CVE-2024-21626. With the host's pid namespace /proc/self is the gofer's.
  await using bundle = makeBundle({
    args: ["sleep", "100"],
    edit: (spec) => withoutNamespace(spec, "pid"),
  });
  await bundle.create();
  await bundle.ok("start", bundle.id);
  const exec = ["exec", "--preserve-fds", "1", "--cwd", "/proc/self/fd/3"];
  const { code, stdout, stderr } = await bundle.runtimeWith(
    { redirect: "3</etc" },
    ...[...exec, bundle.id, "cat", "hostname"],
  );
  assertEquals(code, 255, stdout + stderr);
  assertIncludes(stderr, "outside of the container");
});

Deno.test("create refuses a working directory that is a descriptor of the host", async () => {
  await using bundle = makeBundle({
    edit: (spec) => {
      withoutNamespace(spec, "pid");
      spec.process.cwd = "/proc/self/fd/3";
    },
  });
  const args = ["--preserve-fds", "1", "--bundle", bundle.path, bundle.id];
  const { code, stderr } = await bundle.runtimeWith(
    { redirect: "3</etc" },
    ...["create", ...args],
  );
  assertEquals(code, 1, stderr);
  assertIncludes(stderr, "/proc/self/fd/3");
});
