/**
 * From root of the container to the program's user, with no more than the spec
 * grants.
 *
 * Runs in: gofer, driven by the launcher, after the pivot.
 *
 * @module
 */

import { CAPABILITY } from "../../ffi/abi/capability.ts";
import { PRCTL } from "../../ffi/abi/prctl.ts";
import { attempt, perform, tolerate } from "../../ffi/call.ts";
import type { Call } from "../../ffi/call.ts";
import { umask } from "../../ffi/file.ts";
import {
  capset,
  execveat,
  prctl,
  setgroups,
  setresgid,
  setresuid,
} from "../../ffi/process.ts";
import { SyscallError } from "../../ffi/errno.ts";
import { RuntimeError } from "../errors.ts";
import type { Context } from "../gofer/context.ts";
import { goferOf } from "../gofer/context.ts";
import type { CredentialsStep, ReexecStep } from "./plan.ts";

const UNCHANGED = 0xffffffff;

/** The bit of each capability, by name. */
const BIT = CAPABILITY as Readonly<Record<string, number>>;

/** A set of capabilities as a mask. */
export function capabilityMask(names: readonly string[]): bigint {
  return names.reduce(
    (mask, name) => mask | (1n << BigInt(BIT[name] ?? 63)),
    0n,
  );
}

/** Drops all of the bounding set but `keep`; those unknown to the kernel too. */
function dropBounding(keep: readonly string[]): Call[] {
  return Object.entries(CAPABILITY)
    .filter(([name]) => !keep.includes(name))
    .map(([, bit]) => tolerate(prctl("PR_CAPBSET_DROP", bit)));
}

/**
 * Executes the gofer anew: its memory, and every privilege that the bounding
 * set no longer has, are gone.
 *
 * An execve makes a process dumpable again, and a neighbour in its pid
 * namespace could seize it at once. With an effective group that is not the
 * real one the kernel keeps it undumpable.
 */
export function reexec(step: ReexecStep, context: Context): void {
  const gofer = goferOf(context);
  gofer.run(...dropBounding(step.keep));
  attempt(gofer, setresgid(UNCHANGED, OTHER_GROUP, UNCHANGED));
  gofer.reexec(execveat(gofer.self, ["burrow-init"], []));
  const dumpable = perform(gofer, prctl("PR_GET_DUMPABLE"));
  gofer.run(
    prctl("PR_SET_DUMPABLE", 0),
    // Else its name is the number of a descriptor.
    prctl("PR_SET_NAME", "burrow-init"),
    prctl("PR_SET_PDEATHSIG", 9),
  );
  if (dumpable !== 0) {
    context.warn(
      "the parked process could be traced for a moment: only one group is " +
        "mapped, or fs.suid_dumpable is 1",
    );
  }
}

/** Any group but root's: it is the effective one for the re-exec only. */
const OTHER_GROUP = 1;

/** Sets the program's ids and capabilities, in the one order that works. */
export function setCredentials(step: CredentialsStep, context: Context): void {
  const gofer = goferOf(context);
  const inheritable = capabilityMask(step.inheritable);
  const needed = capabilityMask(["CAP_SETGID", "CAP_SETUID", "CAP_SETPCAP"]);
  const retained = capabilityMask(step.retained);
  const permitted = capabilityMask(step.permitted) | retained;
  const setup = permitted | needed;
  const groups = step.additionalGids;
  const setGroups = setgroups(groups);
  try {
    gofer.run(
      umask(step.umask),
      // Inheritable first: it may not grow once the bounding set is dropped.
      capset({ effective: setup, permitted: setup, inheritable }),
      ...dropBounding(step.bounding),
      // Supplementary groups are set even when none are asked for: the
      // caller's must not stay (CVE-2022-36109, CVE-2023-25173).
      groups.length === 0 ? tolerate(setGroups) : setGroups,
      setresgid(step.gid, step.gid, step.gid),
      prctl("PR_SET_KEEPCAPS", 1),
      setresuid(step.uid, step.uid, step.uid),
      prctl("PR_SET_KEEPCAPS", 0),
      capset({
        effective: capabilityMask(step.effective),
        permitted,
        inheritable,
      }),
      prctl("PR_SET_PDEATHSIG", 9),
    );
  } catch (error) {
    if (error instanceof SyscallError && error.code === "EINVAL") {
      throw new RuntimeError(
        `user ${step.uid}, group ${step.gid}: not mapped in the user namespace`,
        { cause: error },
      );
    }
    throw error;
  }
  for (const name of step.ambient) {
    const raise = prctl(
      "PR_CAP_AMBIENT",
      PRCTL.PR_CAP_AMBIENT_RAISE,
      BIT[name] ?? 63,
      0,
      0,
    );
    if (attempt(gofer, raise) < 0) {
      context.warn(
        `${name} cannot be ambient: it is not both permitted and inheritable`,
      );
    }
  }
  if (step.noNewPrivileges) {
    perform(gofer, prctl("PR_SET_NO_NEW_PRIVS", 1, 0, 0, 0));
  }
}
