/**
 * What a batch is made of: the entries that a gofer executes (their layout is
 * told at the head of `gofer/x86_64.S`), and the place where they will lie.
 *
 * @module
 */

import type { Arch } from "./abi/arch.ts";

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
/** Its upper half; the lower is 0. */
export const NOT_RUN_HIGH = -0x80000000;

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
