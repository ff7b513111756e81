/**
 * What every schema of `mod/spec` is built from. Each piece carries the words
 * that finish "got X, expected …", and unknown fields are kept: the spec tells
 * a runtime to ignore what it does not know.
 *
 * Only the schemas import this file, and with it zod; who needs a type alone
 * imports it with `import type`.
 *
 * @module
 */
import * as z from "zod/mini";

/** A schema whose output is `T`. */
export type Schema<T> = z.ZodMiniType<T>;

/** Makes a function that builds its value on the first call and keeps it. */
export function once<T>(build: () => T): () => T {
  let built: { value: T } | undefined;
  return () => (built ??= { value: build() }).value;
}

/**
 * An object with these fields and any others, which are kept but not typed:
 * the type names the spec's fields alone, so that a misspelt one is an error.
 */
export function object<S extends z.core.$ZodShape>(
  shape: S,
): z.ZodMiniObject<S, z.core.$strip> {
  return z.looseObject(shape, "an object") as unknown as z.ZodMiniObject<
    S,
    z.core.$strip
  >;
}

/** The optional form of each schema: making one costs a cold start 30 µs. */
const optionals = once(() => new WeakMap<object, unknown>());

/** What may be missing; `null` counts as missing, as in Go (`load.ts`). */
export function optional<S extends z.core.SomeType>(
  schema: S,
): z.ZodMiniOptional<S> {
  const known = optionals().get(schema);
  if (known !== undefined) return known as z.ZodMiniOptional<S>;
  const made = z.optional(schema);
  optionals().set(schema, made);
  return made;
}

/**
 * A part that may be missing, and is built only when a document has it. zod
 * would build it to learn whether it stands for a missing value; it does not.
 */
export function part<S extends z.core.SomeType>(
  build: () => S,
): z.ZodMiniOptional<z.ZodMiniLazy<S>> {
  const lazy = z.lazy(build);
  Object.defineProperty(lazy._zod, "optin", { value: undefined });
  Object.defineProperty(lazy._zod, "optout", { value: undefined });
  return z.optional(lazy);
}

/** A list, and in it what `item` says. */
export function list<S extends z.core.SomeType>(item: S): z.ZodMiniArray<S> {
  return z.array(item, "a list");
}

/** An object used as a map from any name to what `value` says. */
export function map<S extends z.core.SomeType>(
  value: S,
): z.ZodMiniRecord<z.ZodMiniCustom<string>, S> {
  return z.record(anyName(), value, "an object");
}

const anyName = once(() => z.custom<string>());

/** One of these words, exactly. */
export function word<const T extends readonly string[]>(
  words: T,
): z.ZodMiniCustom<T[number]> {
  const told = words.filter((w) => w !== "").map((w) => `"${w}"`).join(", ");
  return z.custom<T[number]>(
    (v) => typeof v === "string" && words.includes(v),
    `one of ${told}`,
  );
}

const NO_NUL = "a string without NUL";

/** A string that a C library can take: one without NUL. */
export const text: () => z.ZodMiniCustom<string> = once(() =>
  z.custom<string>(isText, NO_NUL)
);

/** Is a value a string that a C library can take? */
function isText(value: unknown): value is string {
  return typeof value === "string" && !value.includes("\0");
}

/** A string without NUL of a certain form. */
export function textLike(
  form: RegExp,
  expected: string,
): z.ZodMiniCustom<string> {
  return z.custom<string>(
    (v) => isText(v) && form.test(v),
    expected,
  );
}

/** Tells that what is at `key` is not as expected. */
type Tell = (key: PropertyKey | undefined, expected: string) => void;

/** A value that one function checks, items and all: lists can be long. */
function whole<T>(
  check: (value: unknown, tell: Tell) => void,
): z.ZodMiniCustom<T> {
  const schema = z.unknown().check(({ value, issues }) =>
    check(value, (key, message) => {
      const path = key === undefined ? [] : [key];
      issues.push({ code: "custom", input: value, path, message });
    })
  );
  return schema as unknown as z.ZodMiniCustom<T>;
}

/** A list of strings without NUL. */
export const texts: () => z.ZodMiniCustom<string[]> = once(() =>
  whole<string[]>((value, tell) => {
    if (!Array.isArray(value)) return tell(undefined, "a list");
    for (const [i, v] of value.entries()) if (!isText(v)) tell(i, NO_NUL);
  })
);

/** A map from name to string. */
export const textMap: () => z.ZodMiniCustom<Record<string, string>> = once(
  () =>
    whole<Record<string, string>>((value, tell) => {
      if (
        typeof value !== "object" || value === null || Array.isArray(value)
      ) return tell(undefined, "an object");
      for (const [key, v] of Object.entries(value)) {
        if (!isText(v)) tell(key, NO_NUL);
      }
    }),
);

/** True or false, and nothing that looks like it. */
export const flag: () => z.ZodMiniCustom<boolean> = once(() =>
  z.custom<boolean>((v) => typeof v === "boolean", "true or false")
);

/** An integer between two bounds, both included. */
export function integer(
  least: number,
  most: number,
  expected = `an integer from ${least} to ${most}`,
): z.ZodMiniCustom<number> {
  return z.custom<number>(
    (v) =>
      typeof v === "number" && Number.isInteger(v) && v >= least && v <= most,
    expected,
  );
}

/** An unsigned 32 bit integer; ids are these strictly (CVE-2024-40635). */
export const uint32: () => z.ZodMiniCustom<number> = once(() =>
  integer(0, 2 ** 32 - 1)
);

/** A signed 32 bit integer. */
export const int32: () => z.ZodMiniCustom<number> = once(() =>
  integer(-(2 ** 31), 2 ** 31 - 1)
);

/**
 * A signed 64 bit integer. Beyond 2^53 only what a double holds exactly comes
 * this far (`load.ts` sees to it), and 2^63 - 1, which becomes 2^63: give
 * it to the kernel through `toInt64()` of `number.ts`.
 */
export const int64: () => z.ZodMiniCustom<number> = once(() =>
  integer(-(2 ** 63), 2 ** 63, "an integer of 64 bits")
);

/**
 * An unsigned 64 bit integer, as {@link int64}; 2^64 - 1, "unlimited", becomes
 * 2^64: give it to the kernel through `toUint64()` of `number.ts`.
 */
export const uint64: () => z.ZodMiniCustom<number> = once(() =>
  integer(0, 2 ** 64, "an unsigned integer of 64 bits")
);
