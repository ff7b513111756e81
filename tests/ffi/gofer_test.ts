/**
 * Batches that a gofer executes, on both architectures (the other one by
 * qemu-user): chaining, failures, children, and how a batch ends.
 */

import type { Arch } from "../../ffi/abi/arch.ts";
import { FCNTL, FCNTL_BY_ARCH } from "../../ffi/abi/fcntl.ts";
import { STATX_BUFFER } from "../../ffi/abi/layout.ts";
import { SCHED } from "../../ffi/abi/sched.ts";
import type { Call } from "../../ffi/call.ts";
import { tolerate } from "../../ffi/call.ts";
import type { SyscallError } from "../../ffi/errno.ts";
import {
  close,
  dup3,
  faccessat2,
  getcwd,
  lseek,
  openat,
  pipe2,
  read,
  readlinkat,
  statx,
  umask,
  write,
} from "../../ffi/file.ts";
import { ABANDONED } from "../../ffi/gofer/image.ts";
import { libc } from "../../ffi/libc.ts";
import {
  clone,
  execve,
  exitGroup,
  getpid,
  getppid,
  wait4,
} from "../../ffi/process.ts";
import { unpack } from "../../ffi/struct.ts";
import { assert, assertEquals, fail } from "../support/assert.ts";
import type { RawGofer } from "../support/gofer.ts";
import { startRawGofer } from "../support/gofer.ts";

libc(); // Opened before the first test: it stays open.

const ARCHES: readonly Arch[] = ["x86_64", "aarch64"];
const HOME = -100; // AT_FDCWD
const text = new TextDecoder();

/** One test for each architecture. */
function test(
  name: string,
  body: (gofer: RawGofer, arch: Arch) => void | Promise<void>,
): void {
  for (const arch of ARCHES) {
    Deno.test(`${name} (${arch})`, async () => {
      await using gofer = startRawGofer(arch);
      await body(gofer, arch);
    });
  }
}

test("results chain: a file is opened, read and closed in one batch", (gofer) => {
  const file = openat(HOME, "/etc/passwd", 0);
  const content = read(file, 8192);
  const closed = close(file);
  const again = tolerate(read(file, 1));
  const results = gofer.run(file, content, closed, again);
  const wanted = Deno.readFileSync("/etc/passwd").slice(0, 8192);
  assertEquals(results.value(content), wanted.length);
  assertEquals(
    text.decode(results.output(content)).slice(0, wanted.length),
    text.decode(wanted),
  );
  assertEquals([results.value(closed), results.value(again)], [0, -9]);
});

test("an output chains: what goes into a pipe comes out of it", (gofer) => {
  const pipe = pipe2();
  // The first of its two descriptors, then both ends by number.
  const first: Call = {
    syscall: "fcntl",
    args: [{ outputOf: pipe, load: true }, FCNTL.F_GETFD, 0],
    object: "",
  };
  const results = gofer.run(pipe, first);
  assertEquals(results.value(first), 1, "FD_CLOEXEC");
  const ends = new DataView(results.output(pipe).buffer);
  const [from, to] = [ends.getInt32(0, true), ends.getInt32(4, true)];
  const got = read(from, 16);
  const moved = gofer.run(write(to, "through"), got, close(from), close(to));
  assertEquals(moved.value(got), 7);
  assertEquals(text.decode(moved.output(got)).slice(0, 7), "through");
});

test("a batch stops at the first call that fails", (gofer) => {
  const mask = umask(0o11);
  const failing = openat(HOME, "/no/such", 0);
  const behind = umask(0o22);
  gofer.run(umask(0));
  const batch = gofer.post([mask, failing, behind]);
  const answer = gofer.receive();
  assert(typeof answer !== "number");
  const view = new DataView(answer.buffer);
  const words = [0, 8, 16].map((at) => `${view.getBigInt64(at, true)}`);
  assertEquals(words, ["0", "-2", `${-(2n ** 63n)}`]);
  try {
    batch.read(view);
    fail("no failure was thrown");
  } catch (error) {
    assertEquals(
      (error as SyscallError).message,
      'openat "/no/such": no such file or directory',
    );
  }
  const now = umask(0);
  assertEquals(gofer.run(now).value(now), 0o11, "what ran");
});

test("a tolerated failure does not stop a batch", (gofer) => {
  const failing = tolerate(openat(HOME, "/no/such", 0));
  const behind = umask(0o22);
  const results = gofer.run(failing, behind);
  assertEquals(results.value(failing), -2);
  assert(results.value(behind) >= 0);
});

test("calls that wrappers pack give what the kernel gives", (gofer, arch) => {
  const { O_DIRECTORY, O_NOFOLLOW } = FCNTL_BY_ARCH[arch];
  const where = getcwd();
  const link = readlinkat(HOME, "/proc/self/fd/0");
  const access = tolerate(faccessat2(HOME, "/etc/shadow-none", 4));
  const file = tolerate(openat(HOME, "/etc/passwd", O_DIRECTORY));
  const loop = tolerate(openat(HOME, "/dev/fd", O_NOFOLLOW));
  const status = statx(HOME, "/etc/passwd");
  const seek = tolerate(lseek(-1, 0));
  const dup = dup3(0, 77);
  const results = gofer.run(
    where,
    link,
    access,
    file,
    loop,
    status,
    seek,
    dup,
    close(77),
  );
  const cwd = text.decode(results.output(where));
  assertEquals(cwd.slice(0, cwd.indexOf("\0")), Deno.cwd());
  assertEquals(
    text.decode(results.output(link)).slice(0, results.value(link)),
    "/dev/null",
  );
  const values = [access, file, loop, seek, dup].map(results.value);
  assertEquals(values, [-2, -20, -40, -9, 77]);
  const told = unpack(STATX_BUFFER, results.output(status));
  const { ino, size, mode, uid } = Deno.statSync("/etc/passwd");
  assertEquals(
    [told.stx_ino, told.stx_size, told.stx_mode, told.stx_uid],
    [ino, size, mode, uid],
  );
});

test("after a clone the child goes its own way, and its parent on", (gofer) => {
  const child = clone(0, { calls: [exitGroup(42)], ending: "abort" });
  const ended = wait4(child, 0);
  const results = gofer.run(child, ended);
  assert(results.value(child) > 1);
  assertEquals(results.value(ended), results.value(child));
  const status = new DataView(results.output(ended).buffer).getInt32(0, true);
  assertEquals(status >> 8, 42);
});

test("a program with a failing call ends with status 127", (gofer) => {
  const failing = openat(HOME, "/no/such", 0);
  for (const ending of ["abort", "listen"] as const) {
    const child = clone(0, { calls: [failing, exitGroup(3)], ending });
    const ended = wait4(child, 0);
    const output = gofer.run(child, ended).output(ended);
    assertEquals(new DataView(output.buffer).getInt32(0, true) >> 8, 127);
  }
});

test("a child that shares the parent's memory execs while it waits", (gofer) => {
  const flags = SCHED.CLONE_VM | SCHED.CLONE_VFORK;
  const run = (...calls: Call[]) => {
    const child = clone(flags, { calls, ending: "abort" });
    const ended = wait4(child, 0);
    const output = gofer.run(child, ended).output(ended);
    return new DataView(output.buffer).getInt32(0, true) >> 8;
  };
  const shell = (script: string) =>
    execve("/bin/sh", ["sh", "-c", script], ["A=4"]);
  assertEquals(run(shell("exit 5$A")), 54);
  assertEquals(run(shell("exit 0")), 0);
  assertEquals(run(execve("/no/such", ["x"], [])), 127);
  const result = tolerate(execve("/no/such", ["x"], []));
  assertEquals(run(result, exitGroup(9)), 9);
});

test("a failure can have a program of its own", (gofer) => {
  const rescue = { calls: [umask(0o55)], ending: "listen" } as const;
  const failing: Call = { ...close(-1), onError: rescue };
  gofer.post([failing, umask(0o66)]);
  const now = umask(0);
  assertEquals(gofer.run(now).value(now), 0o55);
});

test("a batch that aborts answers by itself before it does", async (gofer) => {
  const id = getppid();
  const sent: Call = {
    syscall: "write",
    args: [gofer.control, { answer: "address" }, { answer: "size" }],
    object: "",
  };
  const batch = gofer.post([id, sent, umask(0)], "abort");
  const answer = gofer.receive();
  assert(typeof answer !== "number");
  assertEquals(batch.read(new DataView(answer.buffer)).value(id), Deno.pid);
  assertEquals((await gofer.exited()).code, 127);
});

test("the end of its socket ends it before any batch too", async (gofer) => {
  gofer.hangUp();
  assertEquals((await gofer.exited()).code, ABANDONED);
});

test("a batch that exits answers, and ends with status 0", async (gofer) => {
  const batch = gofer.post([getpid()], "exit");
  const answer = gofer.receive();
  assertEquals(
    typeof answer === "number" ? -1 : answer.length,
    batch.answerSize,
  );
  assertEquals((await gofer.exited()).code, 0);
});

test("the end of its socket ends it", async (gofer) => {
  gofer.run(getpid());
  gofer.hangUp();
  assertEquals((await gofer.exited()).code, ABANDONED);
});
