/**
 * Mounts whose ids are mapped: mount_setattr(2), MOUNT_ATTR_IDMAP.
 *
 * Runs in: gofer, driven by the launcher.
 *
 * @module
 */

import { MOUNT } from "../../ffi/abi/mount.ts";
import type { Call } from "../../ffi/call.ts";
import type { Fd } from "../../ffi/file.ts";
import { mountSetattr } from "../../ffi/mount.ts";
import { SyscallError } from "../../ffi/errno.ts";
import { RuntimeError } from "../errors.ts";
import type { Context } from "../gofer/context.ts";
import type { MountIdMap } from "./step.ts";

/** The call that maps the ids of a detached tree; none where none is asked. */
export function idMapCalls(
  tree: Fd,
  idmap: MountIdMap | undefined,
  context: Context,
  object: string,
): Call[] {
  if (idmap === undefined) return [];
  const userns = context.mappings?.get(idmap.mapping);
  if (userns === undefined) throw new RuntimeError("no id mapping");
  const { recursive } = idmap;
  const set = MOUNT.MOUNT_ATTR_IDMAP;
  return [mountSetattr(tree, { set, userns, recursive }, object)];
}

/** Says why the ids of a mount cannot be mapped. */
export function idMapError(cause: unknown, object: string): RuntimeError {
  const code = cause instanceof SyscallError ? cause.code : "";
  const hints: Readonly<Record<string, string>> = {
    EINVAL: "its filesystem, or one below it, does not know mapped ids",
    EPERM: "only who controls the filesystem may: the host's root",
  };
  const hint = hints[code];
  return new RuntimeError(`cannot map the ids of "${object}"`, {
    cause,
    ...hint === undefined ? {} : { hint },
  });
}
