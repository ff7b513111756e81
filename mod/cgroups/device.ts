/**
 * Device rules: which devices the processes of a cgroup may make and open.
 *
 * The spec's ordered rules are played through as the kernel's v1 controller
 * plays them, so that v1 and v2 agree, and agree with runc: the result is a
 * default and the exceptions from it.
 *
 * @see https://docs.kernel.org/admin-guide/cgroup-v1/devices.html
 * @module
 */

import { RuntimeError } from "../errors.ts";
import type { DeviceRule } from "../spec/resources.ts";

/** Stands for every number. */
export const ANY_NUMBER = -1;

/** Devices that are treated otherwise than the default says. */
export interface DeviceException {
  /** Block or character device. */
  readonly type: "b" | "c";
  /** Major number, or {@link ANY_NUMBER}. */
  readonly major: number;
  /** Minor number, or {@link ANY_NUMBER}. */
  readonly minor: number;
  /** Letters of "rwm", in this order, each once. */
  readonly access: string;
}

/** What a cgroup's processes may do with devices. */
export interface DevicePolicy {
  /** What holds for devices that are no exception. */
  readonly default: "allow" | "deny";
  /** By major, minor and type. */
  readonly exceptions: readonly DeviceException[];
}

/** One write to a v1 cgroup. */
export interface DeviceWrite {
  /** The file. */
  readonly file: "devices.allow" | "devices.deny";
  /** The rule, such as `c 1:3 rwm`; `a` is all devices. */
  readonly value: string;
}

/**
 * What every container may do: mknod of anything, and the devices that the spec
 * says it has. tun is here because callers came to count on it.
 */
const DEFAULT_RULES: readonly DeviceRule[] = [
  { allow: true, type: "c", access: "m" },
  { allow: true, type: "b", access: "m" },
  ...([
    [1, 3], // null
    [1, 5], // zero
    [1, 7], // full
    [1, 8], // random
    [1, 9], // urandom
    [5, 0], // tty
    [5, 2], // ptmx
    [136, ANY_NUMBER], // pts
    [10, 200], // net/tun
  ] as const).map(([major, minor]): DeviceRule => ({
    allow: true,
    type: "c",
    major,
    minor,
    access: "rwm",
  })),
];

/** The letters of `a` that are in `b`, or, with `keep` false, that are not. */
function letters(a: string, b: string, keep: boolean): string {
  return [...a].filter((letter) => b.includes(letter) === keep).join("");
}

/** The letters of "rwm" in either, in the kernel's order. */
function union(a: string, b: string): string {
  return letters("rwm", a + b, true);
}

function keyOf({ type, major, minor }: DeviceException): string {
  return `${type} ${major}:${minor}`;
}

/** An exception as a v1 line. */
function lineOf({ type, major, minor, access }: DeviceException): string {
  const number = (n: number) => n === ANY_NUMBER ? "*" : `${n}`;
  return `${type} ${number(major)}:${number(minor)} ${access}`;
}

/** The state of a v1 cgroup while rules are played. */
interface Emulator {
  default: "allow" | "deny";
  exceptions: Map<string, DeviceException>;
}

function addException(emulator: Emulator, exception: DeviceException): void {
  const key = keyOf(exception);
  const access = union(
    emulator.exceptions.get(key)?.access ?? "",
    exception.access,
  );
  emulator.exceptions.set(key, { ...exception, access });
}

/**
 * Takes an exception back. The kernel silently leaves a wider exception with
 * a wildcard as it is: a rule that would be without effect is refused.
 */
function removeException(emulator: Emulator, exception: DeviceException): void {
  const { type, major, minor } = exception;
  for (
    const wide of [
      { type, major: ANY_NUMBER, minor },
      { type, major, minor: ANY_NUMBER },
      { type, major: ANY_NUMBER, minor: ANY_NUMBER },
    ].map((numbers) => ({ ...numbers, access: "" }))
  ) {
    if (keyOf(wide) === keyOf(exception)) continue;
    const held = emulator.exceptions.get(keyOf(wide));
    if (held === undefined) continue;
    if (letters(held.access, exception.access, true) === "") continue;
    throw new RuntimeError(
      `device rule "${lineOf(exception)}" would make a hole in the earlier ` +
        `rule "${lineOf(held)}", which cgroups cannot do`,
    );
  }
  const held = emulator.exceptions.get(keyOf(exception));
  if (held === undefined) return;
  const access = letters(held.access, exception.access, false);
  if (access === "") emulator.exceptions.delete(keyOf(exception));
  else emulator.exceptions.set(keyOf(exception), { ...held, access });
}

/** Plays one rule for devices of a type. */
function playTyped(
  emulator: Emulator,
  allow: boolean,
  exception: DeviceException,
): void {
  if ((emulator.default === "allow") === allow) {
    removeException(emulator, exception);
  } else addException(emulator, exception);
}

/** Plays one rule of the spec. */
function play(emulator: Emulator, rule: DeviceRule, index: number): void {
  const access = union(rule.access ?? "", "");
  if (access === "") {
    throw new RuntimeError(
      `resources.devices[${index}]: access is empty, expected letters of "rwm"`,
    );
  }
  const { major = ANY_NUMBER, minor = ANY_NUMBER } = rule;
  if (rule.type === "b" || rule.type === "c") {
    return playTyped(emulator, rule.allow, {
      type: rule.type,
      major,
      minor,
      access,
    });
  }
  // "a" is everything, whatever else the rule says: the kernel reads no further.
  // To deny more than was asked for is harmless; to allow more is not.
  const isAll = major === ANY_NUMBER && minor === ANY_NUMBER &&
    (access === "rwm" || !rule.allow);
  if (isAll) {
    emulator.default = rule.allow ? "allow" : "deny";
    return emulator.exceptions.clear();
  }
  playTyped(emulator, rule.allow, { type: "b", major, minor, access });
  playTyped(emulator, rule.allow, { type: "c", major, minor, access });
}

/** By major, minor and type, so that the same rules give the same writes. */
function sorted(exceptions: Iterable<DeviceException>): DeviceException[] {
  return [...exceptions].sort((a, b) =>
    a.major - b.major || a.minor - b.minor || (a.type < b.type ? -1 : 1)
  );
}

function finish(emulator: Emulator): DevicePolicy {
  return {
    default: emulator.default,
    exceptions: sorted(emulator.exceptions.values()),
  };
}

/**
 * What ordered rules come to, with the default devices allowed at their end. A
 * container without rules has the default devices only, as with runc.
 *
 * @throws {RuntimeError} for a rule without access, or one that cannot be kept
 */
export function devicePolicy(
  rules: readonly DeviceRule[] = [],
): DevicePolicy {
  const emulator: Emulator = { default: "deny", exceptions: new Map() };
  for (const [i, rule] of [...rules, ...DEFAULT_RULES].entries()) {
    play(emulator, rule, i);
  }
  return finish(emulator);
}

/**
 * Reads `devices.list`. A cgroup that allows by default lists only that: its
 * exceptions cannot be read back.
 */
export function parseDevicesList(text: string): DevicePolicy {
  const emulator: Emulator = { default: "deny", exceptions: new Map() };
  for (const line of text.split("\n")) {
    const match = /^([abc]) (\d+|\*):(\d+|\*) ([rwm]+)$/.exec(line.trim());
    if (match === null) continue;
    const [, type, major = "*", minor = "*", access = ""] = match;
    if (type === "a") return { default: "allow", exceptions: [] };
    const number = (text: string) => text === "*" ? ANY_NUMBER : Number(text);
    addException(emulator, {
      type: type === "b" ? "b" : "c",
      major: number(major),
      minor: number(minor),
      access: union(access, ""),
    });
  }
  return finish(emulator);
}

/** The exceptions of `from` that `without` does not have. */
function difference(
  from: readonly DeviceException[],
  without: readonly DeviceException[],
): DeviceException[] {
  const held = new Map(without.map((e) => [keyOf(e), e.access]));
  return from.map((e) => ({
    ...e,
    access: letters(e.access, held.get(keyOf(e)) ?? "", false),
  })).filter((e) => e.access !== "");
}

/**
 * The fewest v1 writes from one policy to another. Allow-lists that differ are
 * first narrowed, then widened, and never left; any other change begins with
 * all devices denied or allowed, because a cgroup that allows by default does
 * not tell its exceptions.
 */
export function deviceWrites(
  current: DevicePolicy,
  target: DevicePolicy,
): DeviceWrite[] {
  const allowing = target.default === "allow";
  const except = allowing ? "devices.deny" : "devices.allow";
  const restore = allowing ? "devices.allow" : "devices.deny";
  const anew = current.default === "allow" || allowing;
  const old = anew ? [] : current.exceptions;
  return [
    ...anew ? [{ file: restore, value: "a" } as const] : [],
    ...difference(old, target.exceptions)
      .map((e) => ({ file: restore, value: lineOf(e) } as const)),
    ...difference(target.exceptions, old)
      .map((e) => ({ file: except, value: lineOf(e) } as const)),
  ];
}
