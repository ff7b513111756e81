/**
 * The one error of the runtime, and its rendering as one line.
 *
 * Every layer adds what it was doing, and to what, and keeps what it caught as
 * the cause; only `main.ts` prints. Messages are lower case fragments without a
 * full stop, because they join: `cannot start container "a": write fifo: …`.
 * Where a caller matches text (containerd, podman, docker, CRI-O), the text is
 * runc's.
 *
 * @module
 */

/** A failure told to the user in one line. */
export class RuntimeError extends Error {
  /** What to do about it, where we know. */
  readonly hint: string | undefined;
  /** Exit status of the process, 1 unless said. */
  readonly exitCode: number;

  /** Makes the error; `message` says what was being done, and to what. */
  constructor(
    message: string,
    options: { cause?: unknown; hint?: string; exitCode?: number } = {},
  ) {
    super(message, "cause" in options ? { cause: options.cause } : undefined);
    this.name = "RuntimeError";
    this.hint = options.hint;
    this.exitCode = options.exitCode ?? 1;
  }
}

/** The chain from an error to its first cause, outermost first. */
function chain(error: unknown): unknown[] {
  const errors: unknown[] = [];
  for (let at = error; at !== undefined && errors.length < 16;) {
    // Of a failure and a failed clean-up, the failure leads.
    while (at instanceof SuppressedError) at = at.suppressed;
    errors.push(at);
    at = at instanceof Error ? at.cause : undefined;
  }
  return errors;
}

/** Renders an error and its causes as one line; hints follow in brackets. */
export function renderError(error: unknown): string {
  const errors = chain(error);
  const parts = errors.map((e) => e instanceof Error ? e.message : String(e));
  const hints = errors.flatMap((e) =>
    e instanceof RuntimeError && e.hint !== undefined ? [e.hint] : []
  );
  const line = parts.filter((part) => part !== "").join(": ") +
    hints.map((h) => ` (${h})`).join("");
  return line.replace(/\s*\n\s*/g, " ");
}

/** The exit status that an error asks for: of the first that names one. */
export function exitCodeOf(error: unknown): number {
  for (const e of chain(error)) {
    if (e instanceof RuntimeError) return e.exitCode;
  }
  return 1;
}
