/**
 * `--console-socket`: the master of a terminal goes to whoever listens there.
 *
 * Runs in: launcher.
 *
 * @module
 */

import { FCNTL } from "../../ffi/abi/fcntl.ts";
import { SOCKET } from "../../ffi/abi/socket.ts";
import { attempt, perform } from "../../ffi/call.ts";
import { AT_FDCWD, close, openat } from "../../ffi/file.ts";
import { local } from "../../ffi/local.ts";
import {
  connect,
  MOST_SOCKET_PATH,
  sendFds,
  socket,
} from "../../ffi/socket.ts";
import { RuntimeError } from "../errors.ts";

/**
 * Sends a descriptor to the socket at `path`, with the terminal's name as the
 * message. The descriptor stays open here.
 *
 * @throws {RuntimeError} where nobody listens
 */
export function sendConsole(path: string, fd: number, name: string): void {
  using stack = new DisposableStack();
  const own = (opened: number) => {
    stack.defer(() => void attempt(local, close(opened)));
    return opened;
  };
  try {
    const long = new TextEncoder().encode(path).length > MOST_SOCKET_PATH;
    // A path too long for an address is opened first: its descriptor is a path.
    const address = long
      ? `/proc/self/fd/${
        own(perform(local, openat(AT_FDCWD, path, FCNTL.O_PATH)))
      }`
      : path;
    const connection = own(perform(local, socket(SOCKET.SOCK_STREAM)));
    local.run(
      connect(connection, address),
      sendFds(connection, [fd], new TextEncoder().encode(name)),
    );
  } catch (cause) {
    throw new RuntimeError(`cannot send the terminal to "${path}"`, { cause });
  }
}
