/**
 * A system call as data.
 *
 * The typed wrappers of this folder (`openat2`, `mount`, `clone` …) do nothing:
 * they return a {@link Call}. A *target* performs calls, in order: the launcher
 * itself (`local.ts`) or a gofer (`gofer/channel.ts`). A call may be used as an
 * argument of a later call of the same batch, where it stands for its result:
 *
 *     const tree = openTree(dir, "", OPEN_TREE_CLONE);
 *     gofer.run(tree, moveMount(tree, "", root, "mnt", 0));
 *
 * @module
 */

import type { SyscallName } from "./abi/syscall_x86_64.ts";
import { SyscallError } from "./errno.ts";

/** Memory that the call reads, with pointers in it to be filled in. */
export interface Memory {
  /** The bytes; a place named in `pointers` is overwritten. */
  readonly bytes: Uint8Array;
  /** Byte offset → what the pointer stored there points to, or its value. */
  readonly pointers: ReadonlyMap<number, Arg>;
}

/** Memory that the call writes; read it back with `Results.output`. */
export interface Output {
  /** Its size in bytes. */
  readonly output: number;
}

/** The address of the 8 bytes that receive the result of a call. */
export interface Slot {
  /** The call whose result is meant. */
  readonly slotOf: Call;
}

/** The address of the output of an earlier call. */
export interface OutputOf {
  /** The call whose output is meant. */
  readonly outputOf: Call;
  /** The value stored there instead of its address. */
  readonly load?: boolean;
}

/**
 * The answer of the batch, for a program that answers before its end: an
 * argument of `write` to the control socket. Calls behind it may still wait.
 */
export interface Answer {
  /** Which of the two: where the answer lies, or how long it is. */
  readonly answer: "address" | "size";
}

/** An argument: a number as such, all else by address. `null` is 0. */
export type Arg =
  | number
  | bigint
  | string
  | null
  | Uint8Array
  | readonly (string | null)[]
  | Memory
  | Output
  | Slot
  | OutputOf
  | Answer
  | Call;

/** What happens after the calls of a program. */
export type Ending =
  /** Answer, then wait for the next batch. */
  | "listen"
  /** Answer, then exit with status 0. */
  | "exit"
  /** Exit with status 127, and answer nothing. */
  | "abort";

/** Calls that a process executes apart from the batch's own. */
export interface Program {
  /** The calls, in order; one that fails ends the program with "abort". */
  readonly calls: readonly Call[];
  /** What follows the last; "listen" here does not answer first. */
  readonly ending: Exclude<Ending, "exit">;
}

/** One system call. */
export interface Call {
  /** Its name, as in the kernel. */
  readonly syscall: SyscallName;
  /** Its arguments; missing ones are 0. */
  readonly args: readonly Arg[];
  /** What it is done to, for the error. */
  readonly object: string;
  /** A failure is a result like any other: the batch goes on. */
  readonly tolerant?: boolean;
  /** Executed where the result is 0: by the child, after a clone. */
  readonly onZero?: Program;
  /** Executed where the call fails. */
  readonly onError?: Program;
}

/** What the calls of a batch gave. */
export interface Results {
  /** The result of a call; of a tolerant one that failed, -errno. */
  value(call: Call): number;
  /** What the call wrote into its (first) {@link Output}. */
  output(call: Call): Uint8Array;
}

/** A process that performs system calls. */
export interface Target {
  /** Who it is: in traces and errors. */
  readonly name: string;
  /**
   * Performs the calls in order, and stops at the first that fails.
   *
   * @throws {SyscallError} where one failed
   */
  run(...calls: readonly Call[]): Results;
}

/** The same call, whose failure is a result: `-errno`. */
export function tolerate(call: Call): Call {
  return { ...call, tolerant: true };
}

/** Performs one call; returns its result. */
export function perform(target: Target, call: Call): number {
  return target.run(call).value(call);
}

/** Performs one call; returns its result, or -errno. */
export function attempt(target: Target, call: Call): number {
  return perform(target, tolerate(call));
}

/** The error of a call whose result is `-errno`. */
export function callError(call: Call, result: number): SyscallError {
  return new SyscallError(call.syscall, call.object, -result);
}
