/**
 * config.json as a whole: runtime-spec 1.3, the parts for Linux.
 *
 * @see https://github.com/opencontainers/runtime-spec/blob/v1.3.0/config.md
 * @module
 */
import type * as z from "zod/mini";
import { hooksSchema } from "./hook.ts";
import { linuxSchema } from "./linux.ts";
import { mountSchema } from "./mount.ts";
import { processSchema } from "./process.ts";
import {
  flag,
  list,
  object,
  once,
  optional,
  part,
  text,
  textLike,
  textMap,
} from "./schema.ts";

/** Schema of {@link Root}. */
export const rootSchema = once(() =>
  object({ path: text(), readonly: optional(flag()) })
);

/** The root filesystem; a relative path is beneath the bundle. */
export type Root = z.infer<ReturnType<typeof rootSchema>>;

/** Schema of {@link Spec}. */
export const specSchema = once(() =>
  object({
    ociVersion: textLike(
      /^1\.\d+\.\d+(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?$/,
      'a version of the runtime spec such as "1.3.0"',
    ),
    process: part(processSchema),
    root: part(rootSchema),
    hostname: optional(text()),
    domainname: optional(text()),
    mounts: part(() => list(mountSchema())),
    hooks: part(hooksSchema),
    annotations: optional(textMap()),
    linux: part(linuxSchema),
  })
);

/** config.json. Fields that we do not know are in the value, untyped. */
export type Spec = z.infer<ReturnType<typeof specSchema>>;
