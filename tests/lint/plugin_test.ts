import plugin, { MAX_LINES } from "./plugin.ts";

/** What the plugin says of a text, as `rule: message`. */
function lint(path: string, text: string): string[] {
  return Deno.lint.runPlugin(plugin, path, text).map(({ id, message }) =>
    `${id}: ${message}`
  );
}

/** Fails unless the plugin says one thing of a text, with these words. */
function assertRefused(path: string, text: string, words: string): void {
  const said = lint(path, text);
  if (said.length !== 1 || !said[0]?.includes(words)) {
    throw new Error(`${path}: ${text}: got ${JSON.stringify(said)}`);
  }
}

/** Fails unless the plugin is content with a text. */
function assertAllowed(path: string, text: string): void {
  const said = lint(path, text);
  if (said.length > 0) throw new Error(`${path}: ${text}: ${said.join("; ")}`);
}

Deno.test("house/layers lets imports run downwards", () => {
  assertAllowed("main.ts", 'import { a } from "./mod/cli/run.ts";');
  assertAllowed("mod/cli/run.ts", 'import { a } from "../container/run.ts";');
  assertAllowed("mod/cli/run.ts", 'import { a } from "../gofer/plan.ts";');
  assertAllowed("mod/gofer/a.ts", 'import { a } from "../spec/mount.ts";');
  assertAllowed("mod/gofer/a.ts", 'import { a } from "../../ffi/mount.ts";');
  assertAllowed("mod/spec/a.ts", 'import { a } from "../errors.ts";');
  assertAllowed("mod/log.ts", 'import { a } from "./errors.ts";');
  assertAllowed("ffi/mount.ts", 'import { a } from "./abi/mount.ts";');
});

Deno.test("house/layers refuses imports that run upwards", () => {
  const below = "is below";
  assertRefused("ffi/a.ts", 'import { a } from "../mod/errors.ts";', below);
  assertRefused("ffi/a.ts", 'import type { a } from "../mod/log.ts";', below);
  assertRefused("mod/errors.ts", 'import { a } from "./spec/a.ts";', below);
  assertRefused("mod/spec/a.ts", 'import { a } from "../gofer/a.ts";', below);
  assertRefused(
    "mod/rootfs/a.ts",
    'import type { a } from "../container/create.ts";',
    below,
  );
  assertRefused("mod/container/a.ts", 'export * from "../cli/a.ts";', below);
  assertRefused("mod/cli/a.ts", 'import { a } from "../../main.ts";', below);
});

Deno.test("house/layers lets one domain have only another's types", () => {
  const from = "mod/rootfs/a.ts";
  assertAllowed(from, 'import { a } from "./b.ts";');
  assertAllowed(from, 'import type { a } from "../gofer/a.ts";');
  assertRefused(from, 'import { a } from "../gofer/a.ts";', "types only");
  assertRefused(from, 'import { type A } from "../gofer/a.ts";', "types only");
  assertRefused(from, 'export { a } from "../gofer/a.ts";', "types only");
});

Deno.test("house/layers puts a file that has a cell before its folder", () => {
  const context = 'import { a } from "../gofer/context.ts";';
  assertAllowed("mod/rootfs/a.ts", context);
  assertRefused("mod/spec/a.ts", context, "is below");
  assertRefused("mod/gofer/context.ts", 'import "./run.ts";', "is below");
});

Deno.test("house/layers sees dynamic imports", () => {
  const text = 'export_(await import("../cli/a.ts"));';
  assertRefused("mod/gofer/a.ts", text, "is below");
});

Deno.test("house/layers refuses what is in no layer", () => {
  assertRefused("mod/extra/a.ts", 'import { a } from "../log.ts";', "no layer");
  assertRefused("mod/cli/a.ts", 'import { a } from "../extra/a.ts";', "no lay");
  assertRefused("mod/cli/a.ts", 'import a from "left-pad";', "no layer");
  assertRefused("mod/cli/a.ts", 'import a from "node:fs";', "no layer");
});

Deno.test("house/layers keeps packages out of ffi", () => {
  assertAllowed("mod/spec/a.ts", 'import * as z from "zod/mini";');
  assertAllowed("main.ts", 'import { join } from "@std/path";');
  assertRefused("ffi/a.ts", 'import { join } from "@std/path";', "only");
  assertRefused("ffi/a.ts", 'import * as z from "zod/mini";', '"mod/" only');
  assertRefused("mod/spec/a.ts", 'import * as z from "zod";', "no layer");
  assertRefused(
    "mod/cli/a.ts",
    'import { a } from "deno-std/cli/parse_args.js";',
    '"mod/std/" only',
  );
});

Deno.test("house/layers leaves tests alone", () => {
  assertAllowed("tests/ffi/a_test.ts", 'import { a } from "../../main.ts";');
});

Deno.test("house/no-default-export refuses both spellings", () => {
  const words = "export it by name";
  assertRefused("tests/a.ts", "export default function a() {}", words);
  assertRefused("tests/a.ts", "const a = 1; export { a as default };", words);
  assertAllowed("tests/a.ts", "export function a() {}");
});

Deno.test("house/jsdoc wants a comment on every export of mod and ffi", () => {
  const words = '"a" has no JSDoc comment';
  assertRefused("mod/log.ts", "export function a() {}", words);
  assertRefused("mod/log.ts", "// About a.\nexport const a = 1;", words);
  assertRefused("mod/log.ts", "/* About a. */\nexport type a = 1;", words);
  assertRefused("ffi/a.ts", "/** Not a. */\nf();\nexport const a = 1;", words);
  assertRefused("mod/log.ts", "const a = 1; export { a };", "where it is");
  assertAllowed("mod/log.ts", "/** It is a. */\nexport interface a {}");
  assertAllowed("ffi/a.ts", "/**\n * It is a.\n */\nexport class a {}");
  assertAllowed("tests/a.ts", "export function a() {}");
});

Deno.test("house/jsdoc lets the first of overloads speak for all", () => {
  const overload = "/** It is a. */\nexport function a(x: string): string;\n";
  const body = "export function a(x: string): string { return x; }";
  assertAllowed("mod/log.ts", overload + body);
});

Deno.test("house/max-lines counts lines, not the last newline", () => {
  assertAllowed("mod/log.ts", "f();\n".repeat(MAX_LINES));
  assertRefused("mod/log.ts", "f();\n".repeat(MAX_LINES + 1), "401 lines");
  assertAllowed("tests/a.ts", "f();\n".repeat(MAX_LINES + 1));
});
