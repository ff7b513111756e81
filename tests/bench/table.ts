/**
 * Numbers as tables in Markdown.
 *
 * @module
 */

/** The middle value; undefined of none. */
export function median(values: readonly number[]): number | undefined {
  return values.toSorted((a, b) => a - b)[values.length >> 1];
}

/** Measurements of one kind, or why there are none. */
export type Series = readonly number[] | string;

/** The median with the least value behind it, or why there is none. */
export function cell(series: Series | undefined, perUnit: number): string {
  if (series === undefined) return "";
  if (typeof series === "string") return series;
  const middle = median(series);
  if (middle === undefined) return "";
  const least = Math.min(...series);
  return [middle, least].map((value) => (value / perUnit).toFixed(1))
    .join(" (") + ")";
}

/** How many times the second median the first one is. */
export function ratio(a: Series | undefined, b: Series | undefined): string {
  if (typeof a !== "object" || typeof b !== "object") return "";
  const [x, y] = [median(a), median(b)];
  return x === undefined || y === undefined ? "" : (x / y).toFixed(2);
}

/** Lays out a table. */
export function table(
  head: readonly string[],
  rows: readonly (readonly string[])[],
): string {
  const all = [head, ...rows];
  const widths = head.map((_, column) =>
    Math.max(3, ...all.map((row) => row[column]?.length ?? 0))
  );
  const line = (row: readonly string[]) =>
    `| ${widths.map((w, i) => (row[i] ?? "").padEnd(w)).join(" | ")} |`;
  const rule = line(widths.map((width) => "-".repeat(width)));
  return [line(head), rule, ...rows.map(line)].join("\n") + "\n";
}
