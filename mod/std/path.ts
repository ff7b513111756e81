/**
 * `@std/path`, as the import map of deno.json names it: its POSIX half, which
 * is all that Linux needs. The code comes from the npm package `deno-std`.
 *
 * @module
 */

// @ts-types="./path.d.ts"
export * from "deno-std/path/posix/mod.js";
