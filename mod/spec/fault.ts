/**
 * What is wrong in a document, told in one line: file, JSON path, the value,
 * and what was expected.
 *
 * @module
 */
import { RuntimeError } from "../errors.ts";

/** One thing that is wrong. */
export interface Fault {
  /** JSON path, such as `linux.namespaces[2].type`; empty for the whole. */
  readonly path: string;
  /** The value that is there; undefined where there is none. */
  readonly got: unknown;
  /** What should be there, to follow "expected". */
  readonly expected: string;
}

/** Values are told up to so many characters. */
const MOST_CHARACTERS = 80;

/** Renders a JSON path: `linux.sysctl["net.core.somaxconn"]`. */
export function jsonPath(keys: readonly PropertyKey[]): string {
  let path = "";
  for (const key of keys) {
    if (typeof key === "number") path += `[${key}]`;
    else if (/^[A-Za-z_][A-Za-z0-9_]*$/.test(String(key))) {
      path += path === "" ? String(key) : `.${String(key)}`;
    } else path += `[${valueText(String(key))}]`;
  }
  return path;
}

/** Renders a value of a document on one line, shortened. */
export function valueText(value: unknown): string {
  if (typeof value === "bigint") return String(value);
  const text = JSON.stringify(value) ?? String(value);
  if (text.length <= MOST_CHARACTERS) return text;
  if (typeof value === "string") {
    return `${JSON.stringify(value.slice(0, MOST_CHARACTERS))}…`;
  }
  return `${text.slice(0, MOST_CHARACTERS)}…`;
}

/** The error of a file with these faults: tells the first, counts the rest. */
export function faultError(
  file: string,
  faults: readonly [Fault, ...Fault[]],
): RuntimeError {
  const [{ path, got, expected }, ...rest] = faults;
  const where = path === "" ? file : `${file}: ${path}`;
  const what = got === undefined ? "is missing" : `got ${valueText(got)}`;
  const more = rest.length === 0
    ? ""
    : ` (and ${rest.length} more fault${rest.length === 1 ? "" : "s"})`;
  return new RuntimeError(`${where}: ${what}, expected ${expected}${more}`);
}
