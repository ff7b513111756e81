/**
 * Sockets, and descriptors sent over them, as data.
 *
 * @module
 */

import { CMSGHDR, IOVEC, MSGHDR, TIMEVAL } from "./abi/layout.ts";
import { SOCKET } from "./abi/socket.ts";
import type { Arg, Call, Memory } from "./call.ts";
import type { Fd } from "./file.ts";
import { pack } from "./struct.ts";

/** Size of ancillary data with `count` descriptors: CMSG_SPACE. */
function controlSize(count: number): number {
  return CMSGHDR.size + ((4 * count + 7) & ~7);
}

/** The most bytes that a path in a `struct sockaddr_un` has room for. */
export const MOST_SOCKET_PATH = 107;

/** socket(2), close-on-exec. */
export function socket(type: number): Call {
  return {
    syscall: "socket",
    args: [SOCKET.AF_UNIX, type | SOCKET.SOCK_CLOEXEC, 0],
    object: "",
  };
}

/** connect(2) to a path of at most {@link MOST_SOCKET_PATH} bytes. */
export function connect(fd: Fd, path: string): Call {
  const text = new TextEncoder().encode(path);
  const address = new Uint8Array(2 + text.length + 1);
  address[0] = SOCKET.AF_UNIX;
  address.set(text, 2);
  return {
    syscall: "connect",
    args: [fd, address, address.length],
    object: JSON.stringify(path),
  };
}

/** socketpair(2); the output is two descriptors, close-on-exec. */
export function socketpair(type: number): Call {
  return {
    syscall: "socketpair",
    args: [SOCKET.AF_UNIX, type | SOCKET.SOCK_CLOEXEC, 0, { output: 8 }],
    object: "",
  };
}

/** setsockopt(2): how long a read may wait, in milliseconds. */
export function receiveTimeout(fd: Fd, timeoutMs: number): Call {
  const value = pack(TIMEVAL, {
    tv_sec: Math.floor(timeoutMs / 1000),
    tv_usec: (timeoutMs % 1000) * 1000,
  });
  return {
    syscall: "setsockopt",
    args: [fd, SOCKET.SOL_SOCKET, SOCKET.SO_RCVTIMEO, value, TIMEVAL.size],
    object: "",
  };
}

/** A message header: `length` bytes of data, and ancillary data. */
function message(
  data: Arg,
  length: number,
  control: Arg,
  size: number,
): Memory {
  const iovec: Memory = {
    bytes: pack(IOVEC, { iov_len: length }),
    pointers: new Map([[IOVEC.fields.iov_base[0], data]]),
  };
  return {
    bytes: pack(MSGHDR, { msg_iovlen: 1, msg_controllen: size }),
    pointers: new Map([
      [MSGHDR.fields.msg_iov[0], iovec],
      [MSGHDR.fields.msg_control[0], control],
    ]),
  };
}

/** sendmsg(2): data, one byte unless given, and descriptors by SCM_RIGHTS. */
export function sendFds(
  socket: Fd,
  fds: readonly number[],
  data: Uint8Array = new Uint8Array(1),
): Call {
  const size = controlSize(fds.length);
  const control = new Uint8Array(size);
  control.set(pack(CMSGHDR, {
    cmsg_len: CMSGHDR.size + 4 * fds.length,
    cmsg_level: SOCKET.SOL_SOCKET,
    cmsg_type: SOCKET.SCM_RIGHTS,
  }));
  control.set(new Uint8Array(Int32Array.from(fds).buffer), CMSGHDR.size);
  return {
    syscall: "sendmsg",
    args: [
      socket,
      message(data, data.length, control, size),
      SOCKET.MSG_NOSIGNAL,
    ],
    object: "",
  };
}

/** recvmsg(2) of what {@link sendFds} sends; the output holds the descriptors. */
export function receiveFds(socket: Fd, count: number): Call {
  const size = controlSize(count);
  return {
    syscall: "recvmsg",
    args: [
      socket,
      message({ output: 8 }, 1, { output: size }, size),
      SOCKET.MSG_CMSG_CLOEXEC,
    ],
    object: "",
  };
}

/**
 * The descriptors in the output of {@link receiveFds}.
 *
 * @throws {RangeError} where not all came: the receiver may have no more
 */
export function receivedFds(output: Uint8Array, count: number): number[] {
  const view = new DataView(output.buffer, output.byteOffset);
  const header = 8; // behind the one byte of data
  const at = header + CMSGHDR.size;
  const length = view.getUint32(header + CMSGHDR.fields.cmsg_len[0], true);
  const got = Math.max(0, (length - CMSGHDR.size) / 4);
  if (got !== count) {
    throw new RangeError(`received ${got} descriptors, not ${count}`);
  }
  return Array.from(
    { length: count },
    (_, i) => view.getInt32(at + 4 * i, true),
  );
}
