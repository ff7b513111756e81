/**
 * `chmod`: the mode of files of the container, beneath its root.
 *
 * @module
 */

import { attempt, callError } from "../../../ffi/call.ts";
import { errnoName } from "../../../ffi/errno.ts";
import { AT_FDCWD, close, fchmodat } from "../../../ffi/file.ts";
import type { HookSite } from "./site.ts";
import { openIn } from "./site.ts";

/** Sets the mode of each path; a file that may not be changed is passed over. */
export function changeModes(
  site: HookSite,
  mode: number,
  paths: readonly string[],
): void {
  const { gofer } = site;
  for (const path of paths) {
    const fd = attempt(gofer, openIn(site, path));
    if (fd < 0) throw callError(openIn(site, path), fd);
    // Not opened for reading: it may be a device. The host's procfs has it.
    const call = fchmodat(AT_FDCWD, `/proc/self/fd/${fd}`, mode);
    const result = attempt(gofer, call);
    gofer.run(close(fd));
    if (result >= 0) continue;
    const code = errnoName(-result);
    if (code !== "EPERM" && code !== "EROFS") throw callError(call, result);
    site.warn(`chmod: "${path}": ${code}, ignoring`);
  }
}
