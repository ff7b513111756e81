/**
 * System calls of scheduling, memory policy and personality, as data.
 *
 * @module
 */

import { IOPRIO } from "./abi/ioprio.ts";
import { MPOL } from "./abi/mempolicy.ts";
import { SCHED_ATTR } from "./abi/scheduler.ts";
import type { Call } from "./call.ts";
import type { Values } from "./struct.ts";
import { pack } from "./struct.ts";

/** sched_setattr(2) of process `pid`, 0 for itself. */
export function schedSetattr(
  pid: number,
  attr: Values<typeof SCHED_ATTR>,
  object: string,
): Call {
  const value = pack(SCHED_ATTR, { ...attr, size: SCHED_ATTR.size });
  return { syscall: "sched_setattr", args: [pid, value, 0], object };
}

/** ioprio_set(2) of one process; `level` counts within the class. */
export function ioprioSet(
  pid: number,
  ioClass: number,
  level: number,
  object: string,
): Call {
  const value = (ioClass << IOPRIO.IOPRIO_CLASS_SHIFT) | level;
  return {
    syscall: "ioprio_set",
    args: [IOPRIO.IOPRIO_WHO_PROCESS, pid, value],
    object,
  };
}

/** A set of small numbers as the bit mask that the kernel takes. */
export function bitMask(numbers: readonly number[]): Uint8Array<ArrayBuffer> {
  const words = Math.floor(Math.max(0, ...numbers) / 64) + 1;
  const mask = new Uint8Array(8 * words);
  for (const n of numbers) {
    mask[n >> 3] = (mask[n >> 3] ?? 0) | (1 << (n & 7));
  }
  return mask;
}

/** sched_setaffinity(2) of process `pid`, 0 for itself. */
export function schedSetaffinity(
  pid: number,
  cpus: readonly number[],
  object: string,
): Call {
  const mask = bitMask(cpus);
  return {
    syscall: "sched_setaffinity",
    args: [pid, mask.length, mask],
    object,
  };
}

/** set_mempolicy(2) of the calling thread. `mode` with its `MPOL_F_*` flags. */
export function setMempolicy(
  mode: number,
  nodes: readonly number[],
  object: string,
): Call {
  const none = nodes.length === 0 || mode === MPOL.MPOL_DEFAULT;
  const mask = bitMask(nodes);
  return {
    syscall: "set_mempolicy",
    // The kernel looks at one bit less than it is told.
    args: none ? [mode, 0, 0] : [mode, mask, 8 * mask.length + 1],
    object,
  };
}

/** personality(2). */
export function personality(persona: number, object: string): Call {
  return { syscall: "personality", args: [persona], object };
}
