/**
 * Names of CDI devices: `vendor/class=name`. Pure.
 *
 * The grammar is the reference library's, which is wider than SPEC.md in that
 * a device name may hold a colon (MIG devices are called `0:1`), and vendors
 * need not be domain names.
 *
 * @see https://github.com/cncf-tags/container-device-interface/blob/v1.1.0/SPEC.md#kind
 * @module
 */

import { RuntimeError } from "../errors.ts";

/** A device's qualified name, in its parts. */
export interface QualifiedName {
  /** Who makes the devices: `nvidia.com`. */
  readonly vendor: string;
  /** What they are: `gpu`. */
  readonly class: string;
  /** Which one: `0`, a UUID, `all`. */
  readonly name: string;
}

/** What a name of each part looks like, to follow "expected". */
const FORM = "a letter, then letters, digits and _-., no _-. at the end";

/** Says what is wrong with a vendor or a class, or nothing. */
export function faultOfWord(word: string): string | undefined {
  return /^[A-Za-z]([A-Za-z0-9_.-]*[A-Za-z0-9])?$/.test(word)
    ? undefined
    : FORM;
}

/** Says what is wrong with a device's name, or nothing. */
export function faultOfDeviceName(name: string): string | undefined {
  return /^[A-Za-z0-9]([A-Za-z0-9_.:-]*[A-Za-z0-9])?$/.test(name)
    ? undefined
    : "a letter or digit, then letters, digits and _-.:, none of them at the end";
}

/** Cuts `vendor/class` at the first slash; undefined where there is none. */
export function splitKind(
  kind: string,
): { vendor: string; class: string } | undefined {
  const slash = kind.indexOf("/");
  if (slash < 0) return undefined;
  return { vendor: kind.slice(0, slash), class: kind.slice(slash + 1) };
}

/** Says what is wrong with a kind, or nothing. */
export function faultOfKind(kind: string): string | undefined {
  const parts = splitKind(kind);
  if (parts === undefined) return "vendor/class";
  const vendor = faultOfWord(parts.vendor);
  if (vendor !== undefined) return `vendor/class, the vendor ${vendor}`;
  const cls = faultOfWord(parts.class);
  return cls === undefined ? undefined : `vendor/class, the class ${cls}`;
}

/**
 * Takes a qualified name apart: at the first `=`, and at the first `/` before
 * it. What begins with a slash is a path, never a name.
 *
 * @throws {RuntimeError} where it is no qualified name
 */
export function parseQualifiedName(text: string): QualifiedName {
  const refuse = (what: string) =>
    new RuntimeError(
      `CDI device ${JSON.stringify(text)}: ${what}`,
    );
  const cut = text.indexOf("=");
  if (text.startsWith("/") || cut < 0) {
    throw refuse("expected vendor/class=name");
  }
  const kind = splitKind(text.slice(0, cut));
  if (kind === undefined) throw refuse("expected vendor/class=name");
  const name = text.slice(cut + 1);
  const vendor = faultOfWord(kind.vendor);
  if (vendor !== undefined) throw refuse(`vendor: expected ${vendor}`);
  const cls = faultOfWord(kind.class);
  if (cls !== undefined) throw refuse(`class: expected ${cls}`);
  const fault = faultOfDeviceName(name);
  if (fault !== undefined) throw refuse(`name: expected ${fault}`);
  return { ...kind, name };
}

/** Is this a qualified name? */
export function isQualifiedName(text: string): boolean {
  try {
    parseQualifiedName(text);
    return true;
  } catch {
    return false;
  }
}

/** Joins a qualified name. */
export function qualifiedName(kind: string, name: string): string {
  return `${kind}=${name}`;
}

/** How many letters are put in, taken out or changed from one text to another. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const change = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(
        Math.min(change, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1),
      );
    }
    row = next;
  }
  return row[b.length] ?? 0;
}

/**
 * The names that `wanted` may have meant, nearest first, three at most: of the
 * same kind whatever their name, of others where few letters differ.
 */
export function nearestNames(
  wanted: string,
  names: Iterable<string>,
): string[] {
  const word = wanted.slice(0, 128);
  const kind = word.slice(0, word.indexOf("=") + 1);
  const near = [...names].map((name) => {
    const letters = distance(word.toLowerCase(), name.toLowerCase());
    const sameKind = kind !== "" && name.startsWith(kind);
    const ends = name.endsWith(`=${word}`) || name.startsWith(`${word}=`);
    return { name, letters, close: sameKind || ends };
  }).filter(({ letters, close }) =>
    close || letters <= Math.max(2, Math.floor(word.length / 4))
  );
  near.sort((a, b) =>
    Number(b.close) - Number(a.close) || a.letters - b.letters ||
    (a.name < b.name ? -1 : 1)
  );
  return near.slice(0, 3).map(({ name }) => name);
}
