/**
 * `@std/cli/parse-args`, as the import map of deno.json names it. The code
 * comes from the npm package `deno-std`, which has no types: ours are beside.
 *
 * @module
 */

// @ts-types="./parse_args.d.ts"
export * from "deno-std/cli/parse_args.js";
