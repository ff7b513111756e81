/**
 * The launcher itself as a target of system calls, through libc.
 *
 * Runs in: launcher, on the JavaScript thread. Arguments are packed into one
 * block that V8 does not move; errno is read right after the call, with nothing
 * in between.
 *
 * @module
 */

import { ARCH } from "./abi/arch.ts";
import { ENTRY_LOAD, ENTRY_SIZE, NOT_RUN, packBatch } from "./batch.ts";
import type { Call, Results, Target } from "./call.ts";
import { libc } from "./libc.ts";

/** How large the arguments of a local batch may be, in bytes. */
const ARENA_SIZE = 0x40000;

interface Arena {
  readonly memory: DataView<ArrayBuffer>;
  readonly base: number;
  readonly errno: Deno.UnsafePointerView;
}

let arena: Arena | undefined;

/** Makes the arena on first use. */
function theArena(): Arena {
  if (arena !== undefined) return arena;
  const memory = new DataView(new ArrayBuffer(ARENA_SIZE));
  const errno = libc().__errno_location();
  if (errno === null) throw new Error("libc has no errno");
  arena = {
    memory,
    base: Number(Deno.UnsafePointer.value(Deno.UnsafePointer.of(memory))),
    errno: new Deno.UnsafePointerView(errno),
  };
  return arena;
}

/** Performs calls in this process, as an interpreter of the packed batch. */
function run(...calls: readonly Call[]): Results {
  const { memory, base, errno } = theArena();
  const { syscall } = libc();
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
    const nr = memory.getUint32(o, true);
    let result = syscall(
      BigInt(nr),
      arg(0),
      arg(1),
      arg(2),
      arg(3),
      arg(4),
      arg(5),
    );
    if (result === -1n) result = -BigInt(errno.getInt32());
    memory.setBigInt64(batch.results + 8 * i, result, true);
    if (result < 0n && result !== NOT_RUN && call?.tolerant !== true) break;
  }
  const answer = memory.buffer.slice(
    batch.results,
    batch.results + batch.answerSize,
  );
  return batch.read(new DataView(answer));
}

/** The launcher. */
export const local: Target = { name: "launcher", run };
