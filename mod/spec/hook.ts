/**
 * `hooks` of config.json: programs run at six points of a container's life.
 *
 * @see https://github.com/opencontainers/runtime-spec/blob/v1.3.0/config.md#posix-platform-hooks
 * @module
 */
import type * as z from "zod/mini";
import {
  int32,
  list,
  object,
  once,
  optional,
  part,
  text,
  texts,
} from "./schema.ts";

/** Schema of {@link Hook}. */
export const hookSchema = once(() =>
  object({
    path: text(),
    args: optional(texts()),
    env: optional(texts()),
    timeout: optional(int32()),
  })
);

/**
 * One program: `path` absolute, `args` with argv[0], `env` whole, `timeout` in
 * seconds.
 */
export type Hook = z.infer<ReturnType<typeof hookSchema>>;

/** Schema of {@link Hooks}. */
export const hooksSchema = once(() => {
  const hooks = part(() => list(hookSchema()));
  return object({
    prestart: hooks,
    createRuntime: hooks,
    createContainer: hooks,
    startContainer: hooks,
    poststart: hooks,
    poststop: hooks,
  });
});

/** The six lists of hooks. */
export type Hooks = z.infer<ReturnType<typeof hooksSchema>>;
