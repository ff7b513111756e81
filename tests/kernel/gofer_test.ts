/** The launcher's end of a gofer: bounds, descriptors, forks, re-execs, ends. */

import { RLIMIT } from "../../ffi/abi/resource.ts";
import { SCHED } from "../../ffi/abi/sched.ts";
import { SOCKET } from "../../ffi/abi/socket.ts";
import { packBatch } from "../../ffi/batch.ts";
import type { Call } from "../../ffi/call.ts";
import { attempt, perform } from "../../ffi/call.ts";
import {
  close,
  lseek,
  memfdCreate,
  openat,
  read,
  umask,
  write,
} from "../../ffi/file.ts";
import {
  ABANDONED,
  BUFFER,
  BUFFER_SIZE,
  buildImage,
} from "../../ffi/gofer/image.ts";
import type { Gofer } from "../../ffi/gofer/channel.ts";
import { makeGofer } from "../../ffi/gofer/channel.ts";
import { spawnGofer } from "../../ffi/gofer/spawn.ts";
import { libc } from "../../ffi/libc.ts";
import { local } from "../../ffi/local.ts";
import {
  clone,
  execve,
  execveat,
  exitGroup,
  getpid,
  getrlimit,
  prlimit64,
  wait4,
} from "../../ffi/process.ts";
import { unpack } from "../../ffi/struct.ts";
import { RLIMIT64 } from "../../ffi/abi/layout.ts";
import { receiveTimeout, socketpair } from "../../ffi/socket.ts";
import { assertEquals, assertMatch, fail } from "../support/assert.ts";
import { childrenOf, isAlive } from "../support/process.ts";

libc(); // Opened before the first test: it stays open.

const HOME = -100; // AT_FDCWD

/** What `act` throws, as text. */
function failure(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
  fail("nothing was thrown");
}

/** The numbers of a process's descriptors. */
function descriptors(pid: number | "self"): string[] {
  return [...Deno.readDirSync(`/proc/${pid}/fd`)].map(({ name }) => name)
    .sort();
}

/** A test with a gofer, that leaves no descriptor and no child behind. */
function test(name: string, body: (gofer: Gofer) => void): void {
  Deno.test(name, () => {
    const before = [descriptors("self").length, childrenOf("self").length];
    {
      using gofer = spawnGofer();
      body(gofer);
    }
    const after = [descriptors("self").length, childrenOf("self").length];
    assertEquals(after, before, "descriptors and children");
  });
}

/** Calls that put `data` into a memory file; the file stays open. */
function fill(data: Uint8Array): Call[] {
  const file = memfdCreate("data", 0);
  return [file, write(file, data)];
}

/** How much can be written by a batch that fills the buffer. */
function room(): number {
  const memory = new DataView(new ArrayBuffer(0x10000));
  const gofer = { control: 3, listen: 0, exit: 0 };
  const place = { arch: Deno.build.arch, base: BUFFER, gofer };
  const { size } = packBatch(memory, place, fill(new Uint8Array(8)), "listen");
  return BUFFER_SIZE - size + 8;
}

test("a batch may be larger than a packet, up to the whole buffer", (gofer) => {
  for (const size of [100, 0x1fe00, 0x20000, 0x50001, room()]) {
    const data = new Uint8Array(size);
    for (let i = 0; i < size; i++) data[i] = i * 7 + (i >> 8);
    const calls = fill(data);
    const [file] = calls;
    const results = gofer.run(...calls);
    const fd = results.value(file ?? getpid());
    const mine = gofer.take(fd);
    const found = Deno.readFileSync(`/proc/self/fd/${mine}`);
    assertEquals(found.length, size);
    assertEquals(found.every((byte, i) => byte === data[i]), true, `${size}`);
    local.run(close(mine));
    gofer.run(close(fd));
  }
});

test("a batch one byte too large is refused, and harms nothing", (gofer) => {
  const calls = fill(new Uint8Array(room() + 1));
  assertEquals(failure(() => gofer.run(...calls)), "batch too large");
  const id = getpid();
  assertEquals(gofer.run(id).value(id), gofer.pid);
});

test("an answer may have a packet's size; a larger one is refused", (gofer) => {
  const file = openat(HOME, "/dev/zero", 0);
  // Two calls, the answer's own, 8 bytes each.
  const most = read(file, 0x20000 - 3 * 8);
  const results = gofer.run(file, most);
  assertEquals(results.value(most), 0x20000 - 3 * 8);
  const more = read(file, 0x20000 - 3 * 8 + 1);
  assertEquals(failure(() => gofer.run(file, more)), "batch too large");
  const id = getpid();
  assertEquals(gofer.run(id).value(id), gofer.pid);
});

test("an execve takes 1.8 MB of environment", (gofer) => {
  const environment = Array.from(
    { length: 15 },
    (_, i) => `V${i}=${"x".repeat(120_000)}`,
  );
  const script = '[ "${#V14}" = 120000 ] && exit 33';
  const child = clone(SCHED.CLONE_VM | SCHED.CLONE_VFORK, {
    calls: [execve("/bin/sh", ["sh", "-c", script], environment)],
    ending: "abort",
  });
  const ended = wait4(child, 0);
  const output = gofer.run(child, ended).output(ended);
  assertEquals(new DataView(output.buffer).getInt32(0, true) >> 8, 33);
});

test("more than the kernel takes in one message is refused by it", (gofer) => {
  const size = 0x40000;
  const file = memfdCreate("data", 0);
  const big = write(file, new Uint8Array(size));
  const sent: Call = {
    syscall: "write",
    args: [gofer.control, BUFFER, size],
    object: "control socket",
  };
  assertEquals(
    failure(() => gofer.run(file, big, sent)),
    "write control socket: message too long",
  );
});

test("descriptors pass both ways and leave no trace", (gofer) => {
  const before = [descriptors("self"), descriptors(gofer.pid)];
  const path = Deno.makeTempFileSync();
  Deno.writeTextFileSync(path, "passed");
  const file = openat(HOME, path, 0);
  const mine = perform(local, file);
  for (let i = 0; i < 50; i++) {
    const [one = -1, two = -1] = gofer.give(mine, mine);
    const first = `/proc/${gofer.pid}/fd/${one}`;
    assertEquals(Deno.readLinkSync(first), path);
    assertMatch(
      Deno.readTextFileSync(`/proc/${gofer.pid}/fdinfo/${one}`),
      /flags:\s+02\d{6}\b/, // O_CLOEXEC
    );
    const content = read(two, 10);
    const output = gofer.run(lseek(two, 0), content).output(content);
    assertEquals(new TextDecoder().decode(output.slice(0, 6)), "passed");
    const back = gofer.take(two);
    assertEquals(Deno.readLinkSync(`/proc/self/fd/${back}`), path);
    local.run(close(back));
    gofer.run(close(one), close(two));
  }
  local.run(close(mine));
  Deno.removeSync(path);
  assertEquals([descriptors("self"), descriptors(gofer.pid)], before);
});

test("a descriptor that the gofer lacks is refused at once", (gofer) => {
  assertEquals(failure(() => gofer.take(99)), "fcntl: bad file descriptor");
  const id = getpid();
  assertEquals(gofer.run(id).value(id), gofer.pid);
});

test("giving a descriptor that we lack ends the gofer", (gofer) => {
  assertEquals(failure(() => gofer.give(9999)), "sendmsg: bad file descriptor");
  assertEquals(isAlive(gofer.pid), false);
  assertMatch(failure(() => gofer.run(getpid())), /was let go$/);
});

test("a gofer without room for a descriptor is not believed", (gofer) => {
  const limit = { soft: 5, hard: 5 };
  gofer.run(prlimit64(0, RLIMIT.RLIMIT_NOFILE, limit, "RLIMIT_NOFILE"));
  assertEquals(
    failure(() => gofer.give(0)),
    "received 0 descriptors, not 1",
  );
});

test("a failing call leaves what is behind it undone", (gofer) => {
  gofer.run(umask(0o21));
  const calls = [close(-1), umask(0o77)];
  assertEquals(
    failure(() => gofer.run(...calls)),
    "close: bad file descriptor",
  );
  assertEquals(perform(gofer, umask(0)), 0o21);
});

test("fork() goes on in a child of ours, and the first process is gone", (gofer) => {
  const first = gofer.pid;
  gofer.run(umask(0o31));
  gofer.fork(SCHED.CLONE_PARENT);
  assertEquals(isAlive(first), false);
  assertEquals(childrenOf("self").includes(gofer.pid), true);
  const id = getpid();
  assertEquals(gofer.run(id).value(id), gofer.pid);
  assertEquals(perform(gofer, umask(0)), 0o31);
  gofer.fork(SCHED.CLONE_PARENT | SCHED.CLONE_NEWPID);
  assertEquals(gofer.run(id).value(id), 1);
  // Process 1 has no parent that it could give a child to.
  assertEquals(
    failure(() => gofer.fork(SCHED.CLONE_PARENT)),
    "clone: invalid argument",
  );
});

test("reexec() begins anew, small again, in the same process", (gofer) => {
  gofer.run(...fill(new Uint8Array(2_000_000)), umask(0o41));
  const file = perform(gofer, openat(HOME, "/dev/null", 0));
  gofer.reexec(execveat(gofer.self, ["again"], ["A=1"]));
  const id = getpid();
  assertEquals(gofer.run(id).value(id), gofer.pid);
  assertEquals(perform(gofer, umask(0)), 0o41);
  const read = (name: string) =>
    Deno.readTextFileSync(`/proc/${gofer.pid}/${name}`);
  assertEquals(read("cmdline"), "again\0");
  assertEquals(read("environ"), "A=1\0");
  assertEquals(attempt(gofer, close(file)), -9, "close-on-exec");
  const resident = Number(/VmRSS:\s+(\d+) kB/.exec(read("status"))?.[1]);
  assertEquals(resident < 100, true, `${resident} kB resident`);
});

test("reexec() that fails says so, and the gofer is as it was", (gofer) => {
  const failing = execveat(99, ["x"], []);
  assertEquals(
    failure(() => gofer.reexec(failing)),
    'execveat "x": bad file descriptor',
  );
  for (const mask of [0o12, 0o34, 0o56]) gofer.run(umask(mask));
  // Each answer is that of its own call.
  assertEquals(perform(gofer, umask(0o70)), 0o56);
  assertEquals(perform(gofer, umask(0)), 0o70);
});

test("finish() gives what the batch sent before it ends", (gofer) => {
  const sent: Call = {
    syscall: "write",
    args: [gofer.control, { answer: "address" }, { answer: "size" }],
    object: "",
  };
  const mask = umask(0o11);
  gofer.run(umask(0o61));
  assertEquals(gofer.finish(mask, sent, exitGroup(5)).value(mask), 0o61);
  const status = wait4(gofer.pid, 0);
  const output = local.run(status).output(status);
  assertEquals(new DataView(output.buffer).getInt32(0, true) >> 8, 5);
});

test("a gofer that is hung up on ends", (gofer) => {
  gofer.hangUp();
  const ended = wait4(gofer.pid, 0);
  const output = local.run(ended).output(ended);
  const status = new DataView(output.buffer).getInt32(0, true);
  assertEquals(status >> 8, ABANDONED);
  assertMatch(
    failure(() => gofer.run(getpid())),
    /^gofer \(process \d+\) was let go$/,
  );
});

test("a gofer that is dead is told so", (gofer) => {
  Deno.kill(gofer.pid, "SIGKILL");
  assertMatch(
    failure(() => gofer.run(getpid())),
    /^gofer \(process \d+\) died$/,
  );
});

/** A socket on which the test itself plays the gofer, badly. */
function impostor(act: (gofer: Gofer, its: number) => void): void {
  const pair = socketpair(SOCKET.SOCK_SEQPACKET);
  const ends = new DataView(local.run(pair).output(pair).buffer);
  const [socket, its] = [ends.getInt32(0, true), ends.getInt32(4, true)];
  local.run(receiveTimeout(socket, 200));
  const pid = 0x7ffffffe; // nobody: more than the kernel gives
  const image = buildImage(Deno.build.arch, 3);
  const executable = { device: "0:0", inode: 0 };
  {
    const made = { pid, socket, control: 3, self: 4, image, executable };
    using gofer = makeGofer(made);
    act(gofer, its);
  }
  attempt(local, close(its));
}

Deno.test("an answer of a wrong length is told, and ends it", () => {
  for (
    const [size, why] of [
      [1, "answered 1 bytes, not 16"],
      [15, "answered 15 bytes, not 16"],
      [17, "answered more than 16 bytes, not 16"],
      [30_000, "answered more than 16 bytes, not 16"],
    ] as const
  ) {
    impostor((gofer, its) => {
      local.run(write(its, new Uint8Array(size)));
      const said = failure(() => gofer.run(getpid()));
      assertEquals(said, `gofer (process ${gofer.pid}) ${why}`);
      assertMatch(failure(() => gofer.run(getpid())), /was let go$/);
    });
  }
});

Deno.test("no answer in time is told, and ends it", () => {
  impostor((gofer, its) => {
    assertMatch(failure(() => gofer.run(getpid())), /\) does not answer$/);
    // What it would have said later is nobody's answer.
    assertEquals(attempt(local, write(its, new Uint8Array(16))), -32);
  });
});

Deno.test("a gofer that dies with messages unread is told dead", () => {
  impostor((gofer, its) => {
    local.run(write(its, new Uint8Array(16)));
    gofer.run(getpid());
    local.run(close(its)); // which has the question still in it
    assertMatch(
      failure(() => gofer.run(getpid())),
      /^gofer \(process \d+\) died$/,
    );
  });
});

Deno.test("a spawn without room for descriptors leaves nothing behind", () => {
  const before = [descriptors("self"), childrenOf("self")];
  const now = getrlimit(0, RLIMIT.RLIMIT_NOFILE);
  const { rlim_cur, rlim_max } = unpack(RLIMIT64, local.run(now).output(now));
  const limit = (soft: number) =>
    local.run(
      prlimit64(0, RLIMIT.RLIMIT_NOFILE, { soft, hard: rlim_max }, "self"),
    );
  const next = openat(HOME, "/dev/null", 0);
  const first = perform(local, next);
  local.run(close(first));
  const failures: string[] = [];
  try {
    for (let room = 0; room < 8; room++) {
      limit(first + room);
      try {
        spawnGofer()[Symbol.dispose]();
      } catch (error) {
        failures.push(String(error));
      }
    }
  } finally {
    limit(rlim_cur);
  }
  for (const text of failures) {
    assertMatch(text, /^SyscallError: \w+.*: (too many open|invalid arg)/);
  }
  assertEquals(failures.length > 3, true, failures.join("\n"));
  assertEquals([descriptors("self"), childrenOf("self")], before);
});
