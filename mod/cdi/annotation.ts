/**
 * CDI devices asked for by annotation. Pure.
 *
 * Engines inject before they call a runtime, and hand the annotations on all
 * the same: who acts on them again runs each hook twice. So this is done only
 * when asked for.
 *
 * @module
 */

import { RuntimeError } from "../errors.ts";
import { parseQualifiedName } from "./name.ts";

/** What the key of such an annotation begins with. */
export const CDI_ANNOTATION_PREFIX = "cdi.k8s.io/";

/** Longest name in an annotation's key, by Kubernetes' rule. */
const MOST_CHARACTERS = 63;

/**
 * The key under which a plugin asks for a device.
 *
 * @throws {RuntimeError} where no such key can be
 */
export function annotationKey(plugin: string, deviceId: string): string {
  const name = `${plugin}_${deviceId.replaceAll("/", "_")}`;
  const isName = name.length <= MOST_CHARACTERS && plugin !== "" &&
    deviceId !== "" && /^[A-Za-z0-9]([A-Za-z0-9_.-]*[A-Za-z0-9])?$/.test(name);
  if (isName) return CDI_ANNOTATION_PREFIX + name;
  throw new RuntimeError(
    `CDI annotation of plugin ${JSON.stringify(plugin)} for device ${
      JSON.stringify(deviceId)
    }: ${JSON.stringify(name)} is no name of an annotation`,
  );
}

/**
 * The devices that annotations ask for, by the order of the keys: the library's
 * order is that of a map, which is none.
 *
 * @throws {RuntimeError} where one name is no qualified name; an empty value
 * has one such name
 */
export function annotatedDevices(
  annotations: Readonly<Record<string, string>> | undefined,
): string[] {
  return Object.entries(annotations ?? {})
    .filter(([key]) => key.startsWith(CDI_ANNOTATION_PREFIX))
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .flatMap(([key, value]) =>
      value.split(",").map((name) => {
        try {
          parseQualifiedName(name);
        } catch (cause) {
          throw new RuntimeError(`annotation "${key}"`, { cause });
        }
        return name;
      })
    );
}
