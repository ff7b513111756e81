/**
 * The rules of the spec that a schema cannot say: one small function for each,
 * pure, in lists that are read from top to bottom.
 *
 * @module
 */
import { CAPABILITIES } from "./capability.ts";
import type { Spec } from "./config.ts";
import { type Fault, faultError } from "./fault.ts";
import { HOOK_NAMES } from "./hook_name.ts";
import type { Process } from "./process.ts";
import { isBind } from "./resolve.ts";
import type { Resources } from "./resources.ts";
import { isJoined, namespaceOf, type Rule, type Warning } from "./rule.ts";
import { LINUX_RULES, RESOURCES_RULES } from "./rule_linux.ts";
import { PROCESS_RULES } from "./rule_process.ts";
import { USER_RULES } from "./rule_user.ts";
import { sysctlsAreNamespaced } from "./sysctl.ts";

/** A container is made of a process and a root. */
const processAndRootAreThere: Rule<Spec> = function* ({ process, root }) {
  if (process === undefined) {
    yield { path: "process", got: process, expected: "the program to run" };
  }
  if (root === undefined) {
    yield { path: "root", got: root, expected: "the root filesystem" };
  } else if (root.path === "") {
    yield { path: "root.path", got: "", expected: "a path" };
  }
};

/** A mount has a place, and a bind mount has a source. */
const mountsHavePlaces: Rule<Spec> = function* ({ mounts = [] }) {
  for (const [i, mount] of mounts.entries()) {
    if (mount.destination === "") {
      const expected = "an absolute path";
      yield { path: `mounts[${i}].destination`, got: "", expected };
    }
    if (!isBind(mount) || (mount.source ?? "") !== "") continue;
    const expected = "the path to bind";
    yield { path: `mounts[${i}].source`, got: mount.source, expected };
  }
};

/** A hook has an absolute path, and as long as it says. */
const hooksAreRunnable: Rule<Spec> = function* ({ hooks = {} }) {
  for (const name of HOOK_NAMES) {
    for (const [i, { path, timeout }] of (hooks[name] ?? []).entries()) {
      const at = `hooks.${name}[${i}]`;
      if (!path.startsWith("/")) {
        yield { path: `${at}.path`, got: path, expected: "an absolute path" };
      }
      if (timeout !== undefined && timeout <= 0) {
        const expected = "more than 0 seconds";
        yield { path: `${at}.timeout`, got: timeout, expected };
      }
    }
  }
};

/** What a spec must be, beyond its schema. */
const RULES: readonly Rule<Spec>[] = [
  processAndRootAreThere,
  ({ process }) =>
    process === undefined ? [] : beneath("process", PROCESS_RULES, process),
  mountsHavePlaces,
  hooksAreRunnable,
  ...LINUX_RULES,
  ({ linux }) =>
    linux?.resources === undefined
      ? []
      : beneath("linux.resources", RESOURCES_RULES, linux.resources),
  ...USER_RULES,
  sysctlsAreNamespaced,
];

/** Capabilities that we do not know are left out, as the spec says. */
const unknownCapabilities: Warning = function* ({ process }) {
  const known: readonly string[] = CAPABILITIES;
  const names = Object.values(process?.capabilities ?? {}).flat();
  const unknown = names.filter((name): name is string =>
    typeof name === "string" && !known.includes(name)
  );
  for (const name of new Set(unknown)) {
    yield `process.capabilities: unknown capability "${name}", ignoring`;
  }
};

/** Relative destinations are deprecated since 1.2. */
const relativeDestinations: Warning = function* ({ mounts = [] }) {
  for (const [i, { destination }] of mounts.entries()) {
    if (destination.startsWith("/")) continue;
    yield `mounts[${i}].destination: "${destination}" is relative, taking "/${destination}"`;
  }
};

/**
 * Engines name a user namespace to join and its mappings too (containerd,
 * CRI-O), or a dummy mapping (podman), because runc once asked for it.
 */
const mappingsOfJoined: Warning = function* (spec) {
  if (!isJoined(namespaceOf(spec, "user"))) return;
  for (const name of ["uidMappings", "gidMappings"] as const) {
    if ((spec.linux?.[name] ?? []).length === 0) continue;
    yield `linux.${name}: the "user" namespace is joined by path and has its mappings, ignoring`;
  }
};

/** What is odd, in the order in which it is told. */
const WARNINGS: readonly Warning[] = [
  unknownCapabilities,
  relativeDestinations,
  mappingsOfJoined,
];

/** What the rules find in a part, with paths from the whole document. */
function* beneath<T>(
  path: string,
  rules: readonly Rule<T>[],
  part: T,
): Iterable<Fault> {
  for (const rule of rules) {
    for (const fault of rule(part)) {
      yield { ...fault, path: `${path}.${fault.path}` };
    }
  }
}

/** Throws for what the rules find, if anything. */
function check<T>(rules: readonly Rule<T>[], part: T, file: string): void {
  const [first, ...rest] = rules.flatMap((rule) => [...rule(part)]);
  if (first !== undefined) throw faultError(file, [first, ...rest]);
}

/**
 * Checks a spec, before its paths are resolved. `file` names it in errors.
 *
 * @returns what is odd but no error, one line each
 * @throws {RuntimeError} naming the first fault, and how many more there are
 */
export function checkSpec(spec: Spec, file: string): string[] {
  check(RULES, spec, file);
  return WARNINGS.flatMap((warning) => [...warning(spec)]);
}

/**
 * Checks the process of `exec`.
 *
 * @throws {RuntimeError} naming the first fault, and how many more there are
 */
export function checkProcess(process: Process, file: string): void {
  check(PROCESS_RULES, process, file);
}

/**
 * Checks the resources of `update`.
 *
 * @throws {RuntimeError} naming the first fault, and how many more there are
 */
export function checkResources(resources: Resources, file: string): void {
  check(RESOURCES_RULES, resources, file);
}
