/**
 * `update-application-profile`: EGL and Vulkan see the GPUs of the container
 * and not those of the host.
 *
 * @module
 */

import { attempt } from "../../../ffi/call.ts";
import { SyscallError } from "../../../ffi/errno.ts";
import { close } from "../../../ffi/file.ts";
import type { HookSite } from "./site.ts";
import { kindOf, listFolder, openIn, writeText } from "./site.ts";

const FOLDER = "/etc/nvidia/nvidia-application-profiles-rc.d";
const FILE = "10-container.conf";

/** The profile that shows the GPUs with these minors, of 64 at most. */
export function profileText(minors: readonly number[]): string {
  const mask = minors
    .filter((minor) => minor < 64)
    .reduce((all, minor) => all | (1n << BigInt(minor)), 0n);
  const settings = `["EGLVisibleDGPUDevices", 0x${mask.toString(16)}]`;
  return `{"profiles": [{"name": "_container_", "settings": ${settings}}], ` +
    `"rules": [{"pattern": [], "profile": "_container_"}]}\n`;
}

/** Writes the profile of the GPUs in the container's /dev. */
export function updateApplicationProfile(site: HookSite): void {
  const names = listFolder(site, "/dev").filter((n) => /^nvidia\d+$/.test(n));
  if (names.length === 0) return;
  const dev = attempt(site.gofer, openIn(site, "/dev"));
  if (dev < 0) return;
  const minors = names.flatMap((name) => {
    const status = kindOf(site, dev, name);
    return status?.kind === "char" ? [status.minor] : [];
  });
  site.gofer.run(close(dev));
  if (minors.length === 0) return;
  try {
    const folder = site.openFolder(FOLDER);
    writeText(site, folder, FILE, profileText(minors), 0o444);
    site.gofer.run(close(folder));
  } catch (error) {
    const code = error instanceof SyscallError ? error.code : "";
    if (!["EROFS", "EPERM", "EACCES"].includes(code)) throw error;
    site.warn(`update-application-profile: "${FOLDER}" is read-only, ignoring`);
  }
}
