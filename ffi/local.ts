/**
 * The launcher itself as a target of system calls, through libc.
 *
 * Runs in: launcher, on the JavaScript thread. Arguments are packed into one
 * block that V8 does not move; errno is read right after the call, with nothing
 * in between.
 *
 * @module
 */

import { ARCH, SYSCALL } from "./abi/arch.ts";
import type { SyscallName } from "./abi/syscall_x86_64.ts";
import { packBatch } from "./batch.ts";
import type { Call, Results, Target } from "./call.ts";
import { ENTRY_LOAD, ENTRY_SIZE } from "./entry.ts";
import { libc } from "./libc.ts";

/** How large the arguments of a local batch may be, in bytes. */
const ARENA_SIZE = 0x40000;

/** Memory that V8 does not move, and where it is. */
export interface Pinned {
  /** The memory. */
  readonly view: DataView<ArrayBuffer>;
  /** Its address. */
  readonly address: number;
}

/** Allocates memory that V8 does not move; it lives as long as its view. */
export function pin(size: number): Pinned {
  const view = new DataView(new ArrayBuffer(size));
  const pointer = Deno.UnsafePointer.of(view);
  return { view, address: Number(Deno.UnsafePointer.value(pointer)) };
}

type Word = number | bigint;

let errno: Deno.UnsafePointerView | undefined;

/**
 * Makes one system call: every other way leads here.
 *
 * @returns its result, or -errno
 */
export function syscall(
  number: number,
  a: Word = 0n,
  b: Word = 0n,
  c: Word = 0n,
  d: Word = 0n,
  e: Word = 0n,
  f: Word = 0n,
): bigint {
  const symbols = libc();
  if (errno === undefined) {
    const pointer = symbols.__errno_location();
    if (pointer === null) throw new Error("libc has no errno");
    errno = new Deno.UnsafePointerView(pointer);
  }
  const big = BigInt;
  const result = symbols.syscall(
    big(number),
    big(a),
    big(b),
    big(c),
    big(d),
    big(e),
    big(f),
  );
  return result === -1n ? -BigInt(errno.getInt32()) : result;
}

/** Makes one system call by name, with numbers alone. */
export function direct(name: SyscallName, ...args: readonly Word[]): number {
  const [a, b, c, d, e, f] = args;
  return Number(syscall(SYSCALL[ARCH][name], a, b, c, d, e, f));
}

let arena: Pinned | undefined;

/** Performs calls in this process, as an interpreter of the packed batch. */
function run(...calls: readonly Call[]): Results {
  arena ??= pin(ARENA_SIZE);
  const { view: memory, address: base } = arena;
  const batch = packBatch(memory, { arch: ARCH, base }, calls, "listen");
  for (let i = 0; i < batch.count; i++) {
    const call = calls[i];
    if (call?.onZero !== undefined || call?.onError !== undefined) {
      throw new RangeError(`${call.syscall}: a program needs a gofer`);
    }
    const o = i * ENTRY_SIZE;
    const flags = memory.getUint32(o + 4, true);
    const arg = (k: number): bigint => {
      const word = memory.getBigInt64(o + 8 + 8 * k, true);
      if ((flags & (ENTRY_LOAD << k)) === 0) return word;
      return memory.getBigInt64(Number(word) - base, true);
    };
    const result = syscall(
      memory.getUint32(o, true),
      arg(0),
      arg(1),
      arg(2),
      arg(3),
      arg(4),
      arg(5),
    );
    memory.setBigInt64(batch.results + 8 * i, result, true);
    const failed = result < 0n && result >= -4095n;
    if (failed && call?.tolerant !== true) break;
  }
  const end = batch.results + batch.answerSize;
  const answer = memory.buffer.slice(batch.results, end);
  return batch.read(new DataView(answer));
}

/** The launcher. */
export const local: Target = { name: "launcher", run };
