/**
 * The launcher's own standard streams, without ever waiting in them.
 *
 * Runs in: launcher.
 *
 * @module
 */

import { FCNTL } from "../../ffi/abi/fcntl.ts";
import { STATX_BUFFER } from "../../ffi/abi/layout.ts";
import { attempt, tolerate } from "../../ffi/call.ts";
import { AT_FDCWD, close, openat, read, statx, write } from "../../ffi/file.ts";
import { local } from "../../ffi/local.ts";
import { unpack } from "../../ffi/struct.ts";
import { isTerminal } from "./terminal.ts";

const S_IFMT = 0o170000;
const S_IFIFO = 0o010000;
const O_WRONLY = 1;
const EINTR = -4;
const EAGAIN = -11;

/** How much is moved at once, in bytes: what a pty hands out, and PIPE_BUF. */
const PIECE = 4096;

/** What a read gave: bytes, `later`, or `end` (also where it failed). */
export type Piece = Uint8Array | "later" | "end";

/** A descriptor, and whether it is ours to close. */
export interface Stream extends Disposable {
  /** Its number. */
  readonly fd: number;
}

/** Is it the master of a pty? Opened again it would be a new one. */
function isMaster(status: ReturnType<typeof unpack<typeof STATX_BUFFER>>) {
  return status.stx_rdev_major === 5 && status.stx_rdev_minor === 2;
}

/**
 * A standard stream for use without waiting. Terminals and pipes are opened
 * anew: O_NONBLOCK on the stream itself would be on the caller's too, and stay.
 * Others (files, sockets), and what may not be opened, are used as they are,
 * which waits only where poll(2) has promised too much.
 */
export function ownStream(fd: 0 | 1): Stream {
  const call = statx(fd, "");
  const status = unpack(STATX_BUFFER, local.run(call).output(call));
  const again = (status.stx_mode & S_IFMT) === S_IFIFO ||
    (isTerminal(fd) && !isMaster(status));
  const flags = FCNTL.O_NONBLOCK | FCNTL.O_NOCTTY | (fd === 0 ? 0 : O_WRONLY);
  const opened = again
    ? attempt(local, openat(AT_FDCWD, `/proc/self/fd/${fd}`, flags))
    : -1;
  return {
    fd: opened < 0 ? fd : opened,
    [Symbol.dispose]: () => {
      if (opened >= 0) attempt(local, close(opened));
    },
  };
}

/** Reads a piece. */
export function readPiece(fd: number): Piece {
  const call = tolerate(read(fd, PIECE));
  const results = local.run(call);
  const size = results.value(call);
  if (size === EAGAIN || size === EINTR) return "later";
  return size <= 0 ? "end" : results.output(call).slice(0, size);
}

/** Writes what goes; returns what is left, or undefined where nobody reads. */
export function writePiece(
  fd: number,
  bytes: Uint8Array,
): Uint8Array | undefined {
  const size = attempt(local, write(fd, bytes));
  if (size === EAGAIN || size === EINTR) return bytes;
  return size < 0 ? undefined : bytes.subarray(size);
}
