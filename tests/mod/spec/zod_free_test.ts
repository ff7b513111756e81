import { assertEquals } from "../../support/assert.ts";

/** What a file loads when it runs: its imports but those of types alone. */
function* loads(file: URL): Iterable<string> {
  const text = Deno.readTextFileSync(file);
  const imports = /^(?:import|export) (?!type )(?:[^;]*?from )?"([^"]+)";$/gm;
  for (const [, specifier = ""] of text.matchAll(imports)) yield specifier;
}

/** All that a file loads, by way of others too. */
function closure(file: URL, seen = new Set<string>()): Set<string> {
  for (const specifier of loads(file)) {
    const isFile = specifier.startsWith(".");
    const name = isFile ? new URL(specifier, file).href : specifier;
    if (seen.has(name)) continue;
    seen.add(name);
    if (isFile) closure(new URL(name), seen);
  }
  return seen;
}

const SPEC = new URL("../../../mod/spec/", import.meta.url);

Deno.test("only load.ts and the schemas load zod", () => {
  const loading = [...Deno.readDirSync(SPEC)].map(({ name }) => name)
    .filter((name) => closure(new URL(name, SPEC)).has("zod/mini"));
  assertEquals(loading.sort(), [
    "config.ts",
    "hook.ts",
    "linux.ts",
    "load.ts",
    "mount.ts",
    "process.ts",
    "resources.ts",
    "schema.ts",
    "seccomp.ts",
  ]);
});
