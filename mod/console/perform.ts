/**
 * The step that gives the program its terminal.
 *
 * @module
 */

import { FCNTL } from "../../ffi/abi/fcntl.ts";
import { attempt, perform } from "../../ffi/call.ts";
import type { Target } from "../../ffi/call.ts";
import { AT_FDCWD, close, openat } from "../../ffi/file.ts";
import type { Gofer } from "../../ffi/gofer/channel.ts";
import { local } from "../../ffi/local.ts";
import type { Context } from "../gofer/context.ts";
import { goferOf, rootOf } from "../gofer/context.ts";
import type { ConsoleStep } from "./plan.ts";
import {
  attachTerminal,
  bindConsole,
  controlTerminal,
  openPty,
} from "./pty.ts";
import type { Pty } from "./pty.ts";
import { sendConsole } from "./socket.ts";

/** A run whose program may have a terminal. */
export interface ConsoleContext extends Context {
  /** In the launcher: the master of the program's terminal, if it keeps it. */
  master?: number | undefined;
}

/**
 * Makes the terminal, takes it, and hands its master on. Runs in: gofer, driven
 * by the launcher, after the pivot; what hooks print still went to the caller.
 */
export function makeConsole(step: ConsoleStep, context: ConsoleContext): void {
  const gofer = goferOf(context);
  const root = rootOf(context);
  const pty = openPty(gofer, root);
  bindConsole(gofer, root, pty.peer);
  attachTerminal(gofer, pty.peer, step.size);
  controlTerminal(gofer);
  context.master = handOn(gofer, pty, step.socket);
}

/**
 * Makes the terminal of a program of `exec`. Runs in: gofer, driven by the
 * launcher, in the container's namespaces. The child that becomes the program
 * leads a session of its own, and takes the terminal itself.
 *
 * @returns the master, where the launcher keeps it
 */
export function makeExecConsole(
  step: ConsoleStep,
  context: Context,
): number | undefined {
  const gofer = goferOf(context);
  const root = rootHere(gofer);
  const pty = openPty(gofer, root);
  perform(gofer, close(root));
  attachTerminal(gofer, pty.peer, step.size);
  return handOn(gofer, pty, step.socket);
}

/** Opens the root in which the target is. */
function rootHere(target: Target): number {
  const flags = FCNTL.O_PATH | FCNTL.O_DIRECTORY;
  return perform(target, openat(AT_FDCWD, "/", flags));
}

/** Takes the master from the gofer: for us, or for who listens at the socket. */
function handOn(
  gofer: Gofer,
  { master, name }: Pty,
  socket: string | undefined,
): number | undefined {
  const mine = gofer.take(master);
  perform(gofer, close(master));
  if (socket === undefined) return mine;
  try {
    sendConsole(socket, mine, name);
  } finally {
    attempt(local, close(mine));
  }
  return undefined;
}
