/**
 * Garbage on a gofer's socket: it may die or hang, and nothing else happens. It
 * runs as nobody in namespaces of its own, where no system call can do harm.
 */

import { SYSCALL } from "../../ffi/abi/arch.ts";
import { FCNTL } from "../../ffi/abi/fcntl.ts";
import { ENTRY_SIZE } from "../../ffi/entry.ts";
import { perform } from "../../ffi/call.ts";
import { fcntl } from "../../ffi/file.ts";
import { makeGofer } from "../../ffi/gofer/channel.ts";
import { BUFFER } from "../../ffi/gofer/image.ts";
import { libc } from "../../ffi/libc.ts";
import { local } from "../../ffi/local.ts";
import { getpid } from "../../ffi/process.ts";
import { receiveTimeout } from "../../ffi/socket.ts";
import { assert, assertEquals, assertMatch, fail } from "../support/assert.ts";
import type { RawGofer } from "../support/gofer.ts";
import { startRawGofer } from "../support/gofer.ts";
import { descendantsOf, statusOf } from "../support/process.ts";

libc(); // Opened before the first test: it stays open.

/** As nobody, mapped to nothing, in new namespaces; few processes, no files. */
const CAGE = [
  ...[
    "setsid",
    "prlimit",
    "--nproc=300",
    "--fsize=0",
    "--nofile=64",
    "--as=50000000",
  ],
  ...["--cpu=5", "--"],
  ...["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"],
  ...["--no-new-privs", "--pdeathsig=keep"],
  ...["unshare", "--user", "--pid", "--fork", "--kill-child", "--mount"],
  ...["--net", "--ipc", "--uts", "--"],
];

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

/** Bytes without any form. */
function noise(random: (n: number) => number): Uint8Array {
  return Uint8Array.from({ length: random(2000) }, () => random(256));
}

/** Entries that are well formed, and make no sense. */
function nonsense(random: (n: number) => number): Uint8Array {
  const count = 1 + random(8);
  const memory = new DataView(new ArrayBuffer(count * ENTRY_SIZE));
  const word = () => {
    const kinds = [
      () => 0n,
      () => -1n,
      () => BigInt(random(8)),
      () => BigInt(BUFFER + 8 * random(count * 10)),
      () => BigInt(random(2 ** 32)),
      () => BigInt(random(2 ** 32)) << 32n,
    ];
    return (kinds[random(kinds.length)] ?? kinds[0])?.() ?? 0n;
  };
  const place = () => BigInt(BUFFER + ENTRY_SIZE * random(count + 1));
  for (let i = 0; i < count; i++) {
    const at = i * ENTRY_SIZE;
    memory.setUint32(at, random(470), true);
    memory.setUint32(at + 4, random(4) === 0 ? random(2 ** 14) : 0, true);
    for (let k = 0; k < 6; k++) {
      memory.setBigInt64(at + 8 + 8 * k, word(), true);
    }
    memory.setBigInt64(at + 56, random(2) ? 0n : word(), true);
    memory.setBigInt64(at + 64, random(2) ? 0n : place(), true);
    memory.setBigInt64(at + 72, place(), true);
  }
  return new Uint8Array(memory.buffer);
}

/** What this process has that garbage elsewhere must not change. */
function ours(): string {
  const { SigBlk, Uid, Seccomp } = statusOf("self");
  return JSON.stringify([
    [...Deno.readDirSync("/proc/self/fd")].length,
    Deno.readTextFileSync("/proc/self/mountinfo"),
    Deno.hostname(),
    SigBlk,
    Uid,
    Seccomp,
  ]);
}

/** Drives a caged gofer as the launcher does, and says what came of it. */
function outcome(raw: RawGofer): string {
  local.run(receiveTimeout(raw.socket, 300));
  const { control, image } = raw;
  const copy = fcntl(raw.socket, FCNTL.F_DUPFD_CLOEXEC, 3);
  const socket = perform(local, copy);
  using gofer = makeGofer({
    pid: 0x7ffffffe, // nobody: the cage is ended by its own test
    socket,
    control,
    self: 4,
    image,
    executable: { device: "0:0", inode: 0 },
  });
  try {
    const id = getpid();
    return `pid ${gofer.run(id).value(id)}`;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

Deno.test("the cage holds a gofer that is sound", async () => {
  await using raw = startRawGofer(Deno.build.arch, CAGE);
  assertEquals(outcome(raw), "pid 1");
  const [pid = fail("no gofer")] = descendantsOf(raw.pid).slice(-1);
  const { Uid, CapEff, CapPrm, CapBnd, NoNewPrivs } = statusOf(pid);
  assertEquals(Uid, "65534\t65534\t65534\t65534");
  assertEquals([CapEff, CapPrm, NoNewPrivs], [
    "0".repeat(16),
    "0".repeat(16),
    "1",
  ]);
  assert(CapBnd !== undefined);
  for (const name of ["user", "pid", "mnt", "net", "ipc", "uts"]) {
    const [its, mine] = [pid, "self"].map((of) =>
      Deno.readLinkSync(`/proc/${of}/ns/${name}`)
    );
    assert(its !== mine, `the ${name} namespace is ours`);
  }
});

for (
  const [name, make] of [["noise", noise], ["nonsense", nonsense]] as const
) {
  Deno.test(`after ${name} the launcher gets an answer or one line`, async () => {
    const before = ours();
    const seen = new Map<string, number>();
    for (let seed = 0; seed < 60; seed++) {
      const random = seeded(seed);
      await using raw = startRawGofer(Deno.build.arch, CAGE);
      raw.run(getpid()); // it is there
      for (let n = 1 + random(3); n > 0; n--) {
        try {
          raw.send(make(random));
        } catch (error) {
          assertMatch(String(error), /broken pipe|connection reset/);
        }
      }
      const said = outcome(raw);
      assertMatch(
        said,
        /^pid -?\d+$|^gofer \(process \d+\) (died|does not answer|answered [^\n]*)$|^getpid[^\n]*$/,
        `seed ${seed}`,
      );
      const kind = said.replaceAll(/\d+/g, "N");
      seen.set(kind, (seen.get(kind) ?? 0) + 1);
    }
    assertEquals(ours(), before);
    const deaths = seen.get("gofer (process N) died") ?? 0;
    assert(deaths > 10, `garbage was not so bad: ${[...seen]}`);
  });
}

Deno.test("a batch of nothing, or cut short, ends a gofer", async () => {
  for (const size of [1, 4, 8, 79, 80, 81]) {
    await using raw = startRawGofer(Deno.build.arch, CAGE);
    const entry = new DataView(new ArrayBuffer(2 * ENTRY_SIZE));
    entry.setUint32(0, SYSCALL[Deno.build.arch].getpid, true);
    raw.send(new Uint8Array(entry.buffer, 0, size));
    assertMatch(outcome(raw), /^gofer \(process \d+\) died$/);
  }
});
