/** How to read YAML. */
export interface ParseOptions {
  /**
   * Which scalars are more than text: `core` knows null, truth values and
   * numbers, `default` times and merge keys (`<<`) too.
   */
  readonly schema?: "core" | "default";
}

/**
 * Parses a YAML document, of which JSON is a kind. A key that is given twice is
 * refused; an alias gives the same object again.
 *
 * @throws {SyntaxError} where the text is not one YAML document
 */
export function parse(content: string, options?: ParseOptions): unknown;
