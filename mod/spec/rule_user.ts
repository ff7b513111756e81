/**
 * Rules about user namespaces and id mappings.
 *
 * @see https://man7.org/linux/man-pages/man7/user_namespaces.7.html
 * @module
 */
import type { Spec } from "./config.ts";
import type { Fault } from "./fault.ts";
import type { IdMapping } from "./mount.ts";
import { isJoined, namespaceOf, type Rule } from "./rule.ts";

/** How many lines the kernel takes in a map. */
const MOST_MAPPINGS = 340;

/** Mappings are for a user namespace, and a new one needs both. */
const mappingsHaveUserNamespace: Rule<Spec> = function* (spec) {
  const user = namespaceOf(spec, "user");
  for (const name of ["uidMappings", "gidMappings"] as const) {
    const got = spec.linux?.[name];
    const path = `linux.${name}`;
    if (user === undefined) {
      if (got === undefined || got.length === 0) continue;
      yield { path, got, expected: 'no mapping without a "user" namespace' };
    } else if (!isJoined(user) && (got === undefined || got.length === 0)) {
      yield { path, got, expected: 'mappings for the new "user" namespace' };
    }
  }
};

/** Each map is one that the kernel takes. */
const mappingsAreMaps: Rule<Spec> = function* (spec) {
  for (const name of ["uidMappings", "gidMappings"] as const) {
    yield* mapFaults(`linux.${name}`, spec.linux?.[name] ?? []);
    for (const [i, mount] of (spec.mounts ?? []).entries()) {
      yield* mapFaults(`mounts[${i}].${name}`, mount[name] ?? []);
    }
  }
};

/** What the kernel would refuse in a map. */
function* mapFaults(
  path: string,
  mappings: readonly IdMapping[],
): Iterable<Fault> {
  if (mappings.length > MOST_MAPPINGS) {
    const expected = `at most ${MOST_MAPPINGS} mappings`;
    yield { path, got: mappings.length, expected };
    return;
  }
  for (const [i, mapping] of mappings.entries()) {
    const { size } = mapping;
    if (size === 0) {
      yield { path: `${path}[${i}].size`, got: 0, expected: "at least 1" };
    }
    for (const side of ["containerID", "hostID"] as const) {
      const first = mapping[side];
      // The id 2^32 - 1 is "no id" to the kernel.
      if (first + size > 2 ** 32 - 1) {
        yield {
          path: `${path}[${i}].size`,
          got: size,
          expected: `a range from ${side} ${first} that ends below 2^32 - 1`,
        };
      }
      const other = mappings.findIndex((earlier, j) =>
        j < i && earlier[side] < first + size &&
        first < earlier[side] + earlier.size
      );
      if (other >= 0) {
        yield {
          path: `${path}[${i}].${side}`,
          got: first,
          expected: `a range apart from that of ${path}[${other}]`,
        };
      }
    }
  }
}

/** Where the ids of a new user namespace end, the process cannot be. */
const idsAreMapped: Rule<Spec> = function* (spec) {
  const user = namespaceOf(spec, "user");
  if (user === undefined || isJoined(user)) return;
  const { uidMappings = [], gidMappings = [] } = spec.linux ?? {};
  for (
    const [name, mappings] of [
      ["uidMappings", uidMappings],
      ["gidMappings", gidMappings],
    ] as const
  ) {
    if (mappings.length > 0 && !isMapped(mappings, 0)) {
      const expected = "a mapping of the container's id 0";
      yield { path: `linux.${name}`, got: mappings, expected };
    }
  }
  if (spec.process === undefined) return;
  const { uid, gid, additionalGids = [] } = spec.process.user;
  if (uid !== 0 && !isMapped(uidMappings, uid)) {
    const expected = "an id that linux.uidMappings has";
    yield { path: "process.user.uid", got: uid, expected };
  }
  if (gid !== 0 && !isMapped(gidMappings, gid)) {
    const expected = "an id that linux.gidMappings has";
    yield { path: "process.user.gid", got: gid, expected };
  }
  for (const [i, got] of additionalGids.entries()) {
    if (isMapped(gidMappings, got)) continue;
    const expected = "an id that linux.gidMappings has";
    yield { path: `process.user.additionalGids[${i}]`, got, expected };
  }
};

/** Is an id of the container mapped to one of the host? */
function isMapped(mappings: readonly IdMapping[], id: number): boolean {
  return mappings.some(({ containerID, size }) =>
    id >= containerID && id < containerID + size
  );
}

/** A mount is mapped for users and groups, or for neither. */
const mountMappingsArePaired: Rule<Spec> = function* ({ mounts = [] }) {
  for (const [i, { uidMappings, gidMappings }] of mounts.entries()) {
    if ((uidMappings === undefined) === (gidMappings === undefined)) continue;
    const missing = uidMappings === undefined ? "uidMappings" : "gidMappings";
    yield {
      path: `mounts[${i}].${missing}`,
      got: undefined,
      expected: "uidMappings and gidMappings together",
    };
  }
};

/** The rules of user namespaces and mappings. */
export const USER_RULES: readonly Rule<Spec>[] = [
  mappingsHaveUserNamespace,
  mappingsAreMaps,
  idsAreMapped,
  mountMappingsArePaired,
];
