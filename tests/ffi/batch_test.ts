/** How a batch lies in memory: read back from the bytes, by the layout. */

import type { Batch } from "../../ffi/batch.ts";
import { packBatch } from "../../ffi/batch.ts";
import type { Place } from "../../ffi/entry.ts";
import {
  ENTRY_ALWAYS,
  ENTRY_LOAD,
  ENTRY_SIZE,
  ENTRY_ZERO,
  NOT_RUN,
} from "../../ffi/entry.ts";
import { SYSCALL_AARCH64 } from "../../ffi/abi/syscall_aarch64.ts";
import { SYSCALL_X86_64 } from "../../ffi/abi/syscall_x86_64.ts";
import type { Arg, Call, Ending, Program } from "../../ffi/call.ts";
import { tolerate } from "../../ffi/call.ts";
import type { SyscallError } from "../../ffi/errno.ts";
import { assert, assertEquals, fail } from "../support/assert.ts";

const BASE = 0x20000000;
const GOFER = { control: 3, listen: 0x1000, exit: 0x2000 };
const LOCAL: Place = { arch: "x86_64", base: BASE };
const REMOTE: Place = { ...LOCAL, gofer: GOFER };

function call(...args: Arg[]): Call {
  return { syscall: "getpid", args, object: "it" };
}

/** A packed batch and ways to look at it. */
function packed(
  calls: readonly Call[],
  options: { place?: Place; ending?: Ending; size?: number } = {},
) {
  const memory = new DataView(new ArrayBuffer(options.size ?? 0x10000));
  new Uint8Array(memory.buffer).fill(0xee); // what an earlier batch left
  const { place = REMOTE, ending = "listen" } = options;
  const batch = packBatch(memory, place, calls, ending);
  const word = (at: number) => memory.getBigUint64(at, true);
  return {
    batch,
    memory,
    word,
    /** An entry, read back. */
    entry: (i: number) => ({
      number: memory.getUint32(i * ENTRY_SIZE, true),
      flags: memory.getUint32(i * ENTRY_SIZE + 4, true),
      args: Array.from(
        { length: 6 },
        (_, k) => Number(memory.getBigInt64(i * ENTRY_SIZE + 8 + 8 * k, true)),
      ),
      out: Number(word(i * ENTRY_SIZE + 56)),
      error: Number(word(i * ENTRY_SIZE + 64)),
      jump: Number(word(i * ENTRY_SIZE + 72)),
    }),
    bytes: (address: number, size: number) =>
      new Uint8Array(memory.buffer, address - BASE, size),
    text: (address: number) => {
      const from = new Uint8Array(memory.buffer, address - BASE);
      return new TextDecoder().decode(from.subarray(0, from.indexOf(0)));
    },
  };
}

const at = (i: number) => BASE + i * ENTRY_SIZE;

/** An answer as a gofer would send it. */
function answer(batch: Batch, ...results: bigint[]): DataView {
  const view = new DataView(new ArrayBuffer(batch.answerSize));
  results.forEach((result, i) => view.setBigInt64(8 * i, result, true));
  return view;
}

function refused(why: string, make: () => unknown): void {
  try {
    make();
  } catch (error) {
    assert(error instanceof RangeError, `${error}`);
    assertEquals(error.message, why);
    return;
  }
  fail(`not refused: ${why}`);
}

Deno.test("a number is an argument as it is, in 64 bits", () => {
  const numbers: [number | bigint | null, bigint][] = [
    [0, 0n],
    [1, 1n],
    [-1, 2n ** 64n - 1n],
    [-100, 2n ** 64n - 100n],
    [-4095, 2n ** 64n - 4095n],
    [0x7fffffff, 0x7fffffffn],
    [0x80000000, 0x80000000n],
    [0xffffffff, 0xffffffffn],
    [0x100000000, 0x100000000n],
    [-0x80000001, 2n ** 64n - 0x80000001n],
    [-0x100000000, 2n ** 64n - 0x100000000n],
    [Number.MAX_SAFE_INTEGER, 2n ** 53n - 1n],
    [Number.MIN_SAFE_INTEGER, 2n ** 64n - 2n ** 53n + 1n],
    [2n ** 64n - 1n, 2n ** 64n - 1n],
    [-(2n ** 63n), 2n ** 63n],
    [2n ** 64n + 5n, 5n],
    [null, 0n],
  ];
  for (const [given, wanted] of numbers) {
    const { word, entry } = packed([call(0, given, 7)]);
    assertEquals(`${word(16)}`, `${wanted}`, `${given}`);
    assertEquals(entry(0).flags, 0);
    assertEquals([entry(0).args[0], entry(0).args[2]], [0, 7]);
  }
});

Deno.test("missing arguments are 0, whatever was there before", () => {
  assertEquals(packed([call()]).entry(0).args, [0, 0, 0, 0, 0, 0]);
});

Deno.test("the number of a system call is that of the architecture", () => {
  const one: Call = { syscall: "mount_setattr", args: [], object: "" };
  const two: Call = { syscall: "openat", args: [], object: "" };
  const x86 = packed([one, two]);
  const arm = packed([one, two], { place: { ...REMOTE, arch: "aarch64" } });
  assertEquals([x86.entry(0).number, x86.entry(1).number], [442, 257]);
  assertEquals([arm.entry(0).number, arm.entry(1).number], [442, 56]);
  assertEquals(x86.entry(2).number, SYSCALL_X86_64.write);
  assertEquals(arm.entry(2).number, SYSCALL_AARCH64.write);
});

Deno.test("each entry says where its result goes, which is not there yet", () => {
  const { batch, entry, memory } = packed([call(), call()]);
  for (const i of [0, 1, 2]) {
    assertEquals(entry(i).out, BASE + batch.results + 8 * i);
    const found = memory.getBigInt64(batch.results + 8 * i, true);
    assertEquals(`${found}`, `${NOT_RUN}`);
  }
  assertEquals(batch.results, 3 * ENTRY_SIZE);
  assertEquals(batch.answerSize, 3 * 8);
  assertEquals(batch.count, 2);
});

Deno.test("a string is stored with a NUL byte behind it", () => {
  const { entry, text, bytes } = packed([call("a/ü", ""), call("b")]);
  const [first, empty] = entry(0).args;
  const [other] = entry(1).args;
  assertEquals([first, empty, other].map((a = 0) => text(a)), ["a/ü", "", "b"]);
  assertEquals([...bytes(first ?? 0, 5)], [97, 47, 0xc3, 0xbc, 0]);
});

Deno.test("bytes are stored as they are, aligned to 8", () => {
  const data = Uint8Array.of(1, 0, 2);
  const { entry, bytes } = packed([call("x", data, data.subarray(1))]);
  const [, whole = 0, part = 0] = entry(0).args;
  assertEquals([...bytes(whole, 3)], [1, 0, 2]);
  assertEquals([...bytes(part, 2)], [0, 2]);
  assertEquals([whole % 8, part % 8], [0, 0]);
});

Deno.test("a list of strings is a vector that ends in a null pointer", () => {
  const { entry, word, text } = packed([call(["ls", "", "-l"], [], [null])]);
  const [list = 0, empty = 0, nothing = 0] = entry(0).args;
  const pointers = [0, 8, 16, 24].map((o) => Number(word(list - BASE + o)));
  assertEquals(pointers.slice(0, 3).map(text), ["ls", "", "-l"]);
  assertEquals(pointers[3], 0);
  assertEquals([word(empty - BASE), word(nothing - BASE)].map(Number), [0, 0]);
});

Deno.test("memory has its pointers filled in, also in memory they point to", () => {
  const inner = {
    bytes: new Uint8Array(16).fill(0x11),
    pointers: new Map<number, Arg>([[8, "deep"]]),
  };
  const outer = {
    bytes: new Uint8Array(32).fill(0x22),
    pointers: new Map<number, Arg>([
      [0, inner],
      [8, { output: 12 }],
      [24, -2],
    ]),
  };
  const made = call({ output: 3 }, outer, { output: 8 });
  const { batch, entry, word, text } = packed([made]);
  const [first = 0, block = 0, third = 0] = entry(0).args;
  const field = (address: number, o: number) =>
    Number(word(address - BASE + o));
  const points = field(block, 0);
  assertEquals(`${word(block - BASE + 16)}`, `${0x2222222222222222n}`);
  assertEquals(`${word(block - BASE + 24)}`, `${2n ** 64n - 2n}`);
  assertEquals(`${word(points - BASE)}`, `${0x1111111111111111n}`);
  assertEquals(text(field(points, 8)), "deep");
  // Outputs lie in the order of the arguments, right behind the results.
  const outputs = BASE + batch.results + 8 * 2;
  assertEquals([first, field(block, 8), third], [
    outputs,
    outputs + 8,
    outputs + 24,
  ]);
  assertEquals(batch.answerSize, 16 + 8 + 16 + 8);
  assertEquals([outer.bytes[0], inner.bytes[8]], [0x22, 0x11], "the caller's");
});

Deno.test("a call as an argument is loaded from its result", () => {
  const first = call();
  const { batch, entry } = packed([first, call(5, first, 0, 0, 0, first)]);
  assertEquals(entry(1).flags, ENTRY_LOAD << 1 | ENTRY_LOAD << 5);
  const result = BASE + batch.results;
  assertEquals(entry(1).args, [5, result, 0, 0, 0, result]);
});

Deno.test("a slot is the address of a result, an output that of the output", () => {
  const first = call({ output: 8 });
  const { batch, entry } = packed([
    first,
    call({ slotOf: first }, { outputOf: first }),
    call({ outputOf: first, load: true }),
  ]);
  const output = BASE + batch.results + 8 * 4;
  assertEquals(entry(0).args[0], output);
  assertEquals(entry(1).args.slice(0, 2), [BASE + batch.results, output]);
  assertEquals(entry(1).flags, 0);
  assertEquals([entry(2).args[0], entry(2).flags], [output, ENTRY_LOAD]);
});

Deno.test("what makes no sense as an argument is refused", () => {
  const first = call();
  const later = call({ output: 8 });
  const stranger = call({ output: 8 });
  const struct = (arg: Arg) => ({
    bytes: new Uint8Array(8),
    pointers: new Map([[0, arg]]),
  });
  const refusals: [string, readonly Call[]][] = [
    ["NUL byte in a string", [call("a\0b")]],
    ["NUL byte in a string", [call(["a", "b\0"])]],
    ["call of another batch", [call(stranger)]],
    ["call of another batch", [call({ slotOf: stranger })]],
    ["call has no output", [call({ outputOf: stranger })]],
    ["call has no output", [first, call({ outputOf: first })]],
    ["call used before it is made", [call(later), later]],
    [
      "call used before it is made",
      [call({ outputOf: later, load: true }), later],
    ],
    ["a result inside a struct", [first, call(struct(first))]],
    ["more than six arguments", [call(1, 2, 3, 4, 5, 6, 7)]],
  ];
  for (const [why, calls] of refusals) refused(why, () => packed(calls));
});

Deno.test("a batch fits to the last byte, and not one more", () => {
  const { size } = packed([call(new Uint8Array(100))]).batch;
  packed([call(new Uint8Array(100))], { size });
  refused(
    "batch too large",
    () => packed([call(new Uint8Array(101))], { size }),
  );
  refused("batch too large", () => packed([call(), call()], { size: 100 }));
  refused(
    "batch too large",
    () => packed([call({ output: 100_000 })], { size: 100_000 }),
  );
});

Deno.test("the batch ends in its answer, and then listens or exits", () => {
  const listening = packed([call(), call({ output: 5 })]);
  assertEquals(listening.entry(2), {
    number: SYSCALL_X86_64.write,
    flags: ENTRY_ALWAYS,
    args: [3, BASE + listening.batch.results, 3 * 8 + 8, 0, 0, 0],
    out: BASE + listening.batch.results + 16,
    error: GOFER.exit,
    jump: GOFER.listen,
  });
  const exiting = packed([call()], { ending: "exit" });
  assertEquals([exiting.entry(1).flags, exiting.entry(1).jump], [0, 0]);
  const { number, args } = exiting.entry(2);
  assertEquals([number, args[0]], [SYSCALL_X86_64.exit_group, 0]);
  const aborting = packed([call()], { ending: "abort" }).entry(1);
  assertEquals([aborting.number, aborting.args[0]], [
    SYSCALL_X86_64.exit_group,
    127,
  ]);
});

Deno.test("a failure leads to the answer; a tolerated one on", () => {
  const { entry } = packed([call(), tolerate(call()), call()]);
  assertEquals([0, 1, 2].map((i) => entry(i).error), [at(3), 0, at(3)]);
  const here = packed([call(), call()], { place: LOCAL });
  assertEquals(here.batch.results, 2 * ENTRY_SIZE, "nothing of a gofer");
});

Deno.test("programs stand behind the ending, and a failure in one aborts", () => {
  const grandchild: Program = { calls: [call(1)], ending: "abort" };
  const child: Program = {
    calls: [{ ...call(2), onZero: grandchild }, tolerate(call(3))],
    ending: "listen",
  };
  const failed: Program = { calls: [], ending: "abort" };
  const { entry } = packed([
    { ...call(), onZero: child, onError: failed },
    call(9),
  ]);
  // 0, 1: calls; 2: answer; 3 to 5: child; 6: failed; 7, 8: grandchild.
  assertEquals(entry(0).flags, ENTRY_ZERO);
  assertEquals([entry(0).jump, entry(0).error], [at(3), at(6)]);
  assertEquals([entry(3).args[0], entry(3).flags], [2, ENTRY_ZERO]);
  assertEquals(entry(3).jump, at(7));
  assertEquals([entry(4).args[0], entry(4).error], [3, 0]);
  assertEquals([entry(5).flags, entry(5).jump], [ENTRY_ALWAYS, GOFER.listen]);
  assertEquals(entry(7).args[0], 1);
  for (const i of [3, 7]) {
    const { number, args } = entry((entry(i).error - BASE) / ENTRY_SIZE);
    assertEquals([number, args[0]], [SYSCALL_X86_64.exit_group, 127]);
  }
  const lone: Program = { calls: [call()], ending: "listen" };
  const alone = packed([{ ...call(), onZero: lone }]);
  const { number, args } = alone.entry(
    (alone.entry(2).error - BASE) / ENTRY_SIZE,
  );
  assertEquals([number, args[0]], [SYSCALL_X86_64.exit_group, 127]);
});

Deno.test("an answer of the batch's own is sent whole, and ends what is read", () => {
  const sent: Call = {
    syscall: "write",
    args: [3, { answer: "address" }, { answer: "size" }],
    object: "",
  };
  const first = call();
  const { batch, entry } = packed([first, sent, call()], { ending: "abort" });
  assertEquals(entry(1).args.slice(0, 3), [
    3,
    BASE + batch.results,
    batch.answerSize,
  ]);
  // The last two have not run when the answer is sent.
  const results = batch.read(answer(batch, 5n, NOT_RUN, NOT_RUN));
  assertEquals(results.value(first), 5);
});

Deno.test("read() gives values and outputs, and throws the first failure", () => {
  const first = call({ output: 4 });
  const second = tolerate(call({ output: 8 }));
  const third: Call = { syscall: "openat", args: [], object: '"/x"' };
  const { batch } = packed([first, second, third]);
  const good = answer(batch, 1n << 40n, -2n, 0n);
  new Uint8Array(good.buffer, 8 * 4).set([1, 2, 3, 4, 5, 6, 7, 8, 9]);
  const results = batch.read(good);
  assertEquals([first, second, third].map(results.value), [2 ** 40, -2, 0]);
  assertEquals([...results.output(first)].slice(0, 4), [1, 2, 3, 4]);
  assertEquals(results.output(second)[0], 9);
  refused("call has no output", () => results.output(third));
  refused("call of another batch", () => results.value(call()));
  try {
    batch.read(answer(batch, 0n, -2n, -13n));
  } catch (error) {
    const { message, code } = error as SyscallError;
    assertEquals([message, code], [
      'openat "/x": permission denied',
      "EACCES",
    ]);
    refused("getpid: not reached", () => batch.read(answer(batch, NOT_RUN)));
    // An address is no error, though it looks negative.
    batch.read(answer(batch, 0n, 0n, -4096n));
    return;
  }
  fail("no failure was thrown");
});
