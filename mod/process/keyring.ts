/**
 * The session keyring of a container.
 *
 * Runs in: gofer, driven by the launcher, as root of the container.
 *
 * @see https://man7.org/linux/man-pages/man7/session-keyring.7.html
 * @module
 */

import { tolerate } from "../../ffi/call.ts";
import {
  describeKey,
  joinSessionKeyring,
  setKeyPermissions,
} from "../../ffi/keyring.ts";
import { SyscallError } from "../../ffi/errno.ts";
import { RuntimeError } from "../errors.ts";
import type { Context } from "../gofer/context.ts";
import { goferOf } from "../gofer/context.ts";
import type { SessionKeyringStep } from "./attribute.ts";

/** keyctl(2): others may find keys in it. */
const OTHERS_SEARCH = 0x8;
/** keyctl(2): its owner may find keys in it. */
const OWNER_SEARCH = 0x80000;

/** The permissions in a description: type;uid;gid;permissions;name. */
function permissionsOf(description: Uint8Array): number | undefined {
  const text = new TextDecoder().decode(description);
  const field = text.split(";")[3] ?? "";
  return /^[0-9a-f]{1,8}$/.test(field) ? parseInt(field, 16) : undefined;
}

/**
 * Joins the session keyring of the container, and lets its users search it,
 * whom setuid(2) leaves without possession of it. A kernel without keys has
 * none to share either.
 */
export function joinKeyring(step: SessionKeyringStep, context: Context): void {
  const gofer = goferOf(context);
  const key = joinSessionKeyring(step.name);
  const description = tolerate(describeKey(key));
  try {
    const results = gofer.run(key, description);
    const before = permissionsOf(
      results.output(description)
        .subarray(0, Math.max(0, results.value(description))),
    );
    if (before === undefined) return;
    const added = step.mapped ? OTHERS_SEARCH : OWNER_SEARCH;
    gofer.run(setKeyPermissions(results.value(key), before | added));
  } catch (cause) {
    const code = cause instanceof SyscallError ? cause.code : "";
    if (code === "ENOSYS") return;
    throw new RuntimeError("session keyring", {
      cause,
      hint: "--no-new-keyring does without",
    });
  }
}
