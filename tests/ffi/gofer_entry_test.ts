/**
 * Single entries, on both architectures (the other one by qemu-user): what each
 * flag and each address of an entry does. Nothing is packed by `batch.ts`.
 */

import type { Arch } from "../../ffi/abi/arch.ts";
import { SYSCALL } from "../../ffi/abi/arch.ts";
import {
  ENTRY_ALWAYS,
  ENTRY_LOAD,
  ENTRY_SIZE,
  ENTRY_ZERO,
} from "../../ffi/entry.ts";
import { memfdCreate, umask, write } from "../../ffi/file.ts";
import { ABANDONED, BUFFER } from "../../ffi/gofer/image.ts";
import { libc } from "../../ffi/libc.ts";
import { assert, assertEquals } from "../support/assert.ts";
import type { RawGofer } from "../support/gofer.ts";
import { startRawGofer } from "../support/gofer.ts";

libc(); // Opened before the first test: it stays open.

const ARCHES: readonly Arch[] = ["x86_64", "aarch64"];

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

/** An entry as numbers. */
interface Entry {
  number: number;
  flags?: number;
  args?: number[];
  out?: number;
  error?: number;
  jump?: number;
}

/** Entries as the interpreter reads them, followed by 64-bit numbers. */
function raw(entries: readonly Entry[], ...more: number[]): Uint8Array {
  const head = entries.length * ENTRY_SIZE;
  const memory = new DataView(new ArrayBuffer(head + 8 * more.length));
  const put = (at: number, value = 0) =>
    memory.setBigInt64(at, BigInt(value), true);
  entries.forEach((entry, i) => {
    const at = i * ENTRY_SIZE;
    memory.setUint32(at, entry.number, true);
    memory.setUint32(at + 4, entry.flags ?? 0, true);
    entry.args?.forEach((value, k) => put(at + 8 + 8 * k, value));
    put(at + 56, entry.out);
    put(at + 64, entry.error);
    put(at + 72, entry.jump);
  });
  more.forEach((value, i) => put(head + 8 * i, value));
  return new Uint8Array(memory.buffer);
}

/** Answers with `size` bytes at `address`, and listens again. */
function reply(gofer: RawGofer, address: number, size: number): Entry {
  return {
    number: SYSCALL[gofer.place.arch].write,
    flags: ENTRY_ALWAYS,
    args: [gofer.control, address, size],
    error: gofer.image.exit,
    jump: gofer.image.listen,
  };
}

/**
 * Executes an entry with three behind it, A to C, and says which it led to; its
 * jump is B. The gofer ends with status 7.
 */
function destination(
  gofer: RawGofer,
  arch: Arch,
  entry: (c: number) => Entry,
): string {
  const at = (i: number) => BUFFER + i * ENTRY_SIZE;
  const letter = (i: number): Entry => ({
    ...reply(gofer, at(5) + 8 * i, 1),
    jump: at(4),
  });
  gofer.send(raw(
    [
      { ...entry(at(3)), jump: at(2) },
      letter(0),
      letter(1),
      letter(2),
      { number: SYSCALL[arch].exit_group, args: [7] },
    ],
    0x41,
    0x42,
    0x43,
  ));
  const answer = gofer.receive();
  return typeof answer === "number"
    ? `${answer}`
    : new TextDecoder().decode(answer);
}

/** Every way out of an entry: flags, result, whether there is an error entry. */
const WAYS: [flags: number, result: number, error: boolean, to: string][] = [
  [0, 5, true, "A"],
  [0, 0, true, "A"],
  [0, -9, true, "C"],
  [0, -9, false, "A"],
  [ENTRY_ZERO, 0, true, "B"],
  [ENTRY_ZERO, 5, true, "A"],
  [ENTRY_ZERO, -9, true, "C"],
  [ENTRY_ZERO, -9, false, "A"],
  [ENTRY_ALWAYS, 0, true, "B"],
  [ENTRY_ALWAYS, 5, true, "B"],
  [ENTRY_ALWAYS, -9, true, "C"],
  [ENTRY_ALWAYS, -9, false, "B"],
  [ENTRY_ZERO | ENTRY_ALWAYS, 0, true, "B"],
  [ENTRY_ZERO | ENTRY_ALWAYS, 5, true, "B"],
  [ENTRY_ZERO | ENTRY_ALWAYS, -9, true, "C"],
];

for (const arch of ARCHES) {
  for (const [flags, result, error, to] of WAYS) {
    const name = `an entry with flags ${flags} whose result is ${result}, ` +
      `${error ? "with" : "without"} an error entry, leads to ${to} (${arch})`;
    Deno.test(name, async () => {
      await using gofer = startRawGofer(arch);
      // umask gives back what the one before was given; close(-1) is EBADF.
      const [number, args] = result < 0
        ? [SYSCALL[arch].close, [-1]]
        : [SYSCALL[arch].umask, [0]];
      if (result >= 0) gofer.run(umask(result));
      const reached = destination(gofer, arch, (c) => ({
        number,
        args,
        flags,
        error: error ? c : 0,
      }));
      assertEquals(reached, to);
      assertEquals((await gofer.exited()).code, 7);
    });
  }
}

test("a large result is no error, in all of its 64 bits", (gofer, arch) => {
  const file = memfdCreate("far", 0);
  const fd = gofer.run(file).value(file);
  const far = 2 ** 62;
  const table = BUFFER + 2 * ENTRY_SIZE;
  gofer.send(raw(
    [
      {
        number: SYSCALL[arch].lseek,
        args: [fd, far, 0],
        out: table,
        error: gofer.image.exit,
      },
      reply(gofer, table, 8),
    ],
    -1,
  ));
  const answer = gofer.receive();
  assert(typeof answer !== "number" && answer.length === 8);
  const result = new DataView(answer.buffer).getBigInt64(0, true);
  assertEquals(Number(result), far);
});

test("six arguments, each loaded where its flag says so", (gofer, arch) => {
  // mmap of the second page of a file, at a fixed address, for reading.
  const page = 0x1000;
  const place = 0x40000000;
  const [PROT_READ, MAP_PRIVATE_FIXED] = [1, 0x12];
  const file = memfdCreate("six", 0);
  const fd = gofer.run(
    file,
    write(file, new Uint8Array(page).fill(1)),
    write(file, new Uint8Array(page).fill(2)),
  ).value(file);
  const wanted = [place, page, PROT_READ, MAP_PRIVATE_FIXED, fd, page];
  const table = BUFFER + 2 * ENTRY_SIZE;
  for (let bits = 0; bits < 64; bits++) {
    gofer.send(raw(
      [
        {
          number: SYSCALL[arch].mmap,
          args: wanted.map((value, k) => bits & 1 << k ? table + 8 * k : value),
          flags: bits * ENTRY_LOAD,
          error: gofer.image.exit,
        },
        reply(gofer, place, 1),
      ],
      ...wanted,
    ));
    assertEquals(gofer.receive(), Uint8Array.of(2), `bits ${bits}`);
  }
});

test("a result goes where the entry says, or nowhere", (gofer, arch) => {
  const number = SYSCALL[arch].umask;
  const at = BUFFER + 3 * ENTRY_SIZE;
  gofer.run(umask(0o11));
  gofer.send(raw(
    [
      { number, args: [0o27], out: at },
      { number, args: [0o77] },
      reply(gofer, at, 16),
    ],
    -1,
    -1,
  ));
  const answer = gofer.receive();
  assert(typeof answer !== "number");
  const view = new DataView(answer.buffer);
  assertEquals(Number(view.getBigInt64(0, true)), 0o11);
  assertEquals(Number(view.getBigInt64(8, true)), -1);
  const now = umask(0);
  assertEquals(gofer.run(now).value(now), 0o77);
});

test("an answer that cannot be sent ends it", async (gofer) => {
  gofer.send(raw([reply(gofer, BUFFER, 0x300000)])); // more than a packet has
  assertEquals(gofer.receive(), new Uint8Array(0));
  assertEquals((await gofer.exited()).code, ABANDONED);
});
