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

import type { Call, Ending, Results } from "./call.ts";
import { callError } from "./call.ts";
import { NOT_RUN } from "./entry.ts";
import type { Place } from "./entry.ts";
import { layOut, mapOut, outputSize, writeCall, writeOwn } from "./packing.ts";
import type { Packing } from "./packing.ts";

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
  const p: Packing = {
    memory,
    bytes: new Uint8Array(memory.buffer, memory.byteOffset, memory.byteLength),
    place,
    flat: [],
    own: [],
    inLine: 0,
    programs: [],
    starts: [],
    abortAt: -1,
    outputs: [],
    results: 0,
    answerSize: 0,
    at: 0,
    given: 0,
    load: false,
  };
  layOut(p, calls, ending);
  mapOut(p);
  for (let i = 0; i < p.flat.length; i++) {
    const call = p.flat[i];
    const own = p.own[i];
    if (call !== undefined) writeCall(p, call, i, calls.length);
    else if (own !== undefined) writeOwn(p, own, i);
  }
  const own = calls.findIndex(answers);
  const { at, results, answerSize, flat, outputs } = p;
  return {
    size: at,
    results,
    answerSize,
    count: calls.length,
    calls,
    read(answer) {
      checkAnswer(calls, own === -1 ? calls.length : own, answer);
      return {
        value(call) {
          const i = flat.indexOf(call);
          if (i === -1) throw new RangeError("call of another batch");
          return Number(answer.getBigInt64(8 * i, true));
        },
        output(call) {
          const start = outputs[flat.indexOf(call)] ?? 0;
          if (start === 0) throw new RangeError("call has no output");
          const from = answer.byteOffset + start - results;
          return new Uint8Array(answer.buffer, from, outputSize(call)).slice();
        },
      };
    },
  };
}

/** Throws the failure in an answer, if there is one. */
function checkAnswer(
  calls: readonly Call[],
  answered: number,
  answer: DataView,
): void {
  for (let i = 0; i < answered; i++) {
    const call = calls[i];
    const high = answer.getInt32(8 * i + 4, true);
    if (call === undefined || high >= 0) continue;
    const result = answer.getBigInt64(8 * i, true);
    if (result === NOT_RUN) {
      throw new RangeError(`${call.syscall}: not reached`);
    }
    if (result >= -4095n && !call.tolerant) {
      throw callError(call, Number(result));
    }
  }
}
