/**
 * The step that gives the program its terminal.
 *
 * @module
 */

import { attempt, perform } from "../../ffi/call.ts";
import { close } from "../../ffi/file.ts";
import { local } from "../../ffi/local.ts";
import type { Context } from "../gofer/context.ts";
import { goferOf, rootOf } from "../gofer/context.ts";
import type { ConsoleStep } from "./plan.ts";
import { attachTerminal, bindConsole, openPty } from "./pty.ts";
import { sendConsole } from "./socket.ts";

/** A run whose program may have a terminal. */
export interface ConsoleContext extends Context {
  /** In the launcher: the master of the program's terminal, if it keeps it. */
  master?: number;
}

/**
 * Makes the terminal, takes it, and hands its master on. Runs in: gofer, driven
 * by the launcher, after the pivot; what hooks print still went to the caller.
 */
export function makeConsole(step: ConsoleStep, context: ConsoleContext): void {
  const gofer = goferOf(context);
  const root = rootOf(context);
  const { master, peer, name } = openPty(gofer, root);
  bindConsole(gofer, root, peer);
  attachTerminal(gofer, peer, step.size);
  const mine = gofer.take(master);
  perform(gofer, close(master));
  if (step.socket === undefined) {
    context.master = mine;
    return;
  }
  try {
    sendConsole(step.socket, mine, name);
  } finally {
    attempt(local, close(mine));
  }
}
