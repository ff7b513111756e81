/**
 * C structs as tables: packed and unpacked by one pair of functions.
 * `tests/ffi/abi_test.ts` compares each table with `offsetof` and `sizeof`.
 *
 * @module
 */

/** One field: byte offset and kind. */
export type Field = readonly [
  offset: number,
  kind: "u8" | "u16" | "u32" | "i32" | "u64" | "i64",
];

/** A struct: its C name and header, its size in bytes, its fields. */
export interface Layout {
  /** As in C, such as `struct open_how`. */
  readonly c: string;
  /** Where C finds it, such as `linux/openat2.h`. */
  readonly header: string;
  /** Size in bytes. */
  readonly size: number;
  /** Fields by their C names. */
  readonly fields: Readonly<Record<string, Field>>;
}

/** Values of a struct's fields; missing ones are 0 when packed. */
export type Values<L extends Layout> = {
  readonly [K in keyof L["fields"]]?: number | bigint;
};

/** Packs a struct. */
export function pack<L extends Layout>(
  layout: L,
  values: Values<L>,
): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(layout.size);
  const view = new DataView(bytes.buffer);
  for (const [name, value] of Object.entries(values)) {
    const field = layout.fields[name];
    if (field === undefined || value === undefined) continue;
    const [offset, kind] = field;
    if (kind === "u8") view.setUint8(offset, Number(value));
    else if (kind === "u16") view.setUint16(offset, Number(value), true);
    else if (kind === "u32") view.setUint32(offset, Number(value), true);
    else if (kind === "i32") view.setInt32(offset, Number(value), true);
    else view.setBigUint64(offset, BigInt.asUintN(64, BigInt(value)), true);
  }
  return bytes;
}

/** Unpacks a struct; 64-bit fields lose precision above 2^53. */
export function unpack<L extends Layout>(
  layout: L,
  bytes: Uint8Array,
): { readonly [K in keyof L["fields"]]: number } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const values: Record<string, number> = {};
  for (const [name, [offset, kind]] of Object.entries(layout.fields)) {
    if (kind === "u8") values[name] = view.getUint8(offset);
    else if (kind === "u16") values[name] = view.getUint16(offset, true);
    else if (kind === "u32") values[name] = view.getUint32(offset, true);
    else if (kind === "i32") values[name] = view.getInt32(offset, true);
    else if (kind === "u64") {
      values[name] = Number(view.getBigUint64(offset, true));
    } else values[name] = Number(view.getBigInt64(offset, true));
  }
  return values as { readonly [K in keyof L["fields"]]: number };
}
