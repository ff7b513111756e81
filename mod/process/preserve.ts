/**
 * The descriptors that a program gets behind stdio.
 *
 * Runs in: launcher.
 *
 * @module
 */

import { FCNTL } from "../../ffi/abi/fcntl.ts";
import { attempt } from "../../ffi/call.ts";
import { fcntl } from "../../ffi/file.ts";
import { local } from "../../ffi/local.ts";
import { RuntimeError } from "../errors.ts";

const FD_CLOEXEC = 1;

/**
 * Reads the value of `--preserve-fds`, and makes sure that our caller passed
 * that many: where it did not, the number can be that of a descriptor of our
 * own, which no container may have. Ours are close-on-exec; one that was passed
 * through execve(2) to us cannot be.
 *
 * @throws {RuntimeError}
 */
export function preservedDescriptors(text = "0"): number {
  if (!/^\d{1,4}$/.test(text)) {
    throw new RuntimeError(`--preserve-fds ${JSON.stringify(text)}`, {
      hint: "a number of descriptors",
    });
  }
  const count = Number(text);
  for (let fd = 3; fd < 3 + count; fd++) {
    const flags = attempt(local, fcntl(fd, FCNTL.F_GETFD, 0));
    if (flags >= 0 && (flags & FD_CLOEXEC) === 0) continue;
    throw new RuntimeError(
      `please check that preserved-fd ${fd} (of ${count}) is present`,
    );
  }
  return count;
}

/**
 * The descriptors that systemd passed for the program: sd_listen_fds(3). Only
 * those that are meant for this process: LISTEN_PID names it.
 */
export function socketActivation(
  env: (name: string) => string | undefined,
  pid: number,
): number {
  const count = env("LISTEN_FDS") ?? "";
  const meant = env("LISTEN_PID") === String(pid);
  return meant && /^\d{1,4}$/.test(count) ? Number(count) : 0;
}
