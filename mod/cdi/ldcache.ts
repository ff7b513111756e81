/**
 * Reads the loader's cache, /etc/ld.so.cache, as glibc writes it since 2.2: the
 * header `glibc-ld.so.cache1.1`, which may lie behind one of the older format.
 *
 * @see https://man7.org/linux/man-pages/man8/ldconfig.8.html
 * @module
 */

const OLD_MAGIC = "ld.so-1.7.0";
const MAGIC = "glibc-ld.so.cache1.1";
const HEADER_SIZE = 48;
const ENTRY_SIZE = 24;
const OLD_HEADER_SIZE = 16;
const OLD_ENTRY_SIZE = 12;
const MOST_ENTRIES = 100_000;

/** One library of the cache. */
export interface CachedLibrary {
  /** Its soname. */
  readonly name: string;
  /** Where it lies. */
  readonly path: string;
}

/** Reads ASCII at `at`. */
function ascii(bytes: Uint8Array, at: number, length: number): string {
  return String.fromCharCode(...bytes.subarray(at, at + length));
}

/** The libraries of a cache; of one that is broken, those before the break. */
export function parseLdCache(bytes: Uint8Array): CachedLibrary[] {
  const data = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let start = 0;
  if (
    bytes.length >= OLD_HEADER_SIZE &&
    ascii(bytes, 0, OLD_MAGIC.length) === OLD_MAGIC
  ) {
    const old = data.getUint32(12, true);
    start = (OLD_HEADER_SIZE + old * OLD_ENTRY_SIZE + 7) & ~7;
  }
  if (bytes.length < start + HEADER_SIZE) return [];
  if (ascii(bytes, start, MAGIC.length) !== MAGIC) return [];
  const count = Math.min(data.getUint32(start + 20, true), MOST_ENTRIES);
  const decoder = new TextDecoder();
  const text = (offset: number) => {
    const end = bytes.indexOf(0, start + offset);
    return end < 0 ? "" : decoder.decode(bytes.subarray(start + offset, end));
  };
  const found: CachedLibrary[] = [];
  for (let i = 0; i < count; i++) {
    const at = start + HEADER_SIZE + i * ENTRY_SIZE;
    if (at + ENTRY_SIZE > bytes.length) break;
    const name = text(data.getUint32(at + 4, true));
    const path = text(data.getUint32(at + 8, true));
    if (name !== "" && path.startsWith("/")) found.push({ name, path });
  }
  return found;
}
