import {
  assert,
  assertEquals,
  assertExists,
  assertIncludes,
  assertMatch,
} from "../support/assert.ts";
import { type Bundle, makeBundle } from "../support/bundle.ts";
import { isRunc, runtimePath } from "../support/runtime.ts";
import { type Spec, withoutNamespace } from "../support/spec.ts";

/** An ordinary user, whom no account of this host has. */
const USER = 40_404;

/** Commands in front that make the rest an ordinary user's. */
const AS_USER = ["setpriv", "--reuid", `${USER}`, "--regid", `${USER}`]
  .concat("--clear-groups", "--inh-caps=-all");

/** A bundle that belongs to the user, in a namespace of its one id. */
function userBundle(
  args: string[],
  edit: (spec: Spec, bundle: Bundle) => void = () => {},
): Bundle {
  return makeBundle({
    args,
    edit: (spec, bundle) => {
      for (const path of [bundle.folder, bundle.path, bundle.rootfs]) {
        Deno.chownSync(path, USER, USER);
      }
      spec.linux.namespaces.push({ type: "user" });
      spec.linux.uidMappings = [{ containerID: 0, hostID: USER, size: 1 }];
      spec.linux.gidMappings = [{ containerID: 0, hostID: USER, size: 1 }];
      delete spec.linux.cgroupsPath;
      spec.linux.resources = {};
      const pts = spec.mounts.find((m) => m.destination === "/dev/pts");
      if (pts?.options !== undefined) {
        pts.options = pts.options.filter((word) => !word.startsWith("gid="));
      }
      edit(spec, bundle);
    },
  });
}

/** What a script of the container prints, whom the user runs. */
async function userShell(
  script: string,
  edit?: (spec: Spec, bundle: Bundle) => void,
): Promise<string> {
  await using bundle = userBundle(["sh", "-c", script], edit);
  const { code, stdout, stderr } = await bundle.run({ wrap: AS_USER });
  assertEquals(code, 0, stderr);
  return stdout.trim();
}

Deno.test("an ordinary user is root in its container, and no one else", async () => {
  const seen = await userShell(
    "id -u; id -g; cat /proc/self/uid_map /proc/self/gid_map " +
      "/proc/self/setgroups | tr -s ' '",
  );
  const [uid, gid, ...maps] = seen.split("\n").map((line) => line.trim());
  assertEquals([uid, gid], ["0", "0"]);
  assertEquals(maps, [`0 ${USER} 1`, `0 ${USER} 1`, "deny"]);
});

Deno.test("an ordinary user's container has its own namespaces, names and devices", async () => {
  const seen = await userShell(
    "hostname; echo $$; ifconfig lo | grep -c UP; " +
      "echo x > /dev/null && head -c 2 /dev/zero | wc -c; " +
      "test -c /dev/ptmx && test -c /dev/urandom && echo devices; " +
      "mount | grep -c ' /proc '",
  );
  assertEquals(
    seen.split("\n"),
    ["burrow-test", "1", "1", "2", "devices"]
      .concat("1"),
  );
});

Deno.test("an ordinary user's container lives and ends as any other", async () => {
  await using bundle = userBundle(["sleep", "100"]);
  const as = { wrap: AS_USER };
  const status = async () => {
    const { stdout } = await bundle.runtimeWith(as, "state", bundle.id);
    return JSON.parse(stdout).status;
  };
  await bundle.create(as);
  assertEquals(await status(), "created");
  const started = await bundle.runtimeWith(as, "start", bundle.id);
  assertEquals(started.code, 0, started.stderr);
  assertEquals(await status(), "running");
  await bundle.runtimeWith(as, "kill", bundle.id, "KILL");
  const removed = await bundle
    .runtimeWith(as, "delete", "--force", bundle.id);
  assertEquals(removed.code, 0, removed.stderr);
});

Deno.test("hooks of an ordinary user may open its container's namespaces", async () => {
  await using bundle = userBundle(["true"], (spec, { folder }) => {
    const script = `pid=$(sed 's/.*"pid": *\\([0-9]*\\).*/\\1/'); ` +
      `readlink /proc/$pid/ns/net > ${folder}/seen`;
    const hook = { path: "/bin/sh", args: ["sh", "-c", script] };
    spec.hooks = { createRuntime: [hook] };
  });
  const { code, stderr } = await bundle.run({ wrap: AS_USER });
  assertEquals(code, 0, stderr);
  assertMatch(Deno.readTextFileSync(`${bundle.folder}/seen`), /^net:\[\d+\]$/m);
});

Deno.test("clocks are set for an ordinary user", async () => {
  const seen = await userShell("cut -d. -f1 /proc/uptime", (spec) => {
    spec.linux.namespaces.push({ type: "time" });
    spec.linux.timeOffsets = { boottime: { secs: 86_400_000 } };
    // runc 1.1.5 knows no time namespace.
    if (isRunc()) {
      withoutNamespace(spec, "time");
      delete spec.linux.timeOffsets;
    }
  });
  if (!isRunc()) assert(Number(seen) > 86_400_000, seen);
});

Deno.test("the state of an ordinary user is below XDG_RUNTIME_DIR", async () => {
  await using bundle = userBundle(["sleep", "100"]);
  const runtime = `${bundle.folder}/run`;
  Deno.mkdirSync(runtime);
  Deno.chownSync(runtime, USER, USER);
  const command = async (...args: string[]) => {
    const { code } = await new Deno.Command("setpriv", {
      args: [...AS_USER.slice(1), runtimePath(), ...args],
      env: { XDG_RUNTIME_DIR: runtime },
      stdin: "null",
      // Not a pipe: the container keeps it open.
      stdout: "null",
      stderr: "null",
    }).output();
    assertEquals(code, 0, args[0]);
  };
  await command("create", "--bundle", bundle.path, bundle.id);
  const name = isRunc() ? "runc" : "burrow";
  assertExists(`${runtime}/${name}/${bundle.id}/state.json`);
  await command("delete", "--force", bundle.id);
});

/**
 * Commands in front that give the user a name and ids to map, for the command
 * alone: files of their own cover the host's in a mount namespace.
 */
function withSubordinates(folder: string, first: number): string[] {
  const name = "burrowtest";
  const passwd = Deno.readTextFileSync("/etc/passwd");
  const line = `${name}:x:${USER}:${USER}::/:/bin/sh\n`;
  Deno.writeTextFileSync(`${folder}/passwd`, passwd + line);
  const ids = `${name}:${first}:65536\n`;
  Deno.writeTextFileSync(`${folder}/subuid`, ids);
  const binds = [["passwd", "passwd"], ["subuid", "subuid"]]
    .concat([["subuid", "subgid"]])
    .map(([from, to]) =>
      `touch /etc/${to}; mount --bind ${folder}/${from} /etc/${to}`
    );
  const script = `${binds.join("; ")}; exec "$@"`;
  return ["unshare", "-m", "sh", "-c", script, "sh", ...AS_USER];
}

/** Maps the user's own id, and 65535 behind it from `first` on. */
function mapSubordinates(first: number) {
  return (spec: Spec) => {
    for (const name of ["uidMappings", "gidMappings"] as const) {
      spec.linux[name] = [
        { containerID: 0, hostID: USER, size: 1 },
        { containerID: 1, hostID: first, size: 65_535 },
      ];
    }
  };
}

Deno.test("subordinate ids are mapped by newuidmap and newgidmap", async () => {
  const first = 600_000;
  await using bundle = userBundle(
    ["sh", "-c", "id; cat /proc/self/uid_map /proc/self/setgroups"],
    (spec) => {
      mapSubordinates(first)(spec);
      spec.process.user = { uid: 33, gid: 34 };
      // runc allows a rootless container no groups.
      if (!isRunc()) spec.process.user.additionalGids = [35, 36];
    },
  );
  const wrap = withSubordinates(bundle.folder, first);
  const { code, stdout, stderr } = await bundle.run({ wrap });
  assertEquals(code, 0, stderr);
  const [id = "", ...rest] = stdout.trim().split("\n");
  assertMatch(id, /^uid=33\S* gid=34/);
  if (!isRunc()) assertMatch(id, /groups=.*35.*36/);
  assertEquals(rest.map((line) => line.trim().replace(/ +/g, " ")), [
    `0 ${USER} 1`,
    `1 ${first} 65535`,
    "allow",
  ]);
});

Deno.test("ids that are not the user's to map are refused, with the reason", async () => {
  await using bundle = userBundle(["true"], mapSubordinates(900_000));
  const wrap = withSubordinates(bundle.folder, 600_000);
  const { code, stderr } = await bundle.run({ wrap });
  assertEquals(code, 1);
  if (isRunc()) return;
  assertIncludes(stderr, "900000");
  assertMatch(stderr, /\/etc\/sub[ug]id/);
});

Deno.test("an ordinary user without a user namespace is told what is needed", async () => {
  await using bundle = userBundle(["true"], (spec) => {
    withoutNamespace(spec, "user");
    delete spec.linux.uidMappings;
    delete spec.linux.gidMappings;
  });
  const { code, stderr } = await bundle.run({ wrap: AS_USER });
  assertEquals(code, 1);
  if (!isRunc()) assertIncludes(stderr, 'a "user" namespace is needed');
});

Deno.test("a limit that the user may not set is refused", async () => {
  await using bundle = userBundle(["true"], (spec) => {
    spec.linux.resources = { pids: { limit: 20 } };
  });
  const { code, stderr } = await bundle.run({ wrap: AS_USER });
  assertEquals(code, 1);
  if (!isRunc()) assertIncludes(stderr, "cannot make cgroup");
});

Deno.test("groups beyond the one that is mapped are refused", async () => {
  await using bundle = userBundle(["true"], (spec) => {
    spec.process.user.additionalGids = [5];
  });
  const { code, stderr } = await bundle.run({ wrap: AS_USER });
  assertEquals(code, 1);
  if (!isRunc()) assertIncludes(stderr, "additionalGids");
});

Deno.test("a host that forbids user namespaces is named as the reason", async () => {
  await using bundle = userBundle(["true"]);
  // The switch is each user namespace's own: the test turns off one of its own.
  const script = "unshare -U --keep-caps sh -c '" +
    "until grep -q . /proc/self/uid_map; do sleep 0.02; done; " +
    "echo 0 > /proc/sys/user/max_user_namespaces; " +
    'exec "$@"\' sh "$@" & ' +
    'own=$(readlink /proc/self/ns/user); until [ "$own" != ' +
    '"$(readlink /proc/$!/ns/user)" ]; do sleep 0.02; done; ' +
    "echo 0 0 65536 > /proc/$!/gid_map; echo 0 0 65536 > /proc/$!/uid_map; " +
    "wait $!";
  const wrap = ["sh", "-c", script, "sh", ...AS_USER];
  const { code, stderr } = await bundle.run({ wrap });
  assertEquals(code, 1, stderr);
  if (isRunc()) return;
  assertIncludes(stderr, "this host refuses a user namespace");
  assertIncludes(stderr, "/proc/sys/user/max_user_namespaces is 0");
});
