/**
 * keyctl(2), as data.
 *
 * @module
 */

import { KEYCTL } from "./abi/keyctl.ts";
import type { Call } from "./call.ts";

/** A key: its serial number, or the call of the same batch that gives it. */
export type Key = number | Call;

/** Joins the session keyring of this name, which is made where there is none. */
export function joinSessionKeyring(name: string): Call {
  return {
    syscall: "keyctl",
    args: [KEYCTL.KEYCTL_JOIN_SESSION_KEYRING, name],
    object: JSON.stringify(name),
  };
}

/** Describes a key; the output is text: type;uid;gid;permissions;name. */
export function describeKey(key: Key): Call {
  return {
    syscall: "keyctl",
    args: [KEYCTL.KEYCTL_DESCRIBE, key, { output: 512 }, 512],
    object: "key",
  };
}

/** Sets the permissions of a key. */
export function setKeyPermissions(key: Key, permissions: number): Call {
  return {
    syscall: "keyctl",
    args: [KEYCTL.KEYCTL_SETPERM, key, permissions],
    object: "key",
  };
}
