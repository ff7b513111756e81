/**
 * The gofer's executable: an ELF file of two segments, the code with its first
 * entries and an empty writable one, built here byte by byte from `code.ts`.
 *
 * @module
 */

import type { Arch } from "../abi/arch.ts";
import { ELF_MACHINE, SYSCALL } from "../abi/arch.ts";
import { ENTRY_ALWAYS, ENTRY_SIZE, ENTRY_ZERO } from "../entry.ts";
import { GOFER_CODE } from "./code.ts";

/** Where the code lies. */
const TEXT = 0x10000000;
/** Where a batch lies: the one writable segment, above all else. */
export const BUFFER = 0x20000000;
/**
 * Size of the buffer in bytes: arguments and environment of execve are limited
 * to 2 MiB by the usual stack limit. Untouched pages cost nothing.
 */
export const BUFFER_SIZE = 0x400000;
/** Exit status of a gofer whose launcher is gone. */
export const ABANDONED = 111;

// <elf.h>
const EHDR_SIZE = 64;
const PHDR_SIZE = 56;
const PT_LOAD = 1;
const PT_GNU_STACK = 0x6474e551;
const PF_X = 1;
const PF_W = 2;
const PF_R = 4;
/** aarch64 kernels may have pages of 64 KiB. */
const PAGE = 0x10000;

/** A gofer's executable and the addresses that a batch needs. */
export interface Image {
  /** The ELF file. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** The entry that reads the next batch. */
  readonly listen: number;
  /** The entry that ends the process. */
  readonly exit: number;
}

/** The first entries: read a batch, execute it; or exit. */
function firstEntries(arch: Arch, control: number, at: number): Uint8Array {
  const memory = new DataView(new ArrayBuffer(3 * ENTRY_SIZE));
  const entry = (
    i: number,
    number: number,
    flags: number,
    args: number[],
    error: number,
    jump: number,
  ) => {
    const o = i * ENTRY_SIZE;
    memory.setUint32(o, number, true);
    memory.setUint32(o + 4, flags, true);
    args.forEach((a, k) => memory.setUint32(o + 8 + 8 * k, a, true));
    memory.setUint32(o + 64, error, true);
    memory.setUint32(o + 72, jump, true);
  };
  const { read, getpid, exit_group } = SYSCALL[arch];
  const exit = at + 2 * ENTRY_SIZE;
  entry(0, read, ENTRY_ZERO, [control, BUFFER, BUFFER_SIZE], exit, exit);
  entry(1, getpid, ENTRY_ALWAYS, [], 0, BUFFER);
  entry(2, exit_group, 0, [ABANDONED], 0, 0);
  return new Uint8Array(memory.buffer);
}

/** Builds the executable of a gofer whose control socket is `control`. */
export function buildImage(arch: Arch, control: number): Image {
  const hex = GOFER_CODE[arch].match(/../g) ?? [];
  const code = Uint8Array.from(hex, (byte) => parseInt(byte, 16));
  const start = EHDR_SIZE + 3 * PHDR_SIZE;
  const entries = start + code.length;
  const listen = TEXT + entries;
  const size = entries + 3 * ENTRY_SIZE;
  const bytes = new Uint8Array(size);
  const elf = new DataView(bytes.buffer);
  bytes.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]); // ELFCLASS64, little endian
  elf.setUint16(16, 2, true); // e_type: ET_EXEC
  elf.setUint16(18, ELF_MACHINE[arch], true);
  elf.setUint32(20, 1, true); // e_version
  elf.setUint32(24, TEXT + start, true); // e_entry
  elf.setUint32(32, EHDR_SIZE, true); // e_phoff
  elf.setUint16(52, EHDR_SIZE, true);
  elf.setUint16(54, PHDR_SIZE, true);
  elf.setUint16(56, 3, true); // e_phnum
  const segment = (
    i: number,
    type: number,
    flags: number,
    address: number,
    inFile: number,
    inMemory: number,
  ) => {
    const p = EHDR_SIZE + PHDR_SIZE * i;
    elf.setUint32(p, type, true);
    elf.setUint32(p + 4, flags, true);
    elf.setUint32(p + 16, address, true); // p_vaddr
    elf.setUint32(p + 24, address, true); // p_paddr
    elf.setUint32(p + 32, inFile, true);
    elf.setUint32(p + 40, inMemory, true);
    elf.setUint32(p + 48, PAGE, true); // p_align
  };
  segment(0, PT_LOAD, PF_R | PF_X, TEXT, size, size);
  segment(1, PT_LOAD, PF_R | PF_W, BUFFER, 0, BUFFER_SIZE);
  segment(2, PT_GNU_STACK, PF_R | PF_W, 0, 0, 0);
  bytes.set(code, start);
  bytes.set(firstEntries(arch, control, listen), entries);
  return { bytes, listen, exit: listen + 2 * ENTRY_SIZE };
}
