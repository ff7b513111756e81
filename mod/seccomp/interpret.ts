/**
 * What a filter says of a system call, found by running its program here: a
 * filter that refuses what our own last steps need must be known before it is
 * loaded. Pure.
 *
 * Arguments need not be known: the program is then followed both ways, and all
 * answers that are possible are told. tests/kernel/seccomp_test.ts
 * compares the answers with the kernel's.
 *
 * @see https://www.kernel.org/doc/html/latest/userspace-api/seccomp_filter.html
 * @module
 */

import { CBPF, SECCOMP_DATA } from "../../ffi/abi/seccomp.ts";
import type { Instruction } from "./program.ts";

/** A system call in a filter's eyes. */
export interface FilteredCall {
  /** An AUDIT_ARCH_*. */
  readonly arch: number;
  /** Its number. */
  readonly number: number;
  /** Its six arguments; those that are undefined may be anything. */
  readonly args: readonly (bigint | undefined)[];
}

/** A 32-bit word, or one that is not known. */
type Word = number | undefined;

/** The machine between two instructions. */
interface State {
  readonly at: number;
  readonly a: Word;
  readonly x: Word;
  readonly memory: readonly Word[];
}

/** A word of `struct seccomp_data`. */
function load(call: FilteredCall, offset: number): Word {
  const { fields } = SECCOMP_DATA;
  if (offset === fields.nr[0]) return call.number >>> 0;
  if (offset === fields.arch[0]) return call.arch >>> 0;
  if (offset < fields.args[0]) return undefined; // the instruction pointer
  const arg = call.args[Math.floor((offset - fields.args[0]) / 8)];
  if (arg === undefined) return undefined;
  const shift = offset % 8 === 0 ? 0n : 32n;
  return Number(BigInt.asUintN(32, arg >> shift));
}

/** An operation on the accumulator; undefined: a division by zero. */
function compute(operation: number, a: number, b: number): Word {
  switch (operation) {
    case CBPF.BPF_ADD:
      return (a + b) >>> 0;
    case CBPF.BPF_SUB:
      return (a - b) >>> 0;
    case CBPF.BPF_MUL:
      return Math.imul(a, b) >>> 0;
    case CBPF.BPF_DIV:
      return b === 0 ? undefined : Math.floor(a / b);
    case CBPF.BPF_AND:
      return (a & b) >>> 0;
    case CBPF.BPF_OR:
      return (a | b) >>> 0;
    case CBPF.BPF_XOR:
      return (a ^ b) >>> 0;
    case CBPF.BPF_LSH:
      return b > 31 ? 0 : (a << b) >>> 0;
    case CBPF.BPF_RSH:
      return b > 31 ? 0 : a >>> b;
    case CBPF.BPF_NEG:
      return -a >>> 0;
    default:
      throw new RangeError(`operation ${operation} of a filter`);
  }
}

/** Does a conditional jump hold? */
function holds(operation: number, a: number, b: number): boolean {
  switch (operation) {
    case CBPF.BPF_JEQ:
      return a === b;
    case CBPF.BPF_JGT:
      return a > b;
    case CBPF.BPF_JGE:
      return a >= b;
    case CBPF.BPF_JSET:
      return (a & b) !== 0;
    default:
      throw new RangeError(`jump ${operation} of a filter`);
  }
}

const CLASS = 0x07;
const MODE = 0xe0;
const OPERATION = 0xf0;

/** What an instruction other than a return leads to. */
function step(
  instruction: Instruction,
  state: State,
  call: FilteredCall,
): State[] {
  const { code, jt, jf, k } = instruction;
  const next = { ...state, at: state.at + 1 };
  const operand = (code & CBPF.BPF_X) !== 0 ? state.x : k;
  const loaded = (): Word => {
    const mode = code & MODE;
    if (mode === CBPF.BPF_ABS) return load(call, k);
    if (mode === CBPF.BPF_MEM) return state.memory[k];
    if (mode === CBPF.BPF_LEN) return SECCOMP_DATA.size;
    return k;
  };
  const stored = (word: Word) => {
    const memory = [...state.memory];
    memory[k] = word;
    return [{ ...next, memory }];
  };
  switch (code & CLASS) {
    case CBPF.BPF_LD:
      return [{ ...next, a: loaded() }];
    case CBPF.BPF_LDX:
      return [{ ...next, x: loaded() }];
    case CBPF.BPF_ST:
      return stored(state.a);
    case CBPF.BPF_STX:
      return stored(state.x);
    case CBPF.BPF_ALU: {
      const known = state.a !== undefined && operand !== undefined;
      const a = known ? compute(code & OPERATION, state.a, operand) : undefined;
      return [{ ...next, a }];
    }
    case CBPF.BPF_JMP: {
      const operation = code & OPERATION;
      if (operation === CBPF.BPF_JA) return [{ ...next, at: next.at + k }];
      const yes = { ...next, at: next.at + jt };
      const no = { ...next, at: next.at + jf };
      if (state.a === undefined || operand === undefined) return [yes, no];
      return [holds(operation, state.a, operand) ? yes : no];
    }
    default: // BPF_MISC
      return [
        (code & CBPF.BPF_TXA) !== 0
          ? { ...next, a: state.x }
          : { ...next, x: state.a },
      ];
  }
}

/**
 * All that a filter may return for a system call: SECCOMP_RET_* and data. One
 * value where all arguments are known.
 */
export function outcomes(
  program: readonly Instruction[],
  call: FilteredCall,
): number[] {
  const found = new Set<number>();
  const seen = new Set<string>();
  const start: State = { at: 0, a: 0, x: 0, memory: [] };
  const todo = [start];
  for (let state = todo.pop(); state !== undefined; state = todo.pop()) {
    const instruction = program[state.at];
    if (instruction === undefined) throw new RangeError("a filter without end");
    if ((instruction.code & CLASS) === CBPF.BPF_RET) {
      const { code, k } = instruction;
      const value = (code & CBPF.BPF_A) !== 0 ? state.a : k;
      if (value === undefined) throw new RangeError("a filter of the unknown");
      found.add(value);
      continue;
    }
    const following = step(instruction, state, call);
    if (following.length === 1) {
      todo.push(...following);
      continue;
    }
    // Two ways: each is gone once.
    for (const way of following) {
      const key = `${way.at} ${way.a} ${way.x} ${way.memory}`;
      if (!seen.has(key)) todo.push(way);
      seen.add(key);
    }
  }
  return [...found];
}
