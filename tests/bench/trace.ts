/**
 * Where the launcher's time goes, as its own trace says.
 *
 * @module
 */

import { type Lap, type Subject, time } from "./subject.ts";
import { median, table } from "./table.ts";

/** One line of a trace, as far as we look. */
interface Step {
  readonly name: string;
  readonly process: string;
  readonly us: number;
}

/** Reads a line of a trace. */
function parseStep(line: string): Step | undefined {
  const value: unknown = JSON.parse(line);
  if (typeof value !== "object" || value === null) return undefined;
  const { name, process, us } = { name: "", process: "", us: 0, ...value };
  return { name: String(name), process: String(process), us: Number(us) };
}

/** Steps of one name, summed over one run. */
function sumByName(steps: readonly Step[]): Map<string, number> {
  const sums = new Map<string, number>();
  for (const { name, process, us } of steps) {
    const key = `${process}: ${name}`;
    sums.set(key, (sums.get(key) ?? 0) + us);
  }
  return sums;
}

/**
 * Runs a container with `--trace` some times, and returns a table of the steps
 * by the time that they took, or why there is none.
 */
export function traceTable(
  subject: Subject,
  root: string,
  bundle: string,
  rounds: number,
): string {
  const runs: Map<string, number>[] = [];
  const wholes: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const file = Deno.makeTempFileSync();
    const lap: Lap = time(subject, [
      ...["--root", root, "--trace", file, "run", "--bundle", bundle],
      `trace-${crypto.randomUUID().slice(0, 8)}`,
    ]);
    const lines = Deno.readTextFileSync(file).split("\n").filter(Boolean);
    Deno.removeSync(file);
    if (lap.code !== 0) return `no trace: exit ${lap.code}: ${lap.error}\n`;
    if (lines.length === 0) return "no trace was written\n";
    runs.push(sumByName(lines.flatMap((line) => parseStep(line) ?? [])));
    wholes.push(lap.us);
  }

  const names = [...new Set(runs.flatMap((run) => [...run.keys()]))];
  const medians = names.map((name) => {
    const us = median(runs.map((run) => run.get(name) ?? 0)) ?? 0;
    return { name, us };
  }).toSorted((a, b) => b.us - a.us);
  const traced = medians.reduce((sum, { us }) => sum + us, 0);
  const whole = median(wholes) ?? 0;
  const rows = [
    { name: "boot, and what is between the steps", us: whole - traced },
    ...medians,
    { name: "in all", us: whole },
  ];
  return table(
    ["step", "ms"],
    rows.map(({ name, us }) => [name, (us / 1000).toFixed(2)]),
  );
}
