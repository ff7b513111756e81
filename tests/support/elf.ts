/**
 * ELF files for the tests of who reads them: the least that has a soname, a
 * section, a loader.
 *
 * @module
 */

/** What to put into the file. */
export interface ElfParts {
  readonly soname?: string;
  /** 62 is x86-64, the default is this machine's. */
  readonly machine?: number;
  /** It names a loader. */
  readonly interpreted?: boolean;
  /** A section of notes. */
  readonly section?: { readonly name: string; readonly bytes: Uint8Array };
}

/** Makes a 64-bit little-endian ELF file. */
export function makeElf(parts: ElfParts = {}): Uint8Array {
  const text = new TextEncoder();
  const bytes = new Uint8Array(0x1000);
  const data = new DataView(bytes.buffer);
  const put64 = (at: number, value: number) =>
    data.setBigUint64(at, BigInt(value), true);
  const own = Deno.build.arch === "x86_64" ? 62 : 183;
  bytes.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  data.setUint16(16, 3, true);
  data.setUint16(18, parts.machine ?? own, true);
  put64(32, 64);
  data.setUint16(54, 56, true);
  data.setUint16(58, 64, true);
  const segments: [type: number, offset: number, size: number][] = [
    [1, 0, 0x1000],
    [2, 0x400, 48],
  ];
  if (parts.interpreted) segments.push([3, 0x200, 16]);
  data.setUint16(56, segments.length, true);
  segments.forEach(([type, offset, size], i) => {
    const at = 64 + 56 * i;
    data.setUint32(at, type, true);
    put64(at + 8, offset);
    put64(at + 16, 0x10000 + offset); // not where it lies in the file
    put64(at + 32, size);
  });
  if (parts.soname !== undefined) {
    put64(0x400, 5); // DT_STRTAB
    put64(0x408, 0x10000 + 0x500);
    put64(0x410, 14); // DT_SONAME
    put64(0x418, 1);
    bytes.set(text.encode(`\0${parts.soname}\0`), 0x500);
  }
  if (parts.section !== undefined) {
    const { name, bytes: content } = parts.section;
    const names = text.encode(`\0.shstrtab\0${name}\0`);
    bytes.set(names, 0x700);
    bytes.set(content, 0x800);
    put64(40, 0x600);
    data.setUint16(60, 3, true);
    data.setUint16(62, 1, true);
    const header = (i: number, name: number, at: number, size: number) => {
      data.setUint32(0x600 + 64 * i, name, true);
      put64(0x600 + 64 * i + 24, at);
      put64(0x600 + 64 * i + 32, size);
    };
    header(1, 1, 0x700, names.length);
    header(2, 11, 0x800, content.length);
  }
  return bytes;
}

/** The bytes as a file that is read in pieces. */
export function pieces(bytes: Uint8Array) {
  return {
    read: (offset: number, length: number) =>
      bytes.subarray(offset, offset + length),
  };
}

/** A note as the compatibility libraries of CUDA have it. */
export function compatNote(document: string): Uint8Array {
  const text = new TextEncoder();
  const name = text.encode("NVIDIA Corporation\0\0");
  const content = text.encode(document);
  const note = new Uint8Array(12 + name.length + content.length);
  const data = new DataView(note.buffer);
  data.setUint32(0, 19, true);
  data.setUint32(4, content.length, true);
  note.set(name, 12);
  note.set(content, 12 + name.length);
  return note;
}
