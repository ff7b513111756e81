import {
  assert,
  assertEquals,
  assertExcludes,
  assertGone,
  assertIncludes,
  assertMatch,
  eventually,
} from "../support/assert.ts";
import type { Bundle, BundleOptions } from "../support/bundle.ts";
import { makeBundle } from "../support/bundle.ts";
import { isAlive, parseStatus, waitForOrphan } from "../support/process.ts";
import { isRunc } from "../support/runtime.ts";
import { grant, mapUser, withoutNamespace } from "../support/spec.ts";

/** A container that sleeps. */
async function sleeper(options: BundleOptions = {}): Promise<Bundle> {
  const bundle = makeBundle({ args: ["sleep", "1000"], ...options });
  await bundle.create();
  await bundle.ok("start", bundle.id);
  return bundle;
}

/** What a program run by `exec` prints; it must exit 0. */
async function said(bundle: Bundle, ...words: string[]): Promise<string> {
  return (await bundle.ok("exec", ...words)).stdout.trimEnd();
}

/** The status of a program run by `exec` with some flags. */
async function status(
  bundle: Bundle,
  ...flags: string[]
): Promise<Record<string, string>> {
  const words = [...flags, bundle.id, "cat", "/proc/self/status"];
  return parseStatus(await said(bundle, ...words));
}

/** Writes a document of `exec --process`. */
function processFile(
  bundle: Bundle,
  fields: Record<string, unknown>,
): string {
  const path = `${bundle.folder}/process-${crypto.randomUUID()}.json`;
  const process = {
    user: { uid: 0, gid: 0 },
    args: ["true"],
    cwd: "/",
    env: ["PATH=/usr/bin:/bin"],
    ...fields,
  };
  Deno.writeTextFileSync(path, JSON.stringify(process));
  return path;
}

for (const code of [0, 3, 126, 127, 255]) {
  Deno.test(`exec exits with the program's status ${code}`, async () => {
    await using bundle = await sleeper();
    const args = ["exec", bundle.id, "sh", "-c", `exit ${code}`];
    assertEquals((await bundle.runtime(...args)).code, code);
  });
}

Deno.test("exec exits with 128 + the signal that the program died of", async () => {
  await using bundle = await sleeper();
  const args = ["exec", bundle.id, "sh", "-c", "kill -9 $$"];
  assertEquals((await bundle.runtime(...args)).code, 137);
});

Deno.test("options behind the id are the program's", async () => {
  await using bundle = await sleeper();
  const words = [bundle.id, "echo", "-t", "--env", "A=b"];
  assertEquals(await said(bundle, ...words), "-t --env A=b");
});

Deno.test("exec is in every namespace of the container", async () => {
  await using bundle = await sleeper({
    edit: (spec) => spec.linux.namespaces.push({ type: "cgroup" }),
  });
  const { pid } = await bundle.state();
  const names = ["mnt", "net", "ipc", "uts", "cgroup", "pid"];
  const script = names.map((name) => `readlink /proc/self/ns/${name}`);
  const theirs = await said(bundle, bundle.id, "sh", "-c", script.join(";"));
  const wanted = names.map((name) =>
    Deno.readLinkSync(`/proc/${pid}/ns/${name}`)
  );
  assertEquals(theirs.split("\n"), wanted);
});

Deno.test("exec is in the user namespace of the container, as its root", async () => {
  await using bundle = await sleeper({ edit: (spec) => mapUser(spec) });
  const { pid } = await bundle.state();
  const link = await said(bundle, bundle.id, "readlink", "/proc/self/ns/user");
  assertEquals(link, Deno.readLinkSync(`/proc/${pid}/ns/user`));
  assertEquals(await said(bundle, bundle.id, "id", "-u"), "0");
});

Deno.test("exec works where namespaces are the host's", async () => {
  await using bundle = await sleeper({
    edit: (spec) => {
      for (const name of ["pid", "network", "ipc", "uts"]) {
        withoutNamespace(spec, name);
      }
      delete spec.hostname;
    },
  });
  const link = await said(bundle, bundle.id, "readlink", "/proc/self/ns/pid");
  assertEquals(link, Deno.readLinkSync("/proc/self/ns/pid"));
});

Deno.test("exec is in every cgroup of the container", async () => {
  await using bundle = await sleeper();
  const { pid } = await bundle.state();
  const theirs = await said(bundle, bundle.id, "cat", "/proc/self/cgroup");
  assertEquals(`${theirs}\n`, Deno.readTextFileSync(`/proc/${pid}/cgroup`));
});

Deno.test("exec --cgroup is in a cgroup below the container's", async () => {
  await using bundle = await sleeper();
  const path = bundle.spec.linux.cgroupsPath ?? "";
  Deno.mkdirSync(`/sys/fs/cgroup/pids${path}/sub`);
  const words = ["--cgroup", "pids:sub", bundle.id, "cat", "/proc/self/cgroup"];
  const text = await said(bundle, ...words);
  assertMatch(text, new RegExp(`:pids:${path}/sub$`, "m"));
  assertMatch(text, new RegExp(`:memory:${path}$`, "m"));
});

Deno.test("exec --cgroup does not leave the container's", async () => {
  await using bundle = await sleeper();
  const words = ["--cgroup", "pids:../..", bundle.id, "true"];
  const { code } = await bundle.runtime("exec", ...words);
  assertEquals(code, 255);
});

Deno.test("exec --env adds variables, and --cwd says where", async () => {
  await using bundle = await sleeper();
  const flags = ["-e", "A=1,2", "-e", "B=x y", "--cwd=/tmp"];
  const words = [...flags, bundle.id, "sh", "-c", 'echo "$A $B $TERM"; pwd'];
  assertEquals(await said(bundle, ...words), "1,2 x y dumb\n/tmp");
});

Deno.test("exec into a working directory that is missing fails", async () => {
  await using bundle = await sleeper();
  const args = ["exec", "--cwd", "/missing", bundle.id, "true"];
  const { code, stderr } = await bundle.runtime(...args);
  assertEquals(code, 255);
  assertIncludes(stderr, "no such file or directory");
});

Deno.test("exec enters a working directory that only root may enter", async () => {
  await using bundle = await sleeper();
  Deno.mkdirSync(`${bundle.rootfs}/only`, { mode: 0o700 });
  const words = ["--cwd", "/only", "--user", "1000:1000", bundle.id];
  assertEquals(
    await said(bundle, ...words, "sh", "-c", "echo $PWD; id -u"),
    "/only\n1000",
  );
});

Deno.test("exec --user and --additional-gids set the ids", async () => {
  await using bundle = await sleeper();
  const flags = ["-u", "1000:2000", "-g", "30", "-g", "40"];
  const seen = await status(bundle, ...flags);
  assertEquals(seen.Uid, "1000\t1000\t1000\t1000");
  assertEquals(seen.Gid, "2000\t2000\t2000\t2000");
  assertEquals(seen.Groups?.split(" "), ["30", "40"]);
});

for (
  const user of [
    "1000x",
    "1000:2000:3000",
    "1000:",
    "0x10",
    "-1",
    " 1",
    "4294967296",
  ]
) {
  Deno.test(`exec --user refuses "${user}"`, async () => {
    await using bundle = await sleeper();
    const args = ["exec", `--user=${user}`, bundle.id, "id", "-u"];
    const { code, stdout } = await bundle.runtime(...args);
    // runc takes a part of two of these, and lets one number wrap.
    if (isRunc()) return assert(code === 255 || /^\d+\n$/.test(stdout));
    assertEquals([code, stdout], [255, ""]);
  });
}

Deno.test("exec has the container's capabilities and no_new_privs", async () => {
  await using bundle = await sleeper();
  const init = parseStatus(
    Deno.readTextFileSync(`/proc/${(await bundle.state()).pid}/status`),
  );
  const seen = await status(bundle);
  for (const line of ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"]) {
    assertEquals(seen[line], init[line], line);
  }
  assertEquals(seen.NoNewPrivs, "1");
});

Deno.test("exec --process without capabilities has the container's", async () => {
  await using bundle = await sleeper({
    edit: (spec) => grant(spec, "CAP_CHOWN", "CAP_KILL"),
  });
  const file = processFile(bundle, { args: ["cat", "/proc/self/status"] });
  const seen = parseStatus(await said(bundle, "--process", file, bundle.id));
  assertEquals(seen.CapEff, "0000000000000021");
});

Deno.test("exec --cap adds a capability, and never an inheritable one", async () => {
  await using bundle = await sleeper({
    edit: (spec) => grant(spec, "CAP_KILL"),
  });
  const seen = await status(bundle, "--cap", "CAP_CHOWN");
  assertEquals(seen.CapEff, "0000000000000021");
  assertEquals(seen.CapBnd, "0000000000000021");
  assertEquals(seen.CapInh, "0000000000000000");
  assertEquals(seen.CapAmb, "0000000000000000");
});

Deno.test("exec --no-new-privs sets it", async () => {
  await using bundle = await sleeper({
    edit: (spec) => {
      spec.process.noNewPrivileges = false;
    },
  });
  assertEquals((await status(bundle)).NoNewPrivs, "0");
  assertEquals((await status(bundle, "--no-new-privs")).NoNewPrivs, "1");
});

Deno.test("exec --process runs the document's process", async () => {
  await using bundle = await sleeper();
  const file = processFile(bundle, {
    user: { uid: 5, gid: 6, additionalGids: [7], umask: 0o077 },
    args: ["sh", "-c", "id -u; id -g; id -G; umask; pwd; echo $X; ulimit -n"],
    cwd: "/tmp",
    env: ["PATH=/usr/bin:/bin", "X=y"],
    rlimits: [{ type: "RLIMIT_NOFILE", soft: 99, hard: 99 }],
  });
  const text = await said(bundle, "--process", file, bundle.id);
  const lines = ["5", "6", "6 7", "0077", "/tmp", "y", "99"];
  // runc's umask of exec is the container's, whatever the document says.
  if (isRunc()) lines[3] = "0022";
  assertEquals(text.split("\n"), lines);
});

for (
  const [fault, fields] of [
    ["a relative cwd", { cwd: "tmp" }],
    ["no arguments", { args: [] }],
    ["no cwd", { cwd: "" }],
  ] as const
) {
  Deno.test(`exec --process refuses a document with ${fault}`, async () => {
    await using bundle = await sleeper();
    const file = processFile(bundle, fields);
    const { code } = await bundle.runtime("exec", "--process", file, bundle.id);
    assertEquals(code, 255);
  });
}

Deno.test("exec has no descriptor but stdio", async () => {
  await using bundle = await sleeper();
  const script = "for f in /proc/$$/fd/*; do echo ${f##*/}; done";
  const words = ["exec", bundle.id, "sh", "-c", script];
  const { stdout } = await bundle.runtimeWith(
    { redirect: "7</etc/passwd 8</etc" },
    ...words,
  );
  // 3 is the directory that the shell reads.
  const open = stdout.trim().split("\n").map(Number).filter((fd) => fd > 3);
  assertEquals(open.filter((fd) => fd < 10), []);
});

Deno.test("exec --preserve-fds passes that many descriptors on", async () => {
  await using bundle = await sleeper();
  Deno.writeTextFileSync(`${bundle.folder}/passed`, "passed");
  const words = ["exec", "--preserve-fds", "1", bundle.id];
  const { stdout } = await bundle.runtimeWith(
    { redirect: `3<${bundle.folder}/passed` },
    ...[...words, "sh", "-c", "cat <&3; ls /proc/self/fd | wc -l"],
  );
  assertMatch(stdout, /^passed/);
});

Deno.test("exec reads stdin and writes both outputs", async () => {
  await using bundle = await sleeper();
  const { stdout, stderr } = await bundle.runtimeWith(
    { stdin: "in" },
    ...["exec", bundle.id, "sh", "-c", "cat; echo err >&2"],
  );
  assertEquals([stdout, stderr], ["in", "err\n"]);
});

Deno.test("exec as a user may open /dev/stderr again", async () => {
  await using bundle = await sleeper();
  const words = ["exec", "-u", "1000", bundle.id];
  const { stderr, code } = await bundle.runtime(
    ...[...words, "sh", "-c", "echo again > /dev/stderr"],
  );
  if (isRunc() && code !== 0) return; // it hands files on as they are
  assertEquals(stderr, "again\n");
});

Deno.test("exec --detach returns while the program runs, which is the subreaper's", async () => {
  await using bundle = await sleeper();
  const pidFile = `${bundle.folder}/exec.pid`;
  const flags = ["--detach", "--pid-file", pidFile];
  await bundle.ok("exec", ...flags, bundle.id, "sh", "-c", "sleep 0.3; exit 9");
  const text = Deno.readTextFileSync(pidFile);
  assertMatch(text, /^\d+$/);
  assert(isAlive(Number(text)));
  assertEquals(await waitForOrphan(Number(text)), 9);
});

Deno.test("exec --pid-file names the program while it runs in the foreground", async () => {
  await using bundle = await sleeper();
  const pidFile = `${bundle.folder}/exec.pid`;
  const flags = ["exec", "--pid-file", pidFile, bundle.id];
  const running = bundle.spawn(
    {},
    ...[...flags, "sh", "-c", "echo up; sleep 1000"],
  );
  await eventually("the program", () => running.stdout() === "up\n");
  const pid = Number(Deno.readTextFileSync(pidFile));
  Deno.kill(pid, "SIGKILL");
  assertEquals((await running.finished()).code, 137);
});

for (const signal of ["TERM", "INT", "HUP", "USR1", "USR2"] as const) {
  Deno.test(`exec forwards SIG${signal} to the program`, async () => {
    await using bundle = await sleeper();
    const script = `trap 'echo got; exit 5' ${signal}; echo up; ` +
      "while :; do sleep 0.05; done";
    const running = bundle.spawn(
      { wrap: ["env", `--default-signal=${signal}`] },
      ...["exec", bundle.id, "sh", "-c", script],
    );
    await eventually("the trap", () => running.stdout() === "up\n");
    running.kill(`SIG${signal}`);
    const { code, stdout } = await running.finished();
    assertEquals([code, stdout], [5, "up\ngot\n"]);
  });
}

Deno.test("exec works in a container that is created", async () => {
  await using bundle = makeBundle({ args: ["sleep", "1000"] });
  await bundle.create();
  assertEquals(await said(bundle, bundle.id, "echo", "early"), "early");
  assertEquals((await bundle.state()).status, "created");
});

Deno.test("exec refuses a stopped container, and one that is not there", async () => {
  await using bundle = await sleeper();
  const { pid } = await bundle.state();
  await bundle.ok("kill", bundle.id, "KILL");
  await waitForOrphan(pid);
  const stopped = await bundle.runtime("exec", bundle.id, "true");
  assertEquals(stopped.code, 255);
  assertIncludes(stopped.stderr, "cannot exec in a stopped container");
  const missing = await bundle.runtime("exec", "nobody", "true");
  assertEquals(missing.code, 255);
  assertIncludes(missing.stderr, "does not exist");
});

Deno.test("exec refuses a paused container, but --ignore-paused waits", async () => {
  await using bundle = await sleeper();
  await bundle.ok("pause", bundle.id);
  const refused = await bundle.runtime("exec", bundle.id, "true");
  assertEquals(refused.code, 255);
  assertIncludes(
    refused.stderr,
    "cannot exec in a paused container (use --ignore-paused to override)",
  );
  const running = bundle.spawn(
    {},
    ...["exec", "--ignore-paused", bundle.id, "echo", "went"],
  );
  await bundle.ok("resume", bundle.id);
  assertEquals((await running.finished()).stdout, "went\n");
});

Deno.test("delete --force ends the programs of exec", async () => {
  await using bundle = await sleeper();
  const pidFile = `${bundle.folder}/exec.pid`;
  const flags = ["--detach", "--pid-file", pidFile, bundle.id];
  await bundle.ok("exec", ...flags, "sleep", "1000");
  const pid = Number(Deno.readTextFileSync(pidFile));
  // A pid namespace does not end before all in it are reaped: this one by us.
  const deleting = bundle.spawn({}, "delete", "--force", bundle.id);
  assertEquals(await waitForOrphan(pid), 137);
  assertEquals((await deleting.finished()).code, 0);
});

Deno.test("exec has the container's system call filter", async () => {
  for (const noNewPrivileges of [true, false]) {
    await using bundle = await sleeper({
      edit: (spec) => {
        spec.process.noNewPrivileges = noNewPrivileges;
        Object.assign(spec.linux, {
          seccomp: {
            defaultAction: "SCMP_ACT_ALLOW",
            syscalls: [{
              names: ["mkdir", "mkdirat"],
              action: "SCMP_ACT_ERRNO",
              errnoRet: 93,
            }],
          },
        });
      },
    });
    const args = ["exec", bundle.id, "mkdir", "/tmp/made"];
    const { code, stderr } = await bundle.runtime(...args);
    assertEquals(code, 1);
    assertIncludes(stderr, "Protocol not supported");
    assertEquals((await status(bundle)).Seccomp, "2");
    // The privilege for it does not stay.
    assertEquals((await status(bundle)).CapPrm, "0000000020000420");
  }
});

Deno.test("exec that fails writes no pid file", async () => {
  await using bundle = await sleeper();
  const pidFile = `${bundle.folder}/exec.pid`;
  for (const name of ["missing", "/missing", "/tmp"]) {
    const flags = ["exec", "--detach", "--pid-file", pidFile];
    const { code } = await bundle.runtime(...flags, bundle.id, name);
    assertEquals(code, 255, name);
    assertGone(pidFile);
  }
});

for (
  const [name, text] of [
    ["missing", 'exec: "missing": executable file not found in $PATH'],
    ["/missing", "no such file or directory"],
    ["/etc/passwd", "permission denied"],
    ["/tmp", isRunc() ? "permission denied" : "is a directory"],
  ]
) {
  Deno.test(`exec of ${name} says why in the words that callers match`, async () => {
    await using bundle = await sleeper();
    const log = `${bundle.folder}/log.json`;
    const globals = ["--log", log, "--log-format", "json"];
    const { code, stderr } = await bundle.runtime(
      ...[...globals, "exec", bundle.id, name ?? ""],
    );
    assertEquals(code, 255);
    assertIncludes(stderr, "exec failed: ");
    assertIncludes(stderr, text ?? "");
    const line = JSON.parse(Deno.readTextFileSync(log));
    assertEquals(line.level, "error");
    assertIncludes(line.msg, text ?? "");
    assertExcludes(stderr, "{");
  });
}
