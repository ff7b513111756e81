/**
 * The few assertions that the tests need: actual first, wanted second, and what
 * was looked at in the message.
 *
 * @module
 */

let failure: string | undefined;

/** Fails the test with `message`. */
export function fail(message: string): never {
  failure = message;
  throw new Error(message);
}

/**
 * The last failure, once: the test runner shows nothing of an error that a
 * failing disposal suppresses, so a disposal says it too.
 */
export function takeFailure(): string | undefined {
  const taken = failure;
  failure = undefined;
  return taken;
}

/** Fails unless `condition` holds. */
export function assert(
  condition: unknown,
  message = "the condition does not hold",
): asserts condition {
  if (!condition) fail(message);
}

/** Renders a value so that two different values look different. */
function show(value: unknown): string {
  return typeof value === "string"
    ? JSON.stringify(value)
    : JSON.stringify(value, null, 1) ?? String(value);
}

/** Fails unless both are the same when written as JSON. */
export function assertEquals<T>(actual: T, wanted: T, about = ""): void {
  if (show(actual) === show(wanted)) return;
  fail(`${about} is ${show(actual)}, wanted ${show(wanted)}`.trim());
}

/** Fails unless `text` matches `pattern`. */
export function assertMatch(text: string, pattern: RegExp, about = ""): void {
  if (!pattern.test(text)) {
    fail(`${about} ${show(text)} does not match ${pattern}`.trim());
  }
}

/** Fails unless `part` occurs in `whole`. */
export function assertIncludes<T>(
  whole: string | readonly T[],
  part: T,
  about = "",
): void {
  const found = typeof whole === "string"
    ? whole.includes(String(part))
    : whole.includes(part);
  if (!found) fail(`${about} ${show(whole)} lacks ${show(part)}`.trim());
}

/** Fails if `part` occurs in `whole`. */
export function assertExcludes<T>(
  whole: string | readonly T[],
  part: T,
  about = "",
): void {
  const found = typeof whole === "string"
    ? whole.includes(String(part))
    : whole.includes(part);
  if (found) fail(`${about} ${show(whole)} has ${show(part)}`.trim());
}

/** Fails unless the path exists (a dangling link exists too). */
export function assertExists(path: string): void {
  if (!exists(path)) fail(`"${path}" does not exist`);
}

/** Fails if the path exists. */
export function assertGone(path: string): void {
  if (exists(path)) fail(`"${path}" exists`);
}

/** Whether the path exists, without following a link at its end. */
export function exists(path: string): boolean {
  try {
    Deno.lstatSync(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/**
 * Looks again every 10 ms until `look` returns something other than undefined
 * or false, and returns that; fails after `withinMs`.
 */
export async function eventually<T>(
  what: string,
  look: () => T | undefined | false,
  withinMs = 10_000,
): Promise<T> {
  const deadline = Date.now() + withinMs;
  for (;;) {
    const seen = look();
    if (seen !== undefined && seen !== false) return seen;
    if (Date.now() > deadline) {
      throw new Error(`${what}: not within ${withinMs} ms`);
    }
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
