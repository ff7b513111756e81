import { defaultSpec } from "../../../mod/spec/default.ts";
import { parseSpec } from "../../../mod/spec/load.ts";
import { resolveSpec } from "../../../mod/spec/resolve.ts";
import { checkSpec } from "../../../mod/spec/validate.ts";
import { assert, fail } from "../../support/assert.ts";
import { refusalOf } from "./refusal.ts";

/** Numbers from 0 to below 1, the same for the same seed (mulberry32). */
function generator(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Values that somebody has once put where they do not belong. */
const ODD: readonly unknown[] = [
  null,
  true,
  0,
  -1,
  1.5,
  2 ** 32,
  2 ** 63,
  1e308,
  "",
  "/",
  "../..",
  "a\0b",
  "a\nb",
  "\ud800",
  "x".repeat(5000),
  [],
  [[]],
  [null],
  {},
  { __proto__: null },
  { "": "" },
  { type: "pid" },
];

type Holder = Record<string | number, unknown>;

/** Every object and list of a document. */
function holders(value: unknown): Holder[] {
  if (typeof value !== "object" || value === null) return [];
  return [value as Holder, ...Object.values(value).flatMap(holders)];
}

/** Changes one place of a document: another value, none, or twice. */
function mutate(document: unknown, random: () => number): void {
  const pick = <T>(list: readonly T[]) =>
    list[Math.floor(random() * list.length)];
  const holder = pick(holders(document));
  if (holder === undefined) return;
  const key = pick(Object.keys(holder));
  const odd = structuredClone(pick(ODD));
  switch (Math.floor(random() * 4)) {
    case 0:
      if (key !== undefined) delete holder[key];
      break;
    case 1:
      if (Array.isArray(holder)) holder.push(structuredClone(holder[0]));
      else {holder[pick(["path", "type", "x", "__proto__", "linux"]) ?? ""] =
          odd;}
      break;
    default:
      if (key !== undefined) holder[key] = odd;
  }
}

Deno.test("no mutation of a spec does more than be refused, with file and path", () => {
  const seed = Number(Deno.env.get("SEED") ?? Date.now() % 2 ** 32);
  const random = generator(seed);
  const maximal: unknown = JSON.parse(Deno.readTextFileSync(
    new URL("../../testdata/spec/maximal.json", import.meta.url),
  ));
  let refused = 0;
  for (let round = 0; round < 2000; round++) {
    const base = round % 2 === 0 ? defaultSpec() : maximal;
    const document: unknown = JSON.parse(JSON.stringify(base));
    const changes = 1 + Math.floor(random() * 3);
    for (let i = 0; i < changes; i++) mutate(document, random);
    const text = JSON.stringify(document);
    const about = `SEED=${seed}, round ${round}: ${text.slice(0, 2000)}`;
    let line: string | undefined;
    try {
      line = refusalOf(() => {
        const spec = parseSpec(text, "f");
        checkSpec(spec, "f");
        JSON.stringify(resolveSpec(spec, "/bundle"));
      });
    } catch (error) {
      fail(`${about}: ${error instanceof Error ? error.stack : error}`);
    }
    if (line === undefined) continue;
    refused++;
    assert(
      /^f: [A-Za-z]+[^ ]*: (is missing|got .*), expected .+$/s.test(line) &&
        !line.includes("\n") && line.length < 1000,
      `${about}: ${line}`,
    );
  }
  assert(refused > 500 && refused < 1990, `SEED=${seed}: ${refused} refused`);
});

Deno.test("no cut of the text of a spec does more than be refused", () => {
  const text = JSON.stringify(defaultSpec(), null, 1);
  for (let end = 0; end < text.length; end += 7) {
    const line = refusalOf(() => parseSpec(text.slice(0, end), "f"));
    assert(line?.startsWith("f: not JSON: ") === true, `${end}: ${line}`);
  }
});
