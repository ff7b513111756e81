import { assert, assertEquals } from "../../support/assert.ts";

/** All that a file loads when it runs, by way of others too. */
function closure(file: URL, seen = new Set<string>()): Set<string> {
  const text = Deno.readTextFileSync(file);
  const imports = /^(?:import|export) (?!type )(?:[^;]*?from )?"([^"]+)";$/gm;
  for (const [, specifier = ""] of text.matchAll(imports)) {
    const isFile = specifier.startsWith(".");
    const name = isFile ? new URL(specifier, file).href : specifier;
    if (seen.has(name)) continue;
    seen.add(name);
    if (isFile) closure(new URL(name), seen);
  }
  return seen;
}

const TOP = new URL("../../../", import.meta.url);

/** What of CDI's injection and YAML a file loads. */
function loaded(path: string): string[] {
  const heavy = /\/mod\/cdi\/(parse|schema|registry|read|inject|edit)\.ts$/;
  return [...closure(new URL(path, TOP))].filter((name) =>
    heavy.test(name) || name === "@std/yaml"
  );
}

Deno.test("create, run and do load nothing of CDI before a device is asked for", () => {
  for (const command of ["create", "run", "do"]) {
    assertEquals(loaded(`mod/cli/command/${command}.ts`), [], command);
  }
  assertEquals(loaded("main.ts"), []);
  assert(loaded("mod/cli/command/cdi_launch.ts").includes("@std/yaml"));
});
