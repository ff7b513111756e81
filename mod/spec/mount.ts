/**
 * `mounts` of config.json, and the id mappings that mounts and user namespaces
 * share.
 *
 * @see https://github.com/opencontainers/runtime-spec/blob/v1.3.0/config.md#mounts
 * @module
 */
import type * as z from "zod/mini";
import {
  list,
  object,
  once,
  optional,
  part,
  text,
  texts,
  uint32,
} from "./schema.ts";

/** Schema of {@link IdMapping}. */
export const idMappingSchema = once(() =>
  object({ containerID: uint32(), hostID: uint32(), size: uint32() })
);

/** A range of `size` ids, from `containerID` inside and `hostID` outside. */
export type IdMapping = z.infer<ReturnType<typeof idMappingSchema>>;

/** Schema of {@link Mount}. */
export const mountSchema = once(() => {
  const mappings = part(() => list(idMappingSchema()));
  return object({
    destination: text(),
    type: optional(text()),
    source: optional(text()),
    options: optional(texts()),
    uidMappings: mappings,
    gidMappings: mappings,
  });
});

/** One mount; the options are fstab's words and the filesystem's own. */
export type Mount = z.infer<ReturnType<typeof mountSchema>>;
