/**
 * Lays a batch out and writes it: entries, results, outputs, and what the
 * arguments point to. `batch.ts` is the way in.
 *
 * @module
 */

import { SYSCALL } from "./abi/arch.ts";
import type { Arg, Call, Ending, Memory, Program } from "./call.ts";
import {
  ENTRY_ALWAYS,
  ENTRY_LOAD,
  ENTRY_SIZE,
  ENTRY_ZERO,
  NOT_RUN_HIGH,
} from "./entry.ts";
import type { Place } from "./entry.ts";

/** An entry that is none of the calls: it answers, exits, or listens again. */
interface OwnEntry {
  readonly number: number;
  readonly args: number[];
  readonly jump: number;
}

/**
 * A batch while it is packed. One object and plain functions: this code runs a
 * few hundred times in the life of a process, too seldom to be compiled, and
 * closures would be made anew each time.
 */
export interface Packing {
  readonly memory: DataView<ArrayBuffer>;
  readonly bytes: Uint8Array;
  readonly place: Place;
  /** All calls in the order of their entries; undefined: one of our own. */
  readonly flat: (Call | undefined)[];
  /** Our own entries, at the same places. */
  readonly own: (OwnEntry | undefined)[];
  /** How many entries are the batch's own; the rest are programs. */
  inLine: number;
  /** The programs and where they start. */
  readonly programs: Program[];
  readonly starts: number[];
  /** The entry that exits with status 127; -1: none. */
  abortAt: number;
  /** Where the output of each entry's call starts; 0: it has none. */
  readonly outputs: number[];
  results: number;
  answerSize: number;
  /** Where the next bytes go. */
  at: number;
  /** The output of the call at hand: how much of it is given out. */
  given: number;
  /** The argument at hand is an address to load from. */
  load: boolean;
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

/** The bytes of output that an argument asks for. */
function outputOfArg(arg: Arg | undefined): number {
  if (typeof arg !== "object" || arg === null) return 0;
  if ("output" in arg) return (arg.output + 7) & ~7;
  let size = 0;
  if ("pointers" in arg) {
    for (const pointed of arg.pointers.values()) size += outputOfArg(pointed);
  }
  return size;
}

/** The outputs among the arguments of a call. */
export function outputSize(call: Call): number {
  let size = 0;
  for (const arg of call.args) size += outputOfArg(arg);
  return size;
}

/** Adds an entry of our own. */
function addOwn(
  p: Packing,
  number: number,
  args: number[],
  jump: number,
): void {
  p.own[p.flat.length] = { number, args, jump };
  p.flat.push(undefined);
}

/** Adds what follows the last call: locally nothing. */
function addEnding(p: Packing, ending: Ending): void {
  const { gofer, arch } = p.place;
  if (gofer === undefined) return;
  const { write, exit_group } = SYSCALL[arch];
  if (ending !== "abort") {
    // Where the answer lies, and its size, are put in when they are known.
    const jump = ending === "listen" ? gofer.listen : 0;
    addOwn(p, write, [gofer.control, 0, 0], jump);
  }
  if (ending === "listen") return;
  if (ending === "abort") p.abortAt = p.flat.length;
  addOwn(p, exit_group, [ending === "abort" ? 127 : 0], 0);
}

/** Adds the programs of a call, to be laid out behind. */
function addPrograms(p: Packing, call: Call): void {
  if (call.onZero !== undefined) p.programs.push(call.onZero);
  if (call.onError !== undefined) p.programs.push(call.onError);
}

/** Lays out the entries: the calls, the ending, then each program. */
export function layOut(
  p: Packing,
  calls: readonly Call[],
  ending: Ending,
): void {
  for (const call of calls) {
    if (call.args.length > 6) throw new RangeError("more than six arguments");
    p.flat.push(call);
    addPrograms(p, call);
  }
  addEnding(p, ending);
  p.inLine = p.flat.length;
  for (let i = 0; i < p.programs.length; i++) {
    const program = p.programs[i];
    if (program === undefined) continue;
    p.starts.push(p.flat.length);
    for (const call of program.calls) {
      p.flat.push(call);
      addPrograms(p, call);
    }
    const { gofer, arch } = p.place;
    if (program.ending === "listen" && gofer !== undefined) {
      addOwn(p, SYSCALL[arch].getpid, [], gofer.listen);
    } else addEnding(p, "abort");
  }
  // Where a call of a program goes that fails.
  if (p.starts.length > 0 && p.abortAt === -1) addEnding(p, "abort");
}

/** Makes the map of the block: results, outputs, and where the rest begins. */
export function mapOut(p: Packing): void {
  const count = p.flat.length;
  p.results = count * ENTRY_SIZE;
  p.at = p.results + 8 * count;
  for (let i = 0; i < count; i++) {
    const call = p.flat[i];
    const size = call === undefined ? 0 : outputSize(call);
    p.outputs.push(size === 0 ? 0 : p.at);
    p.at += size;
  }
  p.answerSize = p.at - p.results;
  if (p.at > p.bytes.length) throw new RangeError("batch too large");
  p.bytes.fill(0, 0, p.at);
  for (let i = 0; i < count; i++) {
    p.memory.setInt32(p.results + 8 * i + 4, NOT_RUN_HIGH, true);
  }
}

/** Copies bytes behind what is there; returns their address. */
function store(p: Packing, data: Uint8Array, zero: number): number {
  const start = (p.at + 7) & ~7;
  p.at = start + data.length + zero;
  if (p.at > p.bytes.length) throw new RangeError("batch too large");
  p.bytes.set(data, start);
  if (zero > 0) p.bytes[start + data.length] = 0;
  return p.place.base + start;
}

/** The entry of a call. */
function indexOf(p: Packing, call: Call): number {
  const i = p.flat.indexOf(call);
  if (i === -1) throw new RangeError("call of another batch");
  return i;
}

/** The address of a call's result. */
function slot(p: Packing, i: number): number {
  return p.place.base + p.results + 8 * i;
}

/** Refuses to load what a later call gives: it is not there yet. */
function loadFrom(p: Packing, made: number, now: number): void {
  if (made >= now) throw new RangeError("call used before it is made");
  p.load = true;
}

/** The value of an argument of entry `now`, or its address: see `p.load`. */
function valueOf(p: Packing, arg: Arg, now: number): number | bigint {
  if (typeof arg === "number" || typeof arg === "bigint") return arg;
  if (arg === null) return 0;
  if (typeof arg === "string") {
    if (arg.includes("\0")) throw new RangeError("NUL byte in a string");
    return store(p, encoder.encode(arg), 1);
  }
  if (arg instanceof Uint8Array) return store(p, arg, 0);
  if ("syscall" in arg) {
    const made = indexOf(p, arg);
    loadFrom(p, made, now);
    return slot(p, made);
  }
  if ("slotOf" in arg) return slot(p, indexOf(p, arg.slotOf));
  if ("outputOf" in arg) {
    const made = p.flat.indexOf(arg.outputOf);
    const start = p.outputs[made] ?? 0;
    if (start === 0) throw new RangeError("call has no output");
    if (arg.load === true) loadFrom(p, made, now);
    return p.place.base + start;
  }
  if ("answer" in arg) {
    return arg.answer === "size" ? p.answerSize : p.place.base + p.results;
  }
  if ("output" in arg) {
    const address = p.place.base + (p.outputs[now] ?? 0) + p.given;
    p.given += (arg.output + 7) & ~7;
    return address;
  }
  if ("bytes" in arg) return storeMemory(p, arg, now);
  const table = new Uint8Array(8 * (arg.length + 1));
  const pointers = new Map(arg.map((entry, i) => [8 * i, entry] as const));
  return storeMemory(p, { bytes: table, pointers }, now);
}

/** Copies a struct and what it points to; returns its address. */
function storeMemory(p: Packing, struct: Memory, now: number): number {
  const address = store(p, struct.bytes, 0);
  for (const [offset, arg] of struct.pointers) {
    const value = valueOf(p, arg, now);
    if (p.load) throw new RangeError("a result inside a struct");
    put(p.memory, address - p.place.base + offset, value);
  }
  return address;
}

/** The address of an entry. */
function entryAt(p: Packing, i: number): number {
  return p.place.base + i * ENTRY_SIZE;
}

/** The address of a program; 0: there is none. */
function programAt(p: Packing, program: Program | undefined): number {
  if (program === undefined) return 0;
  return entryAt(p, p.starts[p.programs.indexOf(program)] ?? 0);
}

/** Where a call goes that fails; 0: on to the next. */
function failureOf(p: Packing, call: Call, i: number, count: number): number {
  if (call.onError !== undefined) return programAt(p, call.onError);
  if (call.tolerant) return 0;
  if (i < count) return entryAt(p, count); // to the answer
  return p.abortAt === -1 ? 0 : entryAt(p, p.abortAt);
}

/** Writes the entry of a call. */
export function writeCall(
  p: Packing,
  call: Call,
  i: number,
  count: number,
): void {
  const { memory, place } = p;
  const o = i * ENTRY_SIZE;
  let flags = call.onZero === undefined ? 0 : ENTRY_ZERO;
  p.given = 0;
  for (let k = 0; k < call.args.length; k++) {
    p.load = false;
    const value = valueOf(p, call.args[k] ?? 0, i);
    if (p.load) flags |= ENTRY_LOAD << k;
    if (value !== 0) put(memory, o + 8 + 8 * k, value);
  }
  memory.setUint32(o, SYSCALL[place.arch][call.syscall], true);
  memory.setUint32(o + 4, flags, true);
  put(memory, o + 56, slot(p, i));
  put(memory, o + 64, failureOf(p, call, i, count));
  put(memory, o + 72, programAt(p, call.onZero));
}

/** Writes an entry of our own. */
export function writeOwn(p: Packing, entry: OwnEntry, i: number): void {
  const { memory, place } = p;
  const o = i * ENTRY_SIZE;
  const [first = 0, address = 0, size = 0] = entry.args;
  const isAnswer = entry.args.length === 3;
  memory.setUint32(o, entry.number, true);
  memory.setUint32(o + 4, entry.jump === 0 ? 0 : ENTRY_ALWAYS, true);
  put(memory, o + 8, first);
  put(memory, o + 16, isAnswer ? place.base + p.results : address);
  put(memory, o + 24, isAnswer ? p.answerSize : size);
  put(memory, o + 56, slot(p, i));
  // An answer that cannot be sent: nobody is left to work for.
  put(memory, o + 64, place.gofer?.exit ?? 0);
  put(memory, o + 72, entry.jump);
}
