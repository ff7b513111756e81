/**
 * `disable-device-node-modification`: the driver's tools in the container read
 * in /proc/driver/nvidia/params that they may make no device nodes.
 *
 * @module
 */

import { FCNTL } from "../../../ffi/abi/fcntl.ts";
import { MOUNT } from "../../../ffi/abi/mount.ts";
import { attempt } from "../../../ffi/call.ts";
import { close, fchdir, openat, write } from "../../../ffi/file.ts";
import {
  fsconfigCreate,
  fsconfigSet,
  fsmount,
  fsopen,
  mountSetattr,
  moveMount,
  openTree,
  umount2,
} from "../../../ffi/mount.ts";
import type { HookSite } from "./site.ts";
import { openIn, readText } from "./site.ts";

const PARAMS = "/proc/driver/nvidia/params";

/** The parameters with the permission taken; undefined: it is not given. */
export function withoutModification(params: string): string | undefined {
  const given = /^ModifyDeviceFiles: 1$/m;
  return given.test(params)
    ? params.replace(given, "ModifyDeviceFiles: 0")
    : undefined;
}

/**
 * Covers the parameters by a file that is made for it. `host` is what the
 * host's file says; undefined: there is no such driver.
 *
 * The file lies on a tmpfs that is attached to the root only while its file is
 * taken from it: older kernels clone no file of a detached mount.
 */
export function disableDeviceNodeModification(
  site: HookSite,
  host: string | undefined,
): void {
  const text = host === undefined ? undefined : withoutModification(host);
  if (text === undefined) return;
  if (/^ModifyDeviceFiles: 0$/m.test(readText(site, PARAMS) ?? "")) return;
  const { gofer, root } = site;
  const target = attempt(gofer, openIn(site, PARAMS));
  if (target < 0) {
    site.warn(`the container has no ${PARAMS}, ignoring`);
    return;
  }
  const attributes = MOUNT.MOUNT_ATTR_NOSUID | MOUNT.MOUNT_ATTR_NODEV |
    MOUNT.MOUNT_ATTR_NOEXEC;
  const fs = fsopen("tmpfs");
  const tmpfs = fsmount(fs, attributes, PARAMS);
  const file = openat(
    tmpfs,
    "params",
    FCNTL.O_CREAT | FCNTL.O_EXCL | FCNTL.O_RDWR,
    0o444,
  );
  const cover = openTree(tmpfs, "params");
  gofer.run(
    fs,
    fsconfigSet(fs, "size", "64k"),
    fsconfigCreate(fs, "tmpfs"),
    tmpfs,
    close(fs),
    file,
    write(file, text, PARAMS),
    close(file),
    moveMount(tmpfs, root, "/"),
    cover,
    fchdir(tmpfs),
    umount2(".", MOUNT.MNT_DETACH),
    fchdir(root),
    close(tmpfs),
    mountSetattr(
      cover,
      { set: MOUNT.MOUNT_ATTR_RDONLY, propagation: MOUNT.MS_PRIVATE },
      PARAMS,
    ),
    moveMount(cover, target, PARAMS),
    close(cover),
    close(target),
  );
}
