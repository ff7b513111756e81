/**
 * What a CDI file must be, beyond its schema. Pure.
 *
 * The rules and their order are the reference library's; where it lets pass
 * what SPEC.md forbids and what cannot work, there is a warning.
 *
 * @module
 */

import { faultOfDeviceName, faultOfKind } from "./name.ts";
import type { CdiFile, ContainerEdits } from "./schema.ts";
import { faultOfDeclared } from "./version.ts";

/** One thing that is wrong in a CDI file. */
export interface CdiFault {
  /** JSON path. */
  readonly path: string;
  /** The value that is there. */
  readonly got: unknown;
  /** What should be there, to follow "expected". */
  readonly expected: string;
}

/** The points at which hooks run. */
export const CDI_HOOK_NAMES = [
  "prestart",
  "createRuntime",
  "createContainer",
  "startContainer",
  "poststart",
  "poststop",
] as const;

/** The point at which a hook runs. */
export type CdiHookName = typeof CDI_HOOK_NAMES[number];

/** Is this the name of a point at which hooks run? */
export function isHookName(name: string): name is CdiHookName {
  return CDI_HOOK_NAMES.some((known) => known === name);
}

/** Longest name of a class of Intel RDT. */
const MOST_CLOS_ID = 4095;

/** Entries of an environment have a name. */
function* faultsOfEnv(
  env: readonly string[] | undefined,
  at: string,
): Iterable<CdiFault> {
  for (const [i, entry] of (env ?? []).entries()) {
    if (entry.indexOf("=") >= 1) continue;
    yield { path: `${at}[${i}]`, got: entry, expected: "NAME=VALUE" };
  }
}

/** Something must be there. */
function* faultsOfEmpty(
  value: string,
  path: string,
  expected: string,
): Iterable<CdiFault> {
  if (value === "") yield { path, got: value, expected };
}

/** What is wrong with device nodes. */
function* faultsOfNodes(
  { deviceNodes = [] }: ContainerEdits,
  at: string,
): Iterable<CdiFault> {
  for (const [i, node] of deviceNodes.entries()) {
    const here = `${at}.deviceNodes[${i}]`;
    yield* faultsOfEmpty(node.path, `${here}.path`, "a path");
    if (!["", "b", "c", "u", "p"].includes(node.type ?? "")) {
      yield {
        path: `${here}.type`,
        got: node.type,
        expected: 'one of "b", "c", "u", "p"',
      };
    }
    if (!/^([rwm]*|none)$/.test(node.permissions ?? "")) {
      yield {
        path: `${here}.permissions`,
        got: node.permissions,
        expected: 'letters of "rwm", or "none"',
      };
    }
  }
}

/** What is wrong with network devices. */
function* faultsOfNetDevices(
  { netDevices = [] }: ContainerEdits,
  at: string,
): Iterable<CdiFault> {
  const seen = { hostInterfaceName: new Set(), name: new Set() };
  for (const [i, device] of netDevices.entries()) {
    for (const key of ["hostInterfaceName", "name"] as const) {
      const path = `${at}.netDevices[${i}].${key}`;
      yield* faultsOfEmpty(device[key], path, "the name of an interface");
      if (seen[key].has(device[key])) {
        yield { path, got: device[key], expected: "each name once" };
      }
      seen[key].add(device[key]);
    }
  }
}

/** What is wrong with hooks. */
function* faultsOfHooks(
  { hooks = [] }: ContainerEdits,
  at: string,
): Iterable<CdiFault> {
  for (const [i, hook] of hooks.entries()) {
    const here = `${at}.hooks[${i}]`;
    if (!isHookName(hook.hookName)) {
      const expected = `one of ${
        CDI_HOOK_NAMES.map((name) => `"${name}"`).join(", ")
      }`;
      yield { path: `${here}.hookName`, got: hook.hookName, expected };
    }
    yield* faultsOfEmpty(hook.path, `${here}.path`, "a path");
    yield* faultsOfEnv(hook.env, `${here}.env`);
  }
}

/** What is wrong with mounts. */
function* faultsOfMounts(
  { mounts = [] }: ContainerEdits,
  at: string,
): Iterable<CdiFault> {
  for (const [i, mount] of mounts.entries()) {
    for (const key of ["hostPath", "containerPath"] as const) {
      yield* faultsOfEmpty(mount[key], `${at}.mounts[${i}].${key}`, "a path");
    }
  }
}

/** What is wrong with Intel RDT. */
function* faultsOfIntelRdt(
  { intelRdt }: ContainerEdits,
  at: string,
): Iterable<CdiFault> {
  const closID = intelRdt?.closID ?? "";
  const bytes = new TextEncoder().encode(closID).length;
  const good = closID === "/" ||
    (!/[/\n]/.test(closID) && closID !== "." && closID !== ".." &&
      bytes <= MOST_CLOS_ID);
  if (!good) {
    yield {
      path: `${at}.intelRdt.closID`,
      got: closID,
      expected: 'the name of a class, or "/"',
    };
  }
}

/** What is wrong with some edits. */
function* faultsOfEdits(
  edits: ContainerEdits,
  at: string,
): Iterable<CdiFault> {
  yield* faultsOfEnv(edits.env, `${at}.env`);
  yield* faultsOfNodes(edits, at);
  yield* faultsOfNetDevices(edits, at);
  yield* faultsOfHooks(edits, at);
  yield* faultsOfMounts(edits, at);
  yield* faultsOfIntelRdt(edits, at);
}

/** Would these edits change nothing? */
function isEmpty(edits: ContainerEdits): boolean {
  return edits.intelRdt === undefined &&
    Object.values(edits).every((list) =>
      !Array.isArray(list) || list.length === 0
    );
}

/** What is wrong in a file, in the order in which the library looks. */
export function* faultsOfFile(file: CdiFile): Iterable<CdiFault> {
  const version = faultOfDeclared(file);
  if (version !== undefined) {
    yield { path: "cdiVersion", got: file.cdiVersion, expected: version };
  }
  const kind = faultOfKind(file.kind);
  if (kind !== undefined) {
    yield { path: "kind", got: file.kind, expected: kind };
  }
  yield* faultsOfEdits(file.containerEdits ?? {}, "containerEdits");
  const devices = file.devices ?? [];
  const seen = new Set<string>();
  for (const [i, { name, containerEdits = {} }] of devices.entries()) {
    const at = `devices[${i}]`;
    const fault = faultOfDeviceName(name);
    if (fault !== undefined) {
      yield { path: `${at}.name`, got: name, expected: fault };
    }
    // SPEC.md calls the edits optional; the library, and so every engine,
    // refuses a device without any.
    if (isEmpty(containerEdits)) {
      yield {
        path: `${at}.containerEdits`,
        got: containerEdits,
        expected: "at least one edit",
      };
    }
    yield* faultsOfEdits(containerEdits, `${at}.containerEdits`);
    if (seen.has(name)) {
      yield { path: `${at}.name`, got: name, expected: "each name once" };
    }
    seen.add(name);
  }
  if (devices.length === 0) {
    yield {
      path: "devices",
      got: file.devices,
      expected: "at least one device",
    };
  }
}

/** A key of an annotation by Kubernetes' rule. */
const ANNOTATION_KEY =
  /^([a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?\/)?[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?$/;

/** Warns of keys; the library meant to refuse them, but never looks. */
function* oddAnnotations(
  annotations: Readonly<Record<string, string>> | undefined,
  at: string,
): Iterable<string> {
  for (const key of Object.keys(annotations ?? {})) {
    if (ANNOTATION_KEY.test(key)) continue;
    yield `${at}: ${JSON.stringify(key)} is no key of an annotation`;
  }
}

/** Warns of what passes, and does not work, or works by chance. */
function* oddEdits(
  { hooks = [], mounts = [] }: ContainerEdits,
  at: string,
): Iterable<string> {
  for (const [i, { path, timeout }] of hooks.entries()) {
    const here = `${at}.hooks[${i}]`;
    if (!path.startsWith("/")) yield `${here}.path: "${path}" is not absolute`;
    if (timeout !== undefined && timeout <= 0) {
      yield `${here}.timeout: ${timeout} is not above 0, ignoring`;
    }
  }
  for (const [i, mount] of mounts.entries()) {
    for (const key of ["hostPath", "containerPath"] as const) {
      if (mount[key].startsWith("/")) continue;
      yield `${at}.mounts[${i}].${key}: "${mount[key]}" is not absolute`;
    }
  }
}

/** What is odd in a valid file, one line each. */
export function oddities(file: CdiFile): string[] {
  const devices = [...(file.devices ?? []).entries()];
  return [
    ...oddAnnotations(file.annotations, "annotations"),
    ...oddEdits(file.containerEdits ?? {}, "containerEdits"),
    ...devices.flatMap(([i, { annotations, containerEdits = {} }]) => [
      ...oddAnnotations(annotations, `devices[${i}].annotations`),
      ...oddEdits(containerEdits, `devices[${i}].containerEdits`),
    ]),
  ];
}
