/**
 * What the steps of `exec` share.
 *
 * Runs in: launcher.
 *
 * @module
 */

import { attempt } from "../../ffi/call.ts";
import { close } from "../../ffi/file.ts";
import { local } from "../../ffi/local.ts";
import type { Context } from "../gofer/context.ts";
import type { ContainerRecord } from "../state/store.ts";

/** What the steps of `exec` share. */
export interface ExecRun extends Context {
  readonly record: ContainerRecord;
  /** Was the working directory entered as root? */
  entered: boolean;
  /** Our ends of what the loaded gofer waits for, and reports on. */
  go: number;
  report: number;
  /** The container's root, for the reason of a failure. */
  containerRoot: number;
  /** The program of the container's system call filter. */
  readonly filter: Uint8Array | undefined;
  /** The working directory of the program. */
  readonly cwd: string;
  /** The program's process, once forked. */
  pid: number;
  /** What is to be closed. */
  readonly stack: DisposableStack;
}

/** Keeps a descriptor until the run is over. */
export function keep(run: ExecRun, fd: number): number {
  run.stack.defer(() => void attempt(local, close(fd)));
  return fd;
}
