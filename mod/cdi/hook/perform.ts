/**
 * Does what a hook is to do, on a container that is being made.
 *
 * Runs in: launcher, which drives a gofer in the container's namespaces: the
 * container's own, or one of a hook process.
 *
 * @module
 */

import { SyscallError } from "../../../ffi/errno.ts";
import { RuntimeError } from "../../errors.ts";
import type { HookJob } from "./arguments.ts";
import { enableCudaCompat } from "./compat.ts";
import { extendConf } from "./conf.ts";
import { runLdconfig } from "./ldconfig.ts";
import { changeModes } from "./mode.ts";
import { disableDeviceNodeModification } from "./params.ts";
import { updateApplicationProfile } from "./profile.ts";
import type { HookSite } from "./site.ts";
import { createSymlinks } from "./symlink.ts";

/** How long ldconfig may take where the spec says nothing, in milliseconds. */
const LDCONFIG_TIMEOUT_MS = 60_000;
const HOST_PARAMS = "/proc/driver/nvidia/params";

/** A file of the host; undefined where it is not there. */
function hostText(path: string): string | undefined {
  try {
    return Deno.readTextFileSync(path);
  } catch {
    return undefined;
  }
}

/** Makes the loader find the libraries in `folders`. */
function updateLdcache(
  site: HookSite,
  job: Extract<HookJob, { kind: "update-ldcache" }>,
  timeoutMs: number,
): void {
  try {
    extendConf(site, job.folders);
    runLdconfig(site, job.ldconfig, timeoutMs);
  } catch (cause) {
    const readOnly =
      (cause instanceof SyscallError && cause.code === "EROFS") ||
      (cause instanceof Error && /read-only file system/i.test(cause.message));
    throw new RuntimeError("update-ldcache", {
      cause,
      ...readOnly
        ? {
          hint:
            "the loader's cache is on a read-only root: burrow lays an overlay over it, other runtimes need a writable one",
        }
        : {},
    });
  }
}

/**
 * Does the job of a hook.
 *
 * @throws {RuntimeError} naming the hook
 */
export function performJob(
  site: HookSite,
  job: HookJob,
  timeoutMs: number = LDCONFIG_TIMEOUT_MS,
): void {
  switch (job.kind) {
    case "create-symlinks":
      return createSymlinks(site, job.links);
    case "update-ldcache":
      return updateLdcache(site, job, timeoutMs);
    case "enable-cuda-compat":
      return enableCudaCompat(site, job);
    case "disable-device-node-modification":
      return disableDeviceNodeModification(site, hostText(HOST_PARAMS));
    case "update-application-profile":
      return updateApplicationProfile(site);
    case "chmod":
      return changeModes(site, job.mode, job.paths);
    case "noop":
      return;
  }
}
