/**
 * The terminal that the launcher was called on: its size and its modes.
 *
 * Runs in: launcher.
 *
 * @module
 */

import { FCNTL } from "../../ffi/abi/fcntl.ts";
import { attempt, tolerate } from "../../ffi/call.ts";
import { AT_FDCWD, close, openat } from "../../ffi/file.ts";
import { local } from "../../ffi/local.ts";
import {
  getModes,
  getWindowSize,
  rawModes,
  setModes,
  windowSizeOf,
} from "../../ffi/tty.ts";
import type { WindowSize } from "../../ffi/tty.ts";

/** The caller's terminal. */
export interface CallerTerminal extends Disposable {
  /** Its size; undefined where it has none, or is gone. */
  size(): WindowSize | undefined;
  /**
   * Has it hand every key on: none is a signal any more. Left alone where the
   * keys are not ours, and while a shell has us in the background.
   */
  makeRaw(): void;
  /** Gives it back as it was. */
  restore(): void;
}

/** The modes of a terminal; undefined for what is none. */
export function modesOf(fd: number): Uint8Array | undefined {
  const call = tolerate(getModes(fd));
  const results = local.run(call);
  return results.value(call) < 0 ? undefined : results.output(call);
}

/** Whether a descriptor is a terminal: isatty(3). */
export function isTerminal(fd: number): boolean {
  return modesOf(fd) !== undefined;
}

/**
 * Whether a shell has put this process in the background: another group than
 * ours has our controlling terminal.
 */
export function inBackground(): boolean {
  const stat = Deno.readTextFileSync("/proc/self/stat");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const [, , group, , , foreground] = fields.map(Number);
  return foreground !== undefined && foreground > 0 && foreground !== group;
}

/**
 * Finds the caller's terminal: the first of the standard streams that is one,
 * or, where all are redirected, the controlling terminal (as runc does), which
 * then only tells its size.
 */
export function callerTerminal(): CallerTerminal | undefined {
  const stream = [0, 1, 2].find(isTerminal);
  const flags = FCNTL.O_RDWR | FCNTL.O_NOCTTY;
  const fd = stream ?? attempt(local, openat(AT_FDCWD, "/dev/tty", flags));
  if (fd < 0) return undefined;
  const before = stream === 0 ? modesOf(fd) : undefined;
  let raw = false;
  const restore = () => {
    if (!raw || before === undefined) return;
    raw = false;
    if (!inBackground()) attempt(local, setModes(fd, before));
  };
  return {
    size() {
      const call = tolerate(getWindowSize(fd));
      const results = local.run(call);
      if (results.value(call) < 0) return undefined;
      const size = windowSizeOf(results.output(call));
      return size.rows === 0 && size.columns === 0 ? undefined : size;
    },
    makeRaw() {
      if (before === undefined || inBackground()) return;
      raw = true;
      attempt(local, setModes(fd, rawModes(before)));
    },
    restore,
    [Symbol.dispose]() {
      restore();
      if (stream === undefined) attempt(local, close(fd));
    },
  };
}
