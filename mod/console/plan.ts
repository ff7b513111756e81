/**
 * The terminal of a program: the step that makes it, and which wishes for one
 * make sense. Pure.
 *
 * @module
 */

import type { WindowSize } from "../../ffi/tty.ts";
import { RuntimeError } from "../errors.ts";
import type { Process } from "../spec/process.ts";

/**
 * Makes a terminal of the container's own devpts: the program's standard
 * streams, its controlling terminal, and `/dev/console`.
 */
export interface ConsoleStep {
  readonly kind: "console";
  /** Whom its master is sent to; absent: the launcher keeps it. */
  readonly socket?: string;
  /** Its first size; absent: 0 by 0. */
  readonly size?: WindowSize;
}

/** The steps that make the terminal of a process; none where it has none. */
export function planConsole(
  { terminal, consoleSize }: Process,
  socket: string | undefined,
): ConsoleStep[] {
  if (terminal !== true) return [];
  const { height: rows = 0, width: columns = 0 } = consoleSize ?? {};
  return [{
    kind: "console",
    ...socket === undefined ? {} : { socket },
    ...rows === 0 && columns === 0 ? {} : { size: { rows, columns } },
  }];
}

/**
 * Refuses a terminal that nobody would hold the other end of, and a socket that
 * nothing would be sent to.
 *
 * @throws {RuntimeError} in words that callers know from runc
 */
export function checkConsole(
  wanted: { terminal: boolean; detached: boolean; socket: string | undefined },
): void {
  const { terminal, detached, socket } = wanted;
  if (detached && terminal && socket === undefined) {
    throw new RuntimeError(
      "cannot allocate tty if burrow will detach without setting console socket",
      { hint: 'give --console-socket, or set "terminal": false' },
    );
  }
  if (!(detached && terminal) && socket !== undefined) {
    throw new RuntimeError(
      "cannot use console socket if burrow will not detach or allocate tty",
    );
  }
}
