import {
  assert,
  assertEquals,
  assertIncludes,
  assertMatch,
} from "../support/assert.ts";
import { makeBundle, outputOf, runOnce } from "../support/bundle.ts";
import { program } from "../support/fixture.ts";
import { isRunc } from "../support/runtime.ts";
import { type IdMapping, mapUser, type Spec } from "../support/spec.ts";

/** Makes a spec fit for a user namespace whose root owns nothing here. */
function inUserNamespace(spec: Spec): void {
  mapUser(spec);
  // devpts' gid 5 is mapped; nothing else needs to change.
}

/** The output of a shell in a user namespace. */
function mapped(script: string, edit = (_: Spec) => {}): Promise<string> {
  return outputOf({
    args: ["sh", "-c", script],
    edit: (spec) => {
      inUserNamespace(spec);
      edit(spec);
    },
  });
}

Deno.test("root inside is the mapped id outside", async () => {
  await using bundle = makeBundle({
    args: ["sleep", "100"],
    edit: inUserNamespace,
  });
  await bundle.create();
  const { pid } = await bundle.state();
  await bundle.ok("start", bundle.id);
  const status = Deno.readTextFileSync(`/proc/${pid}/status`);
  assertMatch(status, /^Uid:\t200000\t200000\t200000\t200000$/m);
  assertMatch(status, /^Gid:\t200000\t200000\t200000\t200000$/m);
  const link = Deno.readLinkSync(`/proc/${pid}/ns/user`);
  assert(link !== Deno.readLinkSync("/proc/self/ns/user"), link);
});

Deno.test("the maps are the spec's", async () => {
  const maps = (hostID: number): IdMapping[] => [
    { containerID: 0, hostID, size: 1 },
    { containerID: 1, hostID: hostID + 1000, size: 65_535 },
  ];
  const seen = await mapped(
    "cat /proc/self/uid_map /proc/self/gid_map | tr -s ' '",
    (spec) => {
      spec.linux.uidMappings = maps(300_000);
      spec.linux.gidMappings = maps(400_000);
    },
  );
  assertEquals(seen.split("\n").map((line) => line.trim()), [
    "0 300000 1",
    "1 301000 65535",
    "0 400000 1",
    "1 401000 65535",
  ]);
});

Deno.test("proc, sysfs, devices and devpts are there in a user namespace", async () => {
  const seen = await mapped(
    "echo x > /dev/null && head -c 1 /dev/zero | wc -c; " +
      "ls /sys/kernel >/dev/null && test -c /dev/ptmx && " +
      "test -e /proc/self/status && echo all",
  );
  assertEquals(seen, "1\nall");
});

Deno.test("groups of the spec are set in a user namespace", async () => {
  const seen = await mapped("grep Groups /proc/self/status", (spec) => {
    spec.process.user.additionalGids = [10, 20];
  });
  assertEquals(seen.trim(), "Groups:\t10 20");
});

Deno.test("a bind source that only the host's root may enter is bound", async () => {
  const seen = await outputOf({
    args: ["cat", "/data/file"],
    edit: (spec, { folder, rootfs }) => {
      inUserNamespace(spec);
      // The mapped root may not make it: the root file system is the host's.
      Deno.mkdirSync(`${rootfs}/data`);
      Deno.mkdirSync(`${folder}/private/data`, { recursive: true });
      Deno.writeTextFileSync(`${folder}/private/data/file`, "seen");
      Deno.chmodSync(`${folder}/private`, 0o700);
      spec.mounts.push({
        destination: "/data",
        source: `${folder}/private/data`,
        options: ["rbind", "ro"],
      });
    },
  });
  // Docker's --userns-remap keeps volumes behind such folders.
  assertEquals(seen, "seen");
});

Deno.test("a uid that is not mapped is refused", async () => {
  const { code, stderr } = await runOnce({
    edit: (spec) => {
      inUserNamespace(spec);
      spec.process.user.uid = 70_000;
    },
  });
  assertEquals(code, 1, stderr);
});

Deno.test("a user namespace without maps is refused", async () => {
  const { code, stderr } = await runOnce({
    edit: (spec) => spec.linux.namespaces.push({ type: "user" }),
  });
  assertEquals(code, 1);
  assertIncludes(stderr.toLowerCase(), "map");
});

Deno.test("maps without a user namespace are refused", async () => {
  const { code } = await runOnce({
    edit: (spec) => {
      inUserNamespace(spec);
      spec.linux.namespaces = spec.linux.namespaces
        .filter(({ type }) => type !== "user");
    },
  });
  // runc 1.1.5 passes them over.
  if (!isRunc()) assertEquals(code, 1);
});

Deno.test("a user namespace and a network namespace of its own are joined by path", async () => {
  await using first = makeBundle({
    args: ["sleep", "100"],
    edit: inUserNamespace,
  });
  await first.create();
  const { pid } = await first.state();
  await using bundle = makeBundle({
    args: ["sh", "-c", "cat /proc/self/uid_map; readlink /proc/self/ns/net"],
    edit: (spec) => {
      inUserNamespace(spec);
      spec.linux.namespaces = spec.linux.namespaces
        .filter(({ type }) => type !== "network" && type !== "user")
        .concat({ type: "user", path: `/proc/${pid}/ns/user` })
        .concat({ type: "network", path: `/proc/${pid}/ns/net` });
      // Path and maps together are allowed only where they agree: leave them.
      delete spec.linux.uidMappings;
      delete spec.linux.gidMappings;
    },
  });
  const { code, stdout, stderr } = await bundle.run();
  // runc 1.1.5 wants maps where there is a path, and refuses the two.
  if (isRunc()) return;
  assertEquals(code, 0, stderr);
  const [map = "", net] = stdout.trim().split("\n");
  assertEquals(map.trim().split(/\s+/), ["0", "200000", "65536"]);
  assertEquals(net, Deno.readLinkSync(`/proc/${pid}/ns/net`));
});

Deno.test("createRuntime hooks may open the namespaces of a mapped container", async () => {
  await using bundle = makeBundle({
    edit: (spec, { folder }) => {
      inUserNamespace(spec);
      const script = `pid=$(sed 's/.*"pid": *\\([0-9]*\\).*/\\1/'); ` +
        `readlink /proc/$pid/ns/net /proc/$pid/ns/user > ${folder}/seen`;
      const args = ["sh", "-c", script];
      spec.hooks = { createRuntime: [{ path: "/bin/sh", args }] };
    },
  });
  const { code, stderr } = await bundle.run();
  assertEquals(code, 0, stderr);
  const seen = Deno.readTextFileSync(`${bundle.folder}/seen`);
  assertMatch(seen, /^net:\[\d+\]\nuser:\[\d+\]\n$/);
});

Deno.test("a createContainer hook has the container's user namespace", async () => {
  await using bundle = makeBundle({
    edit: (spec, { folder }) => {
      inUserNamespace(spec);
      Deno.mkdirSync(`${folder}/out`);
      Deno.chmodSync(`${folder}/out`, 0o777);
      const args = ["report_hook", `${folder}/out/seen`];
      spec.hooks = {
        createContainer: [{ path: program("report_hook"), args }],
      };
    },
  });
  const { code, stderr } = await bundle.run();
  assertEquals(code, 0, stderr);
  const seen = Deno.readTextFileSync(`${bundle.folder}/out/seen`);
  assertIncludes(seen, "uid 0\n");
  const own = Deno.readLinkSync("/proc/self/ns/user");
  assertEquals(seen.includes(`ns user ${own}`), false);
});
