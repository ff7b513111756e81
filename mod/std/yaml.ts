/**
 * `@std/yaml`, as the import map of deno.json names it. The code comes from
 * the npm package `deno-std`, which has no types: ours are beside.
 *
 * @module
 */

// @ts-types="./yaml.d.ts"
export * from "deno-std/yaml/parse.js";
