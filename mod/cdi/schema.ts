/**
 * The schema of a CDI file: the fields and their types, nothing unknown among
 * them. What the values may be is said in `validate.ts`, and which version has
 * which field in `version.ts`.
 *
 * Only `parse.ts` imports this file as code, and with it zod; who needs a type
 * alone imports it with `import type`.
 *
 * @see https://github.com/cncf-tags/container-device-interface/blob/v1.1.0/SPEC.md#cdi-json-specification
 * @module
 */

import * as z from "zod/mini";

/** Makes a function that builds its value on the first call and keeps it. */
function once<T>(build: () => T): () => T {
  let built: { value: T } | undefined;
  return () => (built ??= { value: build() }).value;
}

/** An object of exactly these fields. */
function strict<S extends z.core.$ZodShape>(shape: S) {
  return z.strictObject(shape, "an object");
}

/**
 * A string. A number and a truth value stand for their text, as in the
 * reference library: `name: 0` is "0". NUL is refused: no C library takes it.
 */
const text = once(() =>
  z.pipe(
    z.transform((value: unknown) =>
      typeof value === "number" || typeof value === "boolean"
        ? String(value)
        : value
    ),
    z.custom<string>(
      (value) => typeof value === "string" && !value.includes("\0"),
      "a string without NUL",
    ),
  )
);

/** An integer between two bounds; YAML 1.2 writes octal numbers as `0o666`. */
function integer(least: number, most: number) {
  return z.pipe(
    z.transform((value: unknown) =>
      typeof value === "string" && /^0o[0-7]{1,17}$/.test(value)
        ? Number(value)
        : value
    ),
    z.custom<number>(
      (value) =>
        typeof value === "number" && Number.isSafeInteger(value) &&
        value >= least && value <= most,
      `an integer from ${least} to ${most}`,
    ),
  );
}

const uint32 = once(() => integer(0, 2 ** 32 - 1));

/** A number of a device: 64 bits in the library, of which a double holds 53. */
const number = once(() =>
  integer(Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER)
);

/** True or false, in YAML 1.1's words too. */
const flag = once(() =>
  z.pipe(
    z.transform((value: unknown) => {
      if (typeof value !== "string") return value;
      if (/^(y|yes|on|true)$/i.test(value)) return true;
      return /^(n|no|off|false)$/i.test(value) ? false : value;
    }),
    z.custom<boolean>(
      (value) => typeof value === "boolean",
      "true or false",
    ),
  )
);

const texts = once(() => z.array(text(), "a list"));

const annotationsSchema = once(() =>
  z.record(z.custom<string>(), text(), "an object")
);

const deviceNodeSchema = once(() =>
  strict({
    path: text(),
    hostPath: z.optional(text()),
    type: z.optional(text()),
    major: z.optional(number()),
    minor: z.optional(number()),
    fileMode: z.optional(uint32()),
    permissions: z.optional(text()),
    uid: z.optional(uint32()),
    gid: z.optional(uint32()),
  })
);

/** A device node to make in the container. */
export type DeviceNode = z.infer<ReturnType<typeof deviceNodeSchema>>;

const mountSchema = once(() =>
  strict({
    hostPath: text(),
    containerPath: text(),
    options: z.optional(texts()),
    type: z.optional(text()),
  })
);

/** A mount to make in the container. */
export type CdiMount = z.infer<ReturnType<typeof mountSchema>>;

const hookSchema = once(() =>
  strict({
    hookName: text(),
    path: text(),
    args: z.optional(texts()),
    env: z.optional(texts()),
    timeout: z.optional(number()),
  })
);

/** A program to run, and at which point; `timeout` in seconds. */
export type CdiHook = z.infer<ReturnType<typeof hookSchema>>;

const intelRdtSchema = once(() =>
  strict({
    closID: z.optional(text()),
    l3CacheSchema: z.optional(text()),
    memBwSchema: z.optional(text()),
    schemata: z.optional(texts()),
    enableMonitoring: z.optional(flag()),
  })
);

/** Intel Resource Director Technology. */
export type CdiIntelRdt = z.infer<ReturnType<typeof intelRdtSchema>>;

const netDeviceSchema = once(() =>
  strict({ hostInterfaceName: text(), name: text() })
);

/** A network interface to move into the container, and its name there. */
export type CdiNetDevice = z.infer<ReturnType<typeof netDeviceSchema>>;

const containerEditsSchema = once(() =>
  strict({
    env: z.optional(texts()),
    deviceNodes: z.optional(z.array(deviceNodeSchema(), "a list")),
    netDevices: z.optional(z.array(netDeviceSchema(), "a list")),
    hooks: z.optional(z.array(hookSchema(), "a list")),
    mounts: z.optional(z.array(mountSchema(), "a list")),
    intelRdt: z.optional(intelRdtSchema()),
    additionalGids: z.optional(z.array(uint32(), "a list")),
  })
);

/** What is changed in a container's spec. */
export type ContainerEdits = z.infer<ReturnType<typeof containerEditsSchema>>;

const deviceSchema = once(() =>
  strict({
    name: text(),
    annotations: z.optional(annotationsSchema()),
    containerEdits: z.optional(containerEditsSchema()),
  })
);

/** One device of a file. */
export type CdiDevice = z.infer<ReturnType<typeof deviceSchema>>;

/** Schema of {@link CdiFile}. */
export const cdiFileSchema = once(() =>
  strict({
    cdiVersion: text(),
    kind: text(),
    annotations: z.optional(annotationsSchema()),
    devices: z.optional(z.array(deviceSchema(), "a list")),
    containerEdits: z.optional(containerEditsSchema()),
  })
);

/** A CDI file: the devices of one kind, and the edits that all of them need. */
export type CdiFile = z.infer<ReturnType<typeof cdiFileSchema>>;
