/** A value that JSON can hold. */
export type JsonValue =
  | { [key: string]: JsonValue | undefined }
  | JsonValue[]
  | string
  | number
  | boolean
  | null;

/**
 * Parses JSON that may have comments and trailing commas.
 *
 * @throws {SyntaxError} where the text is not that
 */
export function parse(text: string): JsonValue;
