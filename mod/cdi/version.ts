/**
 * Versions of CDI, and what a file needs of them. Pure.
 *
 * A file that says less than it uses is refused as a whole: so does the
 * reference library, and a file that worked here alone would help nobody.
 *
 * @see https://github.com/cncf-tags/container-device-interface/blob/v1.1.0/SPEC.md#version
 * @module
 */

import type { CdiFile, ContainerEdits } from "./schema.ts";
import { splitKind } from "./name.ts";

/** The versions that exist, oldest first; 0.1 and 0.2 were never enough. */
export const CDI_VERSIONS = [
  "0.3.0",
  "0.4.0",
  "0.5.0",
  "0.6.0",
  "0.7.0",
  "0.8.0",
  "1.0.0",
  "1.1.0",
] as const;

/** A version of CDI. */
export type CdiVersion = typeof CDI_VERSIONS[number];

/** Versions that are known by name, but older than what any file needs. */
const TOO_OLD = ["0.1.0", "0.2.0"];

/** The version that a file needs, and the field that needs it. */
export interface VersionNeed {
  /** The least version. */
  readonly version: CdiVersion;
  /** JSON path of the field, empty for 0.3.0. */
  readonly field: string;
}

/** What each part of some edits needs. */
function* needsOfEdits(
  edits: ContainerEdits | undefined,
  at: string,
): Iterable<VersionNeed> {
  if (edits === undefined) return;
  for (const [i, { type = "" }] of (edits.mounts ?? []).entries()) {
    if (type !== "") {
      yield { version: "0.4.0", field: `${at}.mounts[${i}].type` };
    }
  }
  for (const [i, { hostPath = "" }] of (edits.deviceNodes ?? []).entries()) {
    if (hostPath === "") continue;
    yield { version: "0.5.0", field: `${at}.deviceNodes[${i}].hostPath` };
  }
  if (edits.intelRdt !== undefined) {
    yield { version: "0.7.0", field: `${at}.intelRdt` };
    const { schemata, enableMonitoring } = edits.intelRdt;
    if (schemata !== undefined) {
      yield { version: "1.1.0", field: `${at}.intelRdt.schemata` };
    }
    if (enableMonitoring === true) {
      yield { version: "1.1.0", field: `${at}.intelRdt.enableMonitoring` };
    }
  }
  if ((edits.additionalGids ?? []).length > 0) {
    yield { version: "0.7.0", field: `${at}.additionalGids` };
  }
  if ((edits.netDevices ?? []).length > 0) {
    yield { version: "1.1.0", field: `${at}.netDevices` };
  }
}

/** Has a map anything in it? */
function hasKeys(map: Readonly<Record<string, string>> | undefined): boolean {
  return Object.keys(map ?? {}).length > 0;
}

/** What each part of a file needs. */
function* needsOf(file: CdiFile): Iterable<VersionNeed> {
  if (hasKeys(file.annotations)) {
    yield { version: "0.6.0", field: "annotations" };
  }
  if (splitKind(file.kind)?.class.includes(".")) {
    yield { version: "0.6.0", field: "kind" };
  }
  yield* needsOfEdits(file.containerEdits, "containerEdits");
  for (const [i, device] of (file.devices ?? []).entries()) {
    const at = `devices[${i}]`;
    if (/^[0-9]/.test(device.name)) {
      yield { version: "0.5.0", field: `${at}.name` };
    }
    if (hasKeys(device.annotations)) {
      yield { version: "0.6.0", field: `${at}.annotations` };
    }
    yield* needsOfEdits(device.containerEdits, `${at}.containerEdits`);
  }
}

/** The least version that a file needs, and the first field that needs it. */
export function minimumVersion(file: CdiFile): VersionNeed {
  let most: VersionNeed = { version: "0.3.0", field: "" };
  for (const need of needsOf(file)) {
    if (indexOf(need.version) > indexOf(most.version)) most = need;
  }
  return most;
}

/** Place of a version in the list, -1 where it is not there. */
function indexOf(version: string): number {
  const list: readonly string[] = CDI_VERSIONS;
  return list.indexOf(version);
}

/** A version without the `v` in front that the reference library lets pass. */
function bare(version: string): string {
  return version.replace(/^v/, "");
}

/** Says what is wrong with a version by itself, or nothing. */
export function faultOfVersion(version: string): string | undefined {
  const known = bare(version);
  if (indexOf(known) >= 0) return undefined;
  const newest = CDI_VERSIONS[CDI_VERSIONS.length - 1];
  if (TOO_OLD.includes(known)) return 'at least "0.3.0"';
  return `a CDI version from "0.3.0" to "${newest}"`;
}

/** Says what is wrong with the version that a file declares, or nothing. */
export function faultOfDeclared(file: CdiFile): string | undefined {
  const fault = faultOfVersion(file.cdiVersion);
  if (fault !== undefined) return fault;
  const { version, field } = minimumVersion(file);
  if (indexOf(version) <= indexOf(bare(file.cdiVersion))) return undefined;
  return `at least "${version}", which ${field} needs`;
}
