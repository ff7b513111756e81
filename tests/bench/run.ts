/**
 * The benchmark, as root: `deno task bench [ROUNDS]`. Burrow beside runc and
 * crun, in turns within each round, so that what else the machine does falls on
 * all of them; medians of 30 rounds, after one that does not count.
 *
 * @module
 */

import { checkout, fixtures } from "../support/fixture.ts";
import { becomeSubreaper } from "../support/process.ts";
import { makeFixtures } from "../setup/fixtures.ts";
import { newestDeno } from "../setup/newest_deno.ts";
import { installPackages, perform } from "../setup/packages.ts";
import { live, makePlace, type Measure, MEASURES } from "./lifecycle.ts";
import type { Place } from "./lifecycle.ts";
import { findSubject, type Subject, time } from "./subject.ts";
import { cell, median, ratio, type Series, table } from "./table.ts";
import { traceTable } from "./trace.ts";

/** Prints a line. */
function say(line: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`));
}

/** Compiles the smallest program, as compile.sh compiles Burrow. */
function compileHello(): Subject {
  const path = `${fixtures()}/bin/hello`;
  perform(`${checkout()}/compile.sh`, [
    ...["--entry", `${checkout()}/tests/bench/hello.ts`, "--output", path],
  ]);
  return { name: "hello", argv: [path], wrap: [] };
}

/** The runtimes that are here; the first one is Burrow, if there is one. */
async function findSubjects(): Promise<Subject[]> {
  const newest = await newestDeno();
  const main = `${checkout()}/main.ts`;
  const burrow = findSubject("burrow", `${checkout()}/dist/burrow`);
  const sources = burrow === undefined ? undefined : {
    name: "burrow, deno run (newest)",
    argv: [newest, "run", "-A", "--no-check", "--cached-only", main],
    wrap: [],
  };
  return [
    burrow,
    sources,
    findSubject("runc", "runc"),
    findSubject("crun", "crun"),
  ].filter((subject) => subject !== undefined);
}

/** What was measured of each subject, or why it could not be. */
type Results = Map<string, Record<Measure, number[]> | string>;

/** Takes each subject through a container's life, in turns. */
async function measure(
  subjects: readonly Subject[],
  hello: Subject,
  place: Place,
  rounds: number,
): Promise<{ readonly results: Results; readonly floor: number[] }> {
  const results: Results = new Map();
  const floor: number[] = [];
  for (let round = -1; round < rounds; round++) {
    const lap = time(hello, []);
    if (round >= 0) floor.push(lap.us);
    for (const subject of subjects) {
      const soFar = results.get(subject.name);
      if (typeof soFar === "string") continue;
      try {
        const measured = await live(subject, place);
        const series = soFar ?? newSeries();
        if (round >= 0) {
          for (const name of MEASURES) series[name].push(measured[name]);
        }
        results.set(subject.name, series);
      } catch (error) {
        results.set(subject.name, String(error));
      }
    }
  }
  return { results, floor };
}

/** An empty list for each measure. */
function newSeries(): Record<Measure, number[]> {
  return {
    ...{ run: [], create: [], resident: [], start: [] },
    ...{ state: [], kill: [], delete: [] },
  };
}

/** Lays out what was measured: a row for each measure. */
function resultTable(
  subjects: readonly Subject[],
  results: Results,
  floor: Series,
): string {
  const series = (name: string, measure: Measure): Series | undefined => {
    const result = results.get(name);
    return typeof result === "object" ? result[measure] : undefined;
  };
  const [first] = subjects;
  const others = subjects.slice(1);
  const head = [
    "median (least), ms",
    ...subjects.map(({ name }) => name),
    ...others.map(({ name }) => `${first?.name} / ${name}`),
    `${first?.name} / hello`,
  ];
  const rows = MEASURES.map((measure) => {
    const kept = measure === "resident";
    const own = series(first?.name ?? "", measure);
    return [
      kept ? "resident, kB" : measure,
      ...subjects.map(({ name }) =>
        cell(series(name, measure), kept ? 1 : 1000)
      ),
      ...others.map(({ name }) => ratio(own, series(name, measure))),
      kept ? "" : ratio(own, floor),
    ];
  });
  return table(head, rows);
}

/** Measures and prints. */
async function main(): Promise<void> {
  if (Deno.uid() !== 0) throw new Error("only root can make containers");
  const rounds = Number(Deno.args[0] ?? 30);
  installPackages(say);
  makeFixtures(say);
  becomeSubreaper();
  const hello = compileHello();
  const subjects = await findSubjects();
  const folder = Deno.makeTempDirSync({ prefix: "burrow-bench-" });
  try {
    const place = makePlace(folder);
    const { results, floor } = await measure(subjects, hello, place, rounds);
    say(`\n## ${rounds} rounds, ${navigator.hardwareConcurrency} processors\n`);
    say(resultTable(subjects, results, floor));
    say(`hello, compiled: ${cell(floor, 1000)} ms`);
    for (const [name, result] of results) {
      if (typeof result === "string") say(`${name}: ${result}`);
    }
    const [first] = subjects;
    if (first?.name === "burrow") {
      say(`\n## Where the time of burrow run goes, by --trace\n`);
      say(traceTable(first, `${place.root}-trace`, place.quick, rounds));
      say(
        `of this, to boot (hello): ${
          ((median(floor) ?? 0) / 1000).toFixed(2)
        } ms`,
      );
    }
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

if (import.meta.main) await main();
