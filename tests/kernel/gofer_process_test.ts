/** What a gofer is as a process: what it inherits, what it executes, its size. */

import { FCNTL } from "../../ffi/abi/fcntl.ts";
import { attempt, perform } from "../../ffi/call.ts";
import { close, fcntl, openat, write } from "../../ffi/file.ts";
import { spawnGofer } from "../../ffi/gofer/spawn.ts";
import { libc } from "../../ffi/libc.ts";
import { local } from "../../ffi/local.ts";
import { sealedExecutable } from "../../ffi/memfd.ts";
import { assert, assertEquals, assertMatch } from "../support/assert.ts";
import { checkout } from "../support/fixture.ts";
import { childrenOf, statusOf } from "../support/process.ts";

libc(); // Opened before the first test: it stays open.

const HOME = -100; // AT_FDCWD
const O_WRONLY = 1;

/** Descriptors of a process and what they are, without inode numbers. */
function descriptors(pid: number): string[] {
  return [...Deno.readDirSync(`/proc/${pid}/fd`)]
    .map(({ name }) =>
      `${name} ${Deno.readLinkSync(`/proc/${pid}/fd/${name}`)}`
    )
    .map((line) => line.replace(/:\[\d+\]/, ":")).sort();
}

/** Kilobytes of memory that a process has. */
function resident(pid: number | "self"): number {
  return parseInt(statusOf(pid).VmRSS ?? "");
}

/**
 * Runs `script` in a shell, with the launcher as `"$@"`, calls `look` with its
 * gofer's pid, and ends both.
 */
async function launched(
  script: string,
  args: readonly string[],
  look: (pid: number, launcher: number) => void,
): Promise<void> {
  const child = new Deno.Command("sh", {
    args: ["-c", script, "sh", Deno.execPath(), "run", "-A", "--no-check"]
      .concat(`${checkout()}/tests/kernel/gofer_launcher.ts`, args),
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  const reader = child.stdout.getReader();
  try {
    const { value } = await reader.read();
    const { pid } = JSON.parse(new TextDecoder().decode(value));
    look(pid, child.pid);
  } finally {
    child.kill("SIGKILL");
    await reader.cancel();
    await child.stdin.abort().catch(() => {});
    await child.status;
  }
}

Deno.test("a gofer has no environment, default signals and no stray descriptor", async () => {
  await launched(
    'A=1 exec "$@" 7</etc/passwd 9</etc/group',
    ["stray"],
    (pid, launcher) => {
      const theirs = descriptors(launcher);
      for (const stray of ["7 /etc/passwd", "9 /etc/group"]) {
        assert(theirs.includes(stray), "the launcher has none");
      }
      assertMatch(statusOf(launcher).SigBlk ?? "", /a00$/);
      assertMatch(statusOf(launcher).SigIgn ?? "", /1000$/); // SIGPIPE
      assertEquals(descriptors(pid).slice(3), [
        "3 socket:",
        "4 /memfd:burrow-init (deleted)",
      ]);
      assertEquals(descriptors(pid).length, 5);
      assertEquals(Deno.readTextFileSync(`/proc/${pid}/environ`), "");
      assertEquals(
        Deno.readTextFileSync(`/proc/${pid}/cmdline`),
        "burrow-init\0",
      );
      const { SigBlk, SigIgn, SigCgt, Threads } = statusOf(pid);
      const none = "0".repeat(16);
      assertEquals([SigBlk, SigIgn, SigCgt, Threads], [none, none, none, "1"]);
    },
  );
});

Deno.test("preserved descriptors keep their numbers, and none behind them", async () => {
  await launched(
    'exec "$@" 3</etc/passwd 4</etc/group 5</etc/hosts 6</etc/fstab',
    ["preserve", "2"],
    (pid) => {
      assertEquals(descriptors(pid).slice(3), [
        "3 /etc/passwd",
        "4 /etc/group",
        "5 socket:",
        "6 /memfd:burrow-init (deleted)",
      ]);
    },
  );
});

Deno.test("however many are preserved, the spawn's own do not collide", () => {
  for (let preserved = 0; preserved < 60; preserved++) {
    using gofer = spawnGofer({ preserved });
    const links = [gofer.control, gofer.self].map((fd) =>
      Deno.readLinkSync(`/proc/${gofer.pid}/fd/${fd}`)
    );
    assertMatch(links.join(), /^socket:\[\d+\],\/memfd:burrow-init/);
    assertEquals(gofer.control, 3 + preserved);
  }
});

Deno.test("a gofer has the limits of its launcher, which Deno raised", async () => {
  // Putting the caller's soft limit back is the plan's work, not the spawn's.
  await launched('ulimit -Sn 128; exec "$@"', ["idle"], (pid, launcher) => {
    const limits = (of: number) =>
      /Max open files\s+(\d+)\s+(\d+)/.exec(
        Deno.readTextFileSync(`/proc/${of}/limits`),
      )?.slice(1);
    assertEquals(limits(pid), limits(launcher));
    const [soft, hard] = limits(pid) ?? [];
    assertEquals(soft, hard);
  });
});

Deno.test("a gofer is under 100 kB resident", () => {
  using gofer = spawnGofer();
  assert(resident(gofer.pid) < 100, `${resident(gofer.pid)} kB`);
});

Deno.test("what a gofer executes cannot be written, by anyone, ever", () => {
  using gofer = spawnGofer();
  const exe = `/proc/${gofer.pid}/exe`;
  assertEquals(Deno.readLinkSync(exe), "/memfd:burrow-init (deleted)");
  assertEquals(Deno.statSync(exe).ino, gofer.executable.inode);
  const ETXTBSY = -26;
  for (const flags of [O_WRONLY, FCNTL.O_RDWR, O_WRONLY | FCNTL.O_TRUNC]) {
    assertEquals(attempt(local, openat(HOME, exe, flags)), ETXTBSY);
  }
  // Nor while nobody executes it, nor by taking the seals off.
  const fd = gofer.take(gofer.self);
  gofer[Symbol.dispose]();
  const path = `/proc/self/fd/${fd}`;
  const EPERM = -1;
  const seals = attempt(local, fcntl(fd, FCNTL.F_GET_SEALS, 0));
  // Since 6.3 the mode is sealed too, which seals future writes.
  assertEquals(seals & 0xf, 0xf);
  assertEquals(attempt(local, fcntl(fd, FCNTL.F_ADD_SEALS, 0)), EPERM);
  assertEquals(attempt(local, write(fd, "x")), EPERM);
  const writable = attempt(local, openat(HOME, path, FCNTL.O_RDWR));
  assert(writable > 0, "it can be opened, but");
  assertEquals(attempt(local, write(writable, "x")), EPERM);
  for (const size of [0, 100_000]) {
    assertEquals(
      attempt(local, { syscall: "ftruncate", args: [fd, size], object: "" }),
      EPERM,
    );
  }
  assertEquals(
    attempt(local, openat(HOME, path, O_WRONLY | FCNTL.O_TRUNC)),
    EPERM,
  );
  local.run(close(fd), close(writable));
});

for (const level of [0, 1, 2]) {
  const where = level < 2 ? "/memfd:burrow-init (deleted)" : "/burrow-init";
  Deno.test(`with vm.memfd_noexec=${level} a gofer executes "${where}"`, () => {
    // The setting is the pid namespace's own.
    const script = `
      echo ${level} > /proc/sys/vm/memfd_noexec &&
      exec "$@"`;
    const { code, stdout, stderr } = new Deno.Command("unshare", {
      args: ["--pid", "--fork", "--mount-proc", "sh", "-c", script, "sh"]
        .concat(Deno.execPath(), "run", "-A", "--no-check")
        .concat(`${checkout()}/tests/kernel/gofer_launcher.ts`, "look"),
      stdin: "null",
    }).outputSync();
    const text = new TextDecoder();
    assertEquals(code, 0, text.decode(stderr));
    const [told, failure] = text.decode(stdout).trim().split("\n");
    assertMatch(told ?? "", /^{"pid":\d+,"inside":\d+}$/);
    assertEquals(JSON.parse(failure ?? ""), {
      exe: where,
      write: "ETXTBSY",
      chmod: level < 2 ? "" : "EROFS",
    });
  });
}

Deno.test("sealedExecutable() makes a file that runs, close-on-exec", () => {
  const bytes = Deno.readFileSync("/bin/true");
  const fd = sealedExecutable(local, "true", bytes);
  assertEquals(perform(local, fcntl(fd, FCNTL.F_GETFD, 0)), 1);
  assertEquals(Deno.statSync(`/proc/self/fd/${fd}`).mode, 0o100555);
  local.run(close(fd));
});

Deno.test("10,000 spawns leave no process, no descriptor and no memory", () => {
  const spawn = (times: number) => {
    for (let i = 0; i < times; i++) {
      using gofer = spawnGofer();
      assert(gofer.pid > 0);
    }
  };
  const count = () => [
    [...Deno.readDirSync("/proc/self/fd")].length,
    childrenOf("self").length,
  ];
  spawn(3000); // until the collector has found its pace
  const before = count();
  const memory = resident("self");
  spawn(7000);
  assertEquals(count(), before, "descriptors and children");
  const growth = resident("self") - memory;
  assert(growth < 30_000, `grew by ${growth} kB`);
});
