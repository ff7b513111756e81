/**
 * Stopping all processes of a cgroup and letting them go on.
 *
 * Runs in: launcher.
 *
 * @module
 */

import { RuntimeError } from "../errors.ts";
import { readValueIfThere, waitUntil, writeValue } from "./file.ts";
import type { CgroupRecord } from "./plan.ts";

/** How long all processes may take to stop, in milliseconds. */
const FREEZE_DEADLINE_MS = 10_000;

/** The freezer of one cgroup. */
export interface Freezer {
  /** Stops all processes; returns when they have. Thaws again if they do not. */
  freeze(): void;
  /** Lets them go on. */
  thaw(): void;
  /** Whether they are stopped, or about to be. */
  frozen(): boolean;
}

/** Freezes by `begin`, waits for `done`, and undoes it where that fails. */
function freezeOrThaw(
  directory: string,
  begin: () => void,
  done: () => boolean,
  thaw: () => void,
): void {
  let frozen = false;
  try {
    begin();
    frozen = waitUntil(done, FREEZE_DEADLINE_MS);
  } finally {
    // A half-frozen cgroup cannot be killed or removed on v1.
    if (!frozen) thaw();
  }
  if (frozen) return;
  throw new RuntimeError(`cannot freeze cgroup "${directory}"`, {
    hint: `a process in it did not stop within ${FREEZE_DEADLINE_MS / 1000} s`,
  });
}

/** v1's freezer: `freezer.state`. */
function freezerV1(directory: string): Freezer {
  const file = `${directory}/freezer.state`;
  const thaw = () => writeValue(file, "THAWED");
  let rounds = 0;
  const done = () => {
    if (readValueIfThere(file) === "FROZEN") return true;
    // A fork during freezing can leave it FREEZING for ever: the kernel looks
    // again only when told, and some need it thawed in between.
    if (++rounds % 16 === 0) thaw();
    writeValue(file, "FROZEN");
    return false;
  };
  return {
    freeze: () =>
      freezeOrThaw(directory, () => writeValue(file, "FROZEN"), done, thaw),
    thaw,
    frozen: () => (readValueIfThere(file) ?? "THAWED") !== "THAWED",
  };
}

/** v2's: `cgroup.freeze`, and the result in `cgroup.events`. */
function freezerV2(directory: string): Freezer {
  const file = `${directory}/cgroup.freeze`;
  const thaw = () => writeValue(file, "0");
  const done = () =>
    /^frozen 1$/m.test(readValueIfThere(`${directory}/cgroup.events`) ?? "");
  return {
    freeze: () =>
      freezeOrThaw(directory, () => writeValue(file, "1"), done, thaw),
    thaw,
    frozen: () => readValueIfThere(file) === "1",
  };
}

/** The freezer of a container's cgroup: v1's where there is one. */
export function freezerOf({ paths }: CgroupRecord): Freezer | undefined {
  const { freezer, "": tree } = paths;
  if (freezer !== undefined) return freezerV1(freezer);
  return tree === undefined ? undefined : freezerV2(tree);
}
