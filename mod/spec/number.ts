/**
 * 64 bit integers of config.json, which are doubles in JavaScript.
 *
 * Engines write "unlimited" as 2^63 - 1, 2^64 - 1 or cgroup v1's
 * 9223372036854771712. The last is exact in a double; the first two are taken
 * for their neighbour and brought back here. JavaScript writes a double with as
 * few digits as tell it apart (18446744073709552000 for 2^64), and reads the
 * same again. Any other integer that a double would change is refused, never
 * rounded.
 *
 * @module
 */

/** Could reading this JSON change an integer? Nearly never. */
export function hasLongIntegers(text: string): boolean {
  return /\d{16}/.test(text);
}

/** The integers of 16 digits and more in a text that a double changes. */
function changedIntegers(text: string): Map<number, bigint> {
  const changed = new Map<number, bigint>();
  for (const [digits] of text.matchAll(/-?\d{16,}/g)) {
    const written = BigInt(digits);
    if (written === 2n ** 63n - 1n || written === 2n ** 64n - 1n) continue;
    const read = Number(digits);
    // JavaScript's own spelling of a double, as our own writing has it.
    if (String(read) === digits) continue;
    // 2^64 itself is out of range, and must not pass for 2^64 - 1.
    if (
      !Number.isFinite(read) || BigInt(read) !== written ||
      written >= 2n ** 64n
    ) changed.set(read, written);
  }
  return changed;
}

/**
 * Puts, in a document read from `text`, a bigint in the place of each integer
 * that reading has changed, so that no schema takes it for a number.
 */
export function markChangedIntegers(document: unknown, text: string): unknown {
  const changed = changedIntegers(text);
  if (changed.size === 0) return document;
  return mapLeaves(
    document,
    (leaf) => typeof leaf === "number" ? changed.get(leaf) ?? leaf : leaf,
  );
}

/** Undoes {@link markChangedIntegers} where it met fields we do not know. */
export function unmarkIntegers<T>(document: T): T {
  return mapLeaves(
    document,
    (leaf) => typeof leaf === "bigint" ? Number(leaf) : leaf,
  ) as T;
}

/** Replaces the leaves of a JSON document, in place. */
function mapLeaves(value: unknown, change: (leaf: unknown) => unknown) {
  if (typeof value !== "object" || value === null) return change(value);
  const holder = value as Record<string, unknown>;
  for (const key of Object.keys(holder)) {
    const before = holder[key];
    const after = mapLeaves(before, change);
    if (after !== before) holder[key] = after;
  }
  return value;
}

/** A signed integer of the spec for the kernel; 2^63 means 2^63 - 1. */
export function toInt64(value: number): bigint {
  const most = 2n ** 63n - 1n;
  const exact = BigInt(value);
  return exact > most ? most : exact;
}

/** An unsigned integer of the spec for the kernel; 2^64 means 2^64 - 1. */
export function toUint64(value: number): bigint {
  const most = 2n ** 64n - 1n;
  const exact = BigInt(value);
  return exact > most ? most : exact;
}
