/**
 * What the rules of `validate.ts` share.
 *
 * @module
 */
import type { Spec } from "./config.ts";
import type { Fault } from "./fault.ts";
import type { Namespace, NamespaceType } from "./linux.ts";

/** A rule that a schema cannot say: yields what breaks it. */
export type Rule<T> = (part: T) => Iterable<Fault>;

/** Yields what is odd in a spec but no error, one line each. */
export type Warning = (spec: Spec) => Iterable<string>;

/** The namespace of a type, new or joined, if the spec has one. */
export function namespaceOf(
  spec: Spec,
  type: NamespaceType,
): Namespace | undefined {
  return spec.linux?.namespaces?.find((namespace) => namespace.type === type);
}

/** Is a namespace joined by path? An empty path means none. */
export function isJoined(namespace: Namespace | undefined): boolean {
  return namespace?.path !== undefined && namespace.path !== "";
}

/** Yields a fault for each item that equals one before it. */
export function* duplicates(
  path: (index: number) => string,
  items: readonly string[],
): Iterable<Fault> {
  for (const [index, got] of items.entries()) {
    const first = items.indexOf(got);
    if (first < index) {
      yield {
        path: path(index),
        got,
        expected: `it once (first at index ${first})`,
      };
    }
  }
}

/** Has a string a control character, other than those of `allowed`? */
export function hasControl(text: string, allowed = ""): boolean {
  return [...text].some((c) =>
    (c < " " || c === "\x7f") && !allowed.includes(c)
  );
}
