/**
 * A small reader of ELF files that nobody vouches for: every offset and count
 * in them is bounded, and what makes no sense reads as absent. 64-bit and
 * little-endian only, which is all that a GPU's driver is built for here.
 *
 * @see https://man7.org/linux/man-pages/man5/elf.5.html
 * @module
 */

/** A file that can be read in pieces. */
export interface ByteSource {
  /** At most `length` bytes from `offset`; fewer where the file ends. */
  read(offset: number, length: number): Uint8Array;
}

const HEADER_SIZE = 64;
const PROGRAM_HEADER_SIZE = 56;
const SECTION_HEADER_SIZE = 64;
const MOST_PROGRAM_HEADERS = 128;
const MOST_SECTIONS = 4096;
const MOST_DYNAMIC = 0x4000;
const MOST_NAMES = 0x10000;
const MOST_NAME = 256;

const PT_LOAD = 1;
const PT_DYNAMIC = 2;
const PT_INTERP = 3;
const DT_STRTAB = 5n;
const DT_SONAME = 14n;

/** One program header, as far as we look. */
interface Segment {
  readonly type: number;
  readonly offset: number;
  readonly address: number;
  readonly size: number;
}

/** What is read of an ELF file. */
export interface Elf {
  /** `e_machine`: 62 is x86-64, 183 is aarch64. */
  readonly machine: number;
  /** The name by which others need it; absent: it has none. */
  readonly soname?: string;
  /** Is it executed by a loader that the file names? */
  readonly interpreted: boolean;
}

/** A view of exactly `length` bytes, or nothing. */
function view(
  source: ByteSource,
  offset: number,
  length: number,
): DataView | undefined {
  if (!Number.isSafeInteger(offset) || offset < 0) return undefined;
  const bytes = source.read(offset, length);
  if (bytes.length < length) return undefined;
  return new DataView(bytes.buffer, bytes.byteOffset, length);
}

/** The header of a 64-bit little-endian ELF file, or nothing. */
function headerOf(source: ByteSource): DataView | undefined {
  const header = view(source, 0, HEADER_SIZE);
  if (header === undefined) return undefined;
  const magic = header.getUint32(0, false) === 0x7f454c46;
  const form = header.getUint8(4) === 2 && header.getUint8(5) === 1;
  return magic && form ? header : undefined;
}

/** The text at `offset`, up to its NUL. */
function textAt(source: ByteSource, offset: number): string | undefined {
  if (!Number.isSafeInteger(offset) || offset < 0) return undefined;
  const bytes = source.read(offset, MOST_NAME);
  const end = bytes.indexOf(0);
  return end < 0 ? undefined : new TextDecoder().decode(bytes.subarray(0, end));
}

/** The program headers. */
function segmentsOf(source: ByteSource, header: DataView): Segment[] {
  const count = header.getUint16(56, true);
  if (header.getUint16(54, true) !== PROGRAM_HEADER_SIZE) return [];
  if (count > MOST_PROGRAM_HEADERS) return [];
  const at = Number(header.getBigUint64(32, true));
  const table = view(source, at, count * PROGRAM_HEADER_SIZE);
  if (table === undefined) return [];
  return Array.from({ length: count }, (_, i) => {
    const o = i * PROGRAM_HEADER_SIZE;
    return {
      type: table.getUint32(o, true),
      offset: Number(table.getBigUint64(o + 8, true)),
      address: Number(table.getBigUint64(o + 16, true)),
      size: Number(table.getBigUint64(o + 32, true)),
    };
  });
}

/** The soname that the dynamic section names. */
function sonameOf(
  source: ByteSource,
  segments: readonly Segment[],
): string | undefined {
  const dynamic = segments.find(({ type }) => type === PT_DYNAMIC);
  if (dynamic === undefined || dynamic.size > MOST_DYNAMIC) return undefined;
  const table = view(source, dynamic.offset, dynamic.size & ~15);
  if (table === undefined) return undefined;
  let names: number | undefined;
  let soname: number | undefined;
  for (let o = 0; o < table.byteLength; o += 16) {
    const tag = table.getBigInt64(o, true);
    const value = Number(table.getBigUint64(o + 8, true));
    if (tag === 0n) break;
    if (tag === DT_STRTAB) names = value;
    if (tag === DT_SONAME) soname = value;
  }
  if (names === undefined || soname === undefined) return undefined;
  const address = names;
  const home = segments.find((s) =>
    s.type === PT_LOAD && address >= s.address && address < s.address + s.size
  );
  if (home === undefined) return undefined;
  return textAt(source, address - home.address + home.offset + soname);
}

/** Reads an ELF file; undefined where it is none, or not of our kind. */
export function readElf(source: ByteSource): Elf | undefined {
  const header = headerOf(source);
  if (header === undefined) return undefined;
  const segments = segmentsOf(source, header);
  const soname = sonameOf(source, segments);
  return {
    machine: header.getUint16(18, true),
    ...soname === undefined ? {} : { soname },
    interpreted: segments.some(({ type }) => type === PT_INTERP),
  };
}

/** The bytes of the section `name`, at most 64 KiB; undefined: no such. */
export function readSection(
  source: ByteSource,
  name: string,
): Uint8Array | undefined {
  const header = headerOf(source);
  if (header === undefined) return undefined;
  const count = header.getUint16(60, true);
  const strings = header.getUint16(62, true);
  if (header.getUint16(58, true) !== SECTION_HEADER_SIZE) return undefined;
  if (count > MOST_SECTIONS || strings >= count) return undefined;
  const at = Number(header.getBigUint64(40, true));
  const table = view(source, at, count * SECTION_HEADER_SIZE);
  if (table === undefined) return undefined;
  const place = (i: number) => {
    const o = i * SECTION_HEADER_SIZE;
    return {
      name: table.getUint32(o, true),
      offset: Number(table.getBigUint64(o + 24, true)),
      size: Number(table.getBigUint64(o + 32, true)),
    };
  };
  const { offset, size } = place(strings);
  if (size > MOST_NAMES) return undefined;
  const names = view(source, offset, size);
  if (names === undefined) return undefined;
  const wanted = new TextEncoder().encode(`${name}\0`);
  for (let i = 0; i < count; i++) {
    const section = place(i);
    if (section.name + wanted.length > size) continue;
    if (wanted.some((byte, k) => names.getUint8(section.name + k) !== byte)) {
      continue;
    }
    const found = view(source, section.offset, Math.min(section.size, 0x10000));
    return found && new Uint8Array(
      found.buffer,
      found.byteOffset,
      found.byteLength,
    );
  }
  return undefined;
}
