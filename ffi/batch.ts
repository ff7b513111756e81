/**
 * Packs calls into the one block of memory that both targets execute: entries
 * (their layout is told at the head of `gofer/x86_64.S`), then results, then
 * outputs, then what the arguments point to. The block is made for the address
 * at which it will lie.
 *
 *     entries | results (8 bytes each) | outputs | strings and structs
 *
 * A result that was never set is {@link NOT_RUN}; results and outputs are one
 * run of bytes, so that a gofer answers with a single write.
 *
 * @module
 */

import type { Arch } from "./abi/arch.ts";
import { SYSCALL } from "./abi/arch.ts";
import type { Arg, Call, Ending, Memory, Program, Results } from "./call.ts";
import { callError } from "./call.ts";

/** Size of an entry in bytes. */
export const ENTRY_SIZE = 80;
/** Entry flag: jump where the result is 0. */
export const ENTRY_ZERO = 1;
/** Entry flag: jump in any case. */
export const ENTRY_ALWAYS = 2;
/** Entry flag of argument 0: it is an address to load from. */
export const ENTRY_LOAD = 0x100;
/** The result of a call that was not reached. */
export const NOT_RUN = -0x8000000000000000n;

/** Where a batch will lie, and how it gets in and out. */
export interface Place {
  /** Whose system call numbers. */
  readonly arch: Arch;
  /** The address of the block. */
  readonly base: number;
  /** The gofer's control socket, and its image's entries; absent: local. */
  readonly gofer?: {
    readonly control: number;
    readonly listen: number;
    readonly exit: number;
  };
}

/** A packed batch. */
export interface Batch {
  /** How many bytes of the memory are used. */
  readonly size: number;
  /** Where the results begin. */
  readonly results: number;
  /** How many bytes of results and outputs there are. */
  readonly answerSize: number;
  /** How many entries run in line, from the first. */
  readonly count: number;
  /** The calls of the batch itself. */
  readonly calls: readonly Call[];
  /** Reads the answer: results and outputs. Throws the failure in it. */
  read(answer: DataView): Results;
}

/** One entry to be: a call, or one of the batch's own. */
interface Item {
  readonly call?: Call;
  readonly own?: { number: number; args: number[]; jump: number };
  /** Where a failure leads when the call itself does not say. */
  readonly failure?: "answer" | "exit";
}

const encoder = new TextEncoder();

/** Writes 64 bits, without a bigint where there is none. */
function put(memory: DataView, offset: number, value: number | bigint): void {
  if (typeof value === "bigint") {
    memory.setBigInt64(offset, BigInt.asIntN(64, value), true);
    return;
  }
  memory.setInt32(offset, value | 0, true);
  memory.setInt32(offset + 4, Math.floor(value / 0x100000000), true);
}

/** The outputs among the arguments of a call. */
function outputSize(call: Call): number {
  let size = 0;
  const add = (arg: Arg | undefined) => {
    if (typeof arg !== "object" || arg === null) return;
    if ("output" in arg) size += (arg.output + 7) & ~7;
    if ("pointers" in arg) { for (const a of arg.pointers.values()) add(a); }
  };
  for (const arg of call.args) add(arg);
  return size;
}

/** Whether a call sends the batch's answer. */
function answers(call: Call): boolean {
  return call.args.some((arg) =>
    typeof arg === "object" && arg !== null && "answer" in arg
  );
}

/**
 * Packs a batch into `memory`.
 *
 * @throws {RangeError} where it does not fit, or an argument makes no sense
 */
export function packBatch(
  memory: DataView<ArrayBuffer>,
  place: Place,
  calls: readonly Call[],
  ending: Ending,
): Batch {
  const number = SYSCALL[place.arch];
  const bytes = new Uint8Array(
    memory.buffer,
    memory.byteOffset,
    memory.byteLength,
  );

  // 1. Entries: the batch's own, then its ending, then each program.
  const items: Item[] = calls.map((call) => ({ call, failure: "answer" }));
  const starts = new Map<Program, number>();
  const queue: Program[] = [];
  const answerAt = items.length;
  let answer: { args: number[] } | undefined;
  let abortAt: number | undefined;
  const endItems = (end: Ending) => {
    const gofer = place.gofer;
    if (gofer === undefined) return;
    if (end !== "abort") {
      const own = {
        number: number.write,
        args: [gofer.control, 0, 0],
        jump: end === "listen" ? gofer.listen : 0,
      };
      answer = own;
      items.push({ own });
    }
    if (end === "exit") {
      items.push({ own: { number: number.exit_group, args: [0], jump: 0 } });
    }
    if (end === "abort") {
      abortAt = items.length;
      items.push({ own: { number: number.exit_group, args: [127], jump: 0 } });
    }
  };
  const enqueue = (call: Call) => {
    for (const program of [call.onZero, call.onError]) {
      if (program !== undefined) queue.push(program);
    }
  };
  endItems(ending);
  calls.forEach(enqueue);
  for (let program = queue.shift(); program; program = queue.shift()) {
    starts.set(program, items.length);
    for (const call of program.calls) {
      items.push({ call, failure: "exit" });
      enqueue(call);
    }
    if (program.ending === "listen" && place.gofer !== undefined) {
      const own = { number: number.getpid, args: [], jump: place.gofer.listen };
      items.push({ own });
    } else endItems("abort");
  }
  // Where a call of a program goes that fails.
  if (starts.size > 0 && abortAt === undefined) endItems("abort");

  // 2. The map of the block.
  const index = new Map<Call, number>();
  const outputs = new Map<Call, number>();
  const results = items.length * ENTRY_SIZE;
  let at = results + 8 * items.length;
  items.forEach(({ call }, i) => {
    if (call === undefined) return;
    index.set(call, i);
    const size = outputSize(call);
    if (size > 0) {
      outputs.set(call, at);
      at += size;
    }
  });
  const answerSize = at - results;
  if (at > bytes.length) throw new RangeError("batch too large");
  bytes.fill(0, 0, at);
  items.forEach((_, i) => memory.setBigInt64(results + 8 * i, NOT_RUN, true));
  if (answer !== undefined) {
    answer.args[1] = place.base + results;
    answer.args[2] = answerSize;
  }

  // 3. What the arguments point to.
  const reserve = (size: number) => {
    const start = (at + 7) & ~7;
    at = start + size;
    if (at > bytes.length) throw new RangeError("batch too large");
    return start;
  };
  const strings = new Map<string, number>();
  const store = (data: Uint8Array, zero: number) => {
    const start = reserve(data.length + zero);
    bytes.set(data, start);
    bytes.fill(0, start + data.length, at);
    return place.base + start;
  };
  const text = (value: string) => {
    let address = strings.get(value);
    if (address === undefined) {
      if (value.includes("\0")) throw new RangeError("NUL byte in a string");
      address = store(encoder.encode(value), 1);
      strings.set(value, address);
    }
    return address;
  };
  const output = (call: Call) => {
    const start = outputs.get(call);
    if (start === undefined) throw new RangeError("call has no output");
    return place.base + start;
  };
  const slot = (call: Call) => {
    const i = index.get(call);
    if (i === undefined) throw new RangeError("call of another batch");
    return place.base + results + 8 * i;
  };
  /** Refuses to load what a later call gives: it is not there yet. */
  const earlier = (made: Call, call: Call) => {
    if ((index.get(made) ?? -1) >= (index.get(call) ?? 0)) {
      throw new RangeError("call used before it is made");
    }
  };

  /** The value of an argument of `call`; `load`: it is an address to load. */
  const value = (
    arg: Arg,
    call: Call,
    cursor: { output: number },
  ): { value: number | bigint; load?: boolean } => {
    if (arg === null) return { value: 0 };
    if (typeof arg === "number" || typeof arg === "bigint") {
      return { value: arg };
    }
    if (typeof arg === "string") return { value: text(arg) };
    if (arg instanceof Uint8Array) return { value: store(arg, 0) };
    if ("syscall" in arg) {
      const address = slot(arg);
      earlier(arg, call);
      return { value: address, load: true };
    }
    if ("slotOf" in arg) return { value: slot(arg.slotOf) };
    if ("outputOf" in arg) {
      const load = arg.load === true;
      const address = output(arg.outputOf);
      if (load) earlier(arg.outputOf, call);
      return { value: address, load };
    }
    if ("answer" in arg) {
      return {
        value: arg.answer === "size" ? answerSize : place.base + results,
      };
    }
    if ("output" in arg) {
      const address = output(call) + cursor.output;
      cursor.output += (arg.output + 7) & ~7;
      return { value: address };
    }
    if ("bytes" in arg) return { value: block(arg, call, cursor) };
    const table = new Uint8Array(8 * (arg.length + 1));
    const pointers = new Map(arg.map((entry, i) => [8 * i, entry] as const));
    return { value: block({ bytes: table, pointers }, call, cursor) };
  };
  const block = (
    { bytes: content, pointers }: Memory,
    call: Call,
    cursor: { output: number },
  ): number => {
    const address = store(content, 0);
    for (const [offset, arg] of pointers) {
      const found = value(arg, call, cursor);
      if (found.load) throw new RangeError("a result inside a struct");
      put(memory, address - place.base + offset, found.value);
    }
    return address;
  };

  // 4. The entries themselves.
  const entryAt = (i: number) => place.base + i * ENTRY_SIZE;
  const programAt = (program: Program | undefined) =>
    program === undefined ? 0 : entryAt(starts.get(program) ?? 0);
  items.forEach(({ call, own, failure }, i) => {
    const o = i * ENTRY_SIZE;
    put(memory, o + 56, place.base + results + 8 * i);
    if (own !== undefined) {
      memory.setUint32(o, own.number, true);
      memory.setUint32(o + 4, own.jump === 0 ? 0 : ENTRY_ALWAYS, true);
      own.args.forEach((a, k) => put(memory, o + 8 + 8 * k, a));
      put(memory, o + 72, own.jump);
      // An answer that cannot be sent: nobody is left to work for.
      put(memory, o + 64, place.gofer?.exit ?? 0);
      return;
    }
    if (call === undefined) return;
    const cursor = { output: 0 };
    let flags = call.onZero === undefined ? 0 : ENTRY_ZERO;
    if (call.args.length > 6) throw new RangeError("more than six arguments");
    call.args.forEach((arg, k) => {
      const found = value(arg, call, cursor);
      if (found.load) flags |= ENTRY_LOAD << k;
      put(memory, o + 8 + 8 * k, found.value);
    });
    memory.setUint32(o, number[call.syscall], true);
    memory.setUint32(o + 4, flags, true);
    const failed = call.onError !== undefined
      ? programAt(call.onError)
      : call.tolerant
      ? 0
      : failure === "exit"
      ? abortAt === undefined ? 0 : entryAt(abortAt)
      : entryAt(answerAt);
    put(memory, o + 64, failed);
    put(memory, o + 72, programAt(call.onZero));
  });

  const own = calls.findIndex(answers);
  const answered = own === -1 ? calls.length : own;
  return {
    size: at,
    results,
    answerSize,
    count: calls.length,
    calls,
    read(answer) {
      calls.slice(0, answered).forEach((call, i) => {
        const result = answer.getBigInt64(8 * i, true);
        if (result === NOT_RUN) {
          throw new RangeError(`${call.syscall}: not reached`);
        }
        if (result < 0n && result >= -4095n && !call.tolerant) {
          throw callError(call, Number(result));
        }
      });
      return {
        value(call) {
          const i = index.get(call);
          if (i === undefined) throw new RangeError("call of another batch");
          return Number(answer.getBigInt64(8 * i, true));
        },
        output(call) {
          const start = outputs.get(call);
          if (start === undefined) throw new RangeError("call has no output");
          const from = answer.byteOffset + start - results;
          return new Uint8Array(answer.buffer, from, outputSize(call)).slice();
        },
      };
    },
  };
}
