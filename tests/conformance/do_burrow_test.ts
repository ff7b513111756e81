import {
  assert,
  assertEquals,
  assertExcludes,
  assertGone,
  assertIncludes,
  assertMatch,
  eventually,
} from "../support/assert.ts";
import { type Bundle, makeBundle } from "../support/bundle.ts";
import { host, type Result, runtimePath, spawn } from "../support/runtime.ts";

/** Runs `do` with these arguments; the bundle only lends its leak check. */
async function run(
  args: string[] | ((bundle: Bundle) => string[]),
  look: (result: Result, bundle: Bundle) => void = () => {},
): Promise<string> {
  await using bundle = makeBundle({ rootfs: "none" });
  const words = typeof args === "function" ? args(bundle) : args;
  const running = spawn(bundle.folder, [runtimePath(), "do", ...words]);
  const result = await running.finished();
  look(result, bundle);
  return result.stdout.trimEnd();
}

/** Runs a script of the host's shell under `do`. */
function sh(script: string, ...flags: string[]): Promise<string> {
  return run([...flags, "--", "sh", "-c", script]);
}

Deno.test("do runs a program of the host and exits with its status", async () => {
  await run(
    ["--", "sh", "-c", "echo out; exit 7"],
    ({ code, stdout, stderr }) => {
      assertEquals([code, stdout, stderr], [7, "out\n", ""]);
    },
  );
});

Deno.test("do exits with 128 + n when the program dies of a signal", async () => {
  await run(["--", "sh", "-c", "sh -c 'kill -9 $$'; exit $?"], ({ code }) => {
    assertEquals(code, 137);
  });
});

Deno.test("do forwards signals to the program", async () => {
  await using bundle = makeBundle({ rootfs: "none" });
  const script = "trap 'exit 5' TERM; echo up; while :; do sleep 0.05; done";
  const words = ["do", "--", "sh", "-c", script];
  const running = spawn(bundle.folder, [runtimePath(), ...words]);
  await eventually("the trap", () => running.stdout() === "up\n");
  running.kill("SIGTERM");
  assertEquals((await running.finished()).code, 5);
});

Deno.test("writes of do vanish, and the program sees them until then", async () => {
  const mark = `/etc/burrow-test-${crypto.randomUUID()}`;
  assertEquals(await sh(`echo mark > ${mark}; cat ${mark}`), "mark");
  assertGone(mark);
});

Deno.test("files that do removes are still there", async () => {
  const seen = await sh("rm /etc/hostname && ls /etc/hostname 2>&1; exit 0");
  assertIncludes(seen, "No such file");
  assertMatch(Deno.readTextFileSync("/etc/hostname"), /./);
});

Deno.test("do has fresh /proc, /sys, /dev, /run and /tmp", async () => {
  const mark = `burrow-test-${crypto.randomUUID()}`;
  Deno.writeTextFileSync(`/tmp/${mark}`, "");
  Deno.writeTextFileSync(`/run/${mark}`, "");
  try {
    const seen = await sh(
      `ls /tmp /run; ls /proc | grep -c '^[0-9]'; test -c /dev/null && ` +
        "echo x > /dev/null && test -d /sys/kernel && echo all",
    );
    assertExcludes(seen, mark);
    const [count = "99", all] = seen.split("\n").slice(-2);
    assert(Number(count) < 6, `${count} processes are seen`);
    assertEquals(all, "all");
  } finally {
    Deno.removeSync(`/tmp/${mark}`);
    Deno.removeSync(`/run/${mark}`);
  }
});

Deno.test("do has no network unless asked", async () => {
  const devices = "ls /sys/class/net | tr '\\n' ' '";
  assertEquals(await sh(devices), "lo");
  const inside = await sh("readlink /proc/self/ns/net", "--net");
  assertEquals(inside, Deno.readLinkSync("/proc/self/ns/net"));
});

Deno.test("do has namespaces of its own", async () => {
  const kinds = ["mnt", "pid", "ipc", "uts", "net"];
  const seen = await sh(
    kinds.map((kind) => `readlink /proc/self/ns/${kind}`).join("; "),
  );
  for (const [i, kind] of kinds.entries()) {
    const inside = seen.split("\n")[i] ?? "";
    assertMatch(inside, /^\w+:\[\d+\]$/);
    assertExcludes(inside, Deno.readLinkSync(`/proc/self/ns/${kind}`));
  }
});

Deno.test("do has reduced capabilities, without CAP_SYS_ADMIN", async () => {
  const seen = await sh("cat /proc/self/status");
  const effective = /^CapEff:\t([0-9a-f]+)$/m.exec(seen)?.[1] ?? "f";
  const admin = BigInt(`0x${effective}`) >> 21n & 1n;
  assertEquals(String(admin), "0", "CAP_SYS_ADMIN");
});

Deno.test("do --rw lets writes through, --ro lets none", async () => {
  await run(
    ({ folder }) => {
      Deno.mkdirSync(`${folder}/open`);
      Deno.mkdirSync(`${folder}/shut`);
      const script = `echo x > ${folder}/open/x; echo x > ${folder}/shut/x`;
      const paths = ["--rw", `${folder}/open`, "--ro", `${folder}/shut`];
      return [...paths, "--", "sh", "-c", `${script}; exit 0`];
    },
    ({ code, stderr }, { folder }) => {
      assertEquals(code, 0, stderr);
      assertIncludes(stderr, "Read-only file system");
      assertEquals(Deno.readTextFileSync(`${folder}/open/x`), "x\n");
      assertGone(`${folder}/shut/x`);
    },
  );
});

Deno.test("do keeps a second file system apart: it is seen, and writes vanish", async () => {
  await using bundle = makeBundle({ rootfs: "none" });
  const image = `${bundle.folder}/image`;
  // Not below /tmp, which is fresh.
  const point = Deno.makeTempDirSync({ dir: "/var", prefix: "burrow-test-" });
  host("truncate", "-s", "16M", image);
  host("mkfs.ext4", "-q", image);
  host("mount", "-o", "loop", image, point);
  try {
    Deno.writeTextFileSync(`${point}/there`, "seen");
    const script = `cat ${point}/there && echo x > ${point}/new && ` +
      `rm ${point}/there && ls ${point}`;
    const words = ["do", "--", "sh", "-c", script];
    const running = spawn(bundle.folder, [runtimePath(), ...words]);
    const { code, stdout, stderr } = await running.finished();
    assertEquals(code, 0, stderr);
    assertEquals(stdout.startsWith("seen"), true, stdout);
    assertIncludes(stdout, "new\n");
    assertExcludes(stdout, "there");
    assertGone(`${point}/new`);
    assertEquals(Deno.readTextFileSync(`${point}/there`), "seen");
  } finally {
    host("umount", point);
    Deno.removeSync(point);
  }
});

Deno.test("do --user, --cwd and --env are what the program gets", async () => {
  const seen = await sh(
    "id -u; id -g; pwd; echo $A",
    ...["--user", "1000:2000", "--cwd", "/usr", "--env", "A=b,c=d"],
  );
  assertEquals(seen, "1000\n2000\n/usr\nb,c=d");
});

Deno.test("do starts in the caller's folder where the sandbox has it", async () => {
  await using bundle = makeBundle({ rootfs: "none" });
  const words = [runtimePath(), "do", "--", "pwd"];
  const running = spawn(bundle.folder, words, { cwd: "/usr/share" });
  assertEquals((await running.finished()).stdout, "/usr/share\n");
});

Deno.test("do says clearly what it cannot find", async () => {
  await run(["--", "no-such-program"], ({ code, stderr }) => {
    assertEquals(code !== 0, true);
    assertIncludes(stderr, "no-such-program");
    assertEquals(stderr.trimEnd().split("\n").length, 1, stderr);
  });
  await run(["--rw", "/no/such/path", "--", "true"], ({ code, stderr }) => {
    assertEquals(code, 1);
    assertIncludes(stderr, "/no/such/path");
  });
  await run([], ({ code, stderr }) => {
    assertEquals(code, 1);
    assertEquals(stderr.trimEnd().split("\n").length, 1, stderr);
  });
});
