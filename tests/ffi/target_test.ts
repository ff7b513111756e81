/**
 * The launcher and a gofer give the same results for the same batches: written
 * ones, and seeded random ones of harmless calls.
 */

import { FCNTL } from "../../ffi/abi/fcntl.ts";
import { MEMFD } from "../../ffi/abi/memfd.ts";
import { RLIMIT } from "../../ffi/abi/resource.ts";
import type { Call, Target } from "../../ffi/call.ts";
import { attempt, perform, tolerate } from "../../ffi/call.ts";
import {
  close,
  dup3,
  faccessat2,
  fcntl,
  fstatfs,
  getcwd,
  ioctl,
  lseek,
  memfdCreate,
  openat,
  openat2,
  read,
  readlinkat,
  umask,
  write,
} from "../../ffi/file.ts";
import { spawnGofer } from "../../ffi/gofer/spawn.ts";
import { libc } from "../../ffi/libc.ts";
import { local } from "../../ffi/local.ts";
import { getrlimit, prctl } from "../../ffi/process.ts";
import { receivedFds, receiveFds, sendFds } from "../../ffi/socket.ts";
import { assert, assertEquals, assertMatch, fail } from "../support/assert.ts";

libc(); // Opened before the first test: it stays open.

const HOME = -100; // AT_FDCWD
/** Calls whose result is a descriptor: equal only in being one. */
const OPENERS = ["openat", "openat2", "memfd_create", "dup3"];

/** What a batch gave, in words that can be compared. */
function outcome(target: Target, calls: readonly Call[]): string[] {
  try {
    const results = target.run(...calls);
    return calls.map((call) => {
      const value = results.value(call);
      if (value >= 0 && OPENERS.includes(call.syscall)) return "descriptor";
      const output = call.args.some((arg) =>
        typeof arg === "object" && arg !== null && "output" in arg
      );
      return output ? `${value} ${results.output(call).toHex()}` : `${value}`;
    });
  } catch (error) {
    return [error instanceof Error ? error.message : String(error)];
  }
}

/** Numbers from 0 to n - 1 in a fixed order: mulberry32. */
function seeded(seed: number): (n: number) => number {
  let state = seed;
  return (n) => {
    state = state + 0x6d2b79f5 | 0;
    let t = Math.imul(state ^ state >>> 15, 1 | state);
    t = t + Math.imul(t ^ t >>> 7, 61 | t) ^ t;
    return ((t ^ t >>> 14) >>> 0) % n;
  };
}

/** A batch of harmless calls that closes what it opens, then may fail. */
function randomBatch(random: (n: number) => number): Call[] {
  const paths = [
    "/etc/passwd",
    "/no/such",
    "/dev/null",
    "/",
    "",
    "ü".repeat(90),
  ];
  const pick = <T>(list: readonly T[], otherwise: T): T =>
    list[random(list.length)] ?? otherwise;
  const flags = [
    0,
    FCNTL.O_DIRECTORY,
    FCNTL.O_PATH,
    FCNTL.O_NOFOLLOW,
    -1 << 30,
  ];
  const path = () => pick(paths, "/");
  const opened: Call[] = [];
  const calls: Call[] = [];
  const fd = () => random(6) === 0 ? -1 : pick<Call | number>(opened, -1);
  const makers: (() => Call)[] = [
    () => openat(HOME, path(), pick(flags, 0)),
    () => openat(fd(), path(), pick(flags, 0)),
    () => openat2(HOME, path(), { flags: 0, resolve: random(64) }),
    () => memfdCreate(path().slice(0, 40), random(8)),
    () => read(fd(), 1 + random(300)),
    () => write(fd(), new Uint8Array(random(300)).fill(random(256))),
    () => lseek(fd(), random(4) === 0 ? 2 ** 40 : random(100) - 20),
    () => fcntl(fd(), FCNTL.F_GETFD, 0),
    () => fcntl(fd(), FCNTL.F_GET_SEALS, 0),
    () => fcntl(fd(), random(2000), random(3)),
    () => faccessat2(HOME, path(), random(8)),
    () => readlinkat(HOME, path()),
    () => fstatfs(fd()),
    () => ioctl(fd(), random(2 ** 31), null),
    () => getcwd(),
    () => getrlimit(0, random(20)),
    () => prctl("PR_CAPBSET_READ", random(80)),
    () => ({ syscall: "getuid", args: [], object: "" }),
    () => ({ syscall: "setpriority", args: [77, 0, 0], object: "" }),
  ];
  for (let n = 1 + random(12); n > 0; n--) {
    const call = tolerate(pick(makers, () => getcwd())());
    if (OPENERS.includes(call.syscall)) opened.push(call);
    calls.push(call);
  }
  calls.push(...opened.map((call) => tolerate(close(call))));
  if (random(3) === 0) calls.push(openat(HOME, "/no/such", 0), getcwd());
  return calls;
}

/** fcntl commands that make a descriptor, or depend on who asks. */
function isFit(call: Call): boolean {
  const [, command] = call.args;
  return call.syscall !== "fcntl" || typeof command !== "number" ||
    command === FCNTL.F_GETFD || command === FCNTL.F_GET_SEALS ||
    command > 1100;
}

Deno.test("both targets give the same for the same batch", () => {
  using gofer = spawnGofer();
  const batches: (() => Call[])[] = [
    () => {
      const file = openat(HOME, "/etc/passwd", 0);
      return [file, lseek(file, 7), read(file, 100), close(file)];
    },
    () => {
      const file = memfdCreate("x", MEMFD.MFD_ALLOW_SEALING);
      return [
        file,
        write(file, "abcdef"),
        fcntl(file, FCNTL.F_ADD_SEALS, FCNTL.F_SEAL_WRITE),
        tolerate(write(file, "more")),
        fcntl(file, FCNTL.F_GET_SEALS, 0),
        lseek(file, 2),
        read(file, 10),
        dup3(file, 200),
        close(200),
        close(file),
      ];
    },
    () => [openat(HOME, "/no/such", 0), getcwd()],
    () => [getcwd(), close(-1)],
    () => [tolerate(close(-1)), tolerate(lseek(-1, 0))],
    () => [getrlimit(0, RLIMIT.RLIMIT_STACK), prctl("PR_GET_DUMPABLE")],
  ];
  for (const make of batches) {
    assertEquals(outcome(gofer, make()), outcome(local, make()));
  }
  assertMatch(
    outcome(gofer, [openat(HOME, "/no/such", 0)]).join(),
    /^openat "\/no\/such": no such file or directory$/,
  );
});

Deno.test("both targets give the same for 1000 random batches", () => {
  using gofer = spawnGofer();
  let failed = 0;
  for (let seed = 0; seed < 1000; seed++) {
    const make = () => randomBatch(seeded(seed)).filter(isFit);
    const here = outcome(local, make());
    assertEquals(outcome(gofer, make()), here, `seed ${seed}`);
    if (here.length === 1) failed++;
  }
  assert(failed > 100, `only ${failed} batches failed`);
});

Deno.test("perform() and attempt() give the result of one call", () => {
  using gofer = spawnGofer();
  for (const target of [local, gofer]) {
    assertEquals(attempt(target, close(-1)), -9);
    const fd = perform(target, memfdCreate("one", 0));
    assertEquals(perform(target, close(fd)), 0);
    try {
      perform(target, close(-1));
      fail("no failure was thrown");
    } catch (error) {
      assertEquals(String(error), "SyscallError: close: bad file descriptor");
    }
  }
});

Deno.test("both targets stop at the first call that fails", () => {
  using gofer = spawnGofer();
  for (const target of [local, gofer]) {
    const before = perform(target, umask(0o22));
    outcome(target, [close(-1), umask(0o77)]);
    assertEquals(perform(target, umask(before)), 0o22, target.name);
  }
});

Deno.test("a program is refused where there is no gofer", () => {
  const call: Call = {
    ...getcwd(),
    onZero: { calls: [], ending: "abort" },
  };
  assertEquals(outcome(local, [call]), ["getcwd: a program needs a gofer"]);
});

Deno.test("descriptors pass through a socket, and those that do not are missed", () => {
  const pair: Call = {
    syscall: "socketpair",
    args: [1, 5, 0, { output: 8 }],
    object: "",
  };
  const ends = new DataView(local.run(pair).output(pair).buffer);
  const [here, there] = [ends.getInt32(0, true), ends.getInt32(4, true)];
  const got = receiveFds(there, 2);
  const output = local.run(sendFds(here, [here, there]), got).output(got);
  const [one = -1, two = -1] = receivedFds(output, 2);
  assert(one > there && two > there, `${one} ${two}`);
  const lone = receiveFds(there, 2);
  const less = local.run(sendFds(here, [here]), lone).output(lone);
  const [three = -1] = receivedFds(less, 1);
  try {
    receivedFds(less, 2);
    fail("one descriptor passed for two");
  } catch (error) {
    assertEquals(String(error), "RangeError: received 1 descriptors, not 2");
  }
  local.run(...[here, there, one, two, three].map(close));
});
