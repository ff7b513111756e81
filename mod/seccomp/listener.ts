/**
 * Hands the descriptor on which system calls are notified to the one who
 * answers them.
 *
 * Runs in: launcher.
 *
 * @see https://github.com/opencontainers/runtime-spec/blob/v1.3.0/config-linux.md#containerprocessstate
 * @module
 */

import { FCNTL } from "../../ffi/abi/fcntl.ts";
import { SOCKET } from "../../ffi/abi/socket.ts";
import { attempt, perform } from "../../ffi/call.ts";
import { AT_FDCWD, close, openat } from "../../ffi/file.ts";
import { local } from "../../ffi/local.ts";
import { pidfdGetfd } from "../../ffi/seccomp.ts";
import { pidfdOpen } from "../../ffi/process.ts";
import {
  connect,
  MOST_SOCKET_PATH,
  sendFds,
  socket,
} from "../../ffi/socket.ts";
import { RuntimeError } from "../errors.ts";
import type { OciState } from "../spec/state.ts";

/** How the spec calls the descriptor. */
const SECCOMP_FD = "seccompFd";

/** What the listener is told of the container. */
export function containerProcessState(
  state: OciState,
  metadata: string,
): string {
  return JSON.stringify({
    ociVersion: state.ociVersion,
    fds: [SECCOMP_FD],
    pid: state.pid ?? 0,
    metadata,
    state,
  });
}

/**
 * Takes the listener's descriptor from the gofer, which need not do anything
 * for it: its filter may already refuse sendmsg(2).
 */
export function takeListener(pid: number, fd: number): number {
  const pidfd = pidfdOpen(pid);
  const taken = pidfdGetfd(pidfd, fd);
  const results = local.run(pidfd, taken, close(pidfd));
  return results.value(taken);
}

/**
 * Sends a descriptor and a document, in one message, to a stream socket.
 *
 * @throws {RuntimeError} where nobody listens
 */
export function sendListener(path: string, fd: number, document: string): void {
  using stack = new DisposableStack();
  const own = (made: number) => {
    stack.defer(() => void attempt(local, close(made)));
    return made;
  };
  try {
    const long = new TextEncoder().encode(path).length > MOST_SOCKET_PATH;
    // A path too long for an address is opened: its descriptor is a path too.
    const address = long
      ? `/proc/self/fd/${
        own(perform(local, openat(AT_FDCWD, path, FCNTL.O_PATH)))
      }`
      : path;
    const to = own(perform(local, socket(SOCKET.SOCK_STREAM)));
    local.run(
      connect(to, address),
      sendFds(to, [fd], new TextEncoder().encode(document)),
    );
  } catch (cause) {
    throw new RuntimeError(`linux.seccomp.listenerPath "${path}"`, { cause });
  }
}
