/**
 * rtnetlink(7): requests and what answers them.
 *
 * @module
 */

import { NETLINK, NLMSGHDR } from "./abi/netlink.ts";
import { SOCKET } from "./abi/socket.ts";
import type { Call, Target } from "./call.ts";
import { SyscallError } from "./errno.ts";
import { pack, unpack } from "./struct.ts";

/** An attribute: its number, and its bytes. */
export type Attribute = readonly [type: number, value: Uint8Array];

/** A request. */
export interface Request {
  /** `RTM_*`. */
  readonly type: number;
  /** `NLM_F_*`, besides request and acknowledgement. */
  readonly flags?: number;
  /** The struct that follows the head. */
  readonly body: Uint8Array;
  readonly attributes?: readonly Attribute[];
  /** What it is done to, for the error. */
  readonly object: string;
}

/** Bytes read at once: the kernel sends no larger message than this. */
const BUFFER = 0x8000;

/** socket(2) for rtnetlink, of the caller's network namespace. */
export function routeSocket(): Call {
  return {
    syscall: "socket",
    args: [
      NETLINK.AF_NETLINK,
      3 | SOCKET.SOCK_CLOEXEC, // SOCK_RAW
      NETLINK.NETLINK_ROUTE,
    ],
    object: "rtnetlink",
  };
}

/** A text as the value of an attribute. */
export function textValue(text: string): Uint8Array {
  return new TextEncoder().encode(`${text}\0`);
}

/** A number of 32 bits as the value of an attribute. */
export function numberValue(value: number): Uint8Array {
  return new Uint8Array(Uint32Array.of(value).buffer);
}

/** Rounds up as netlink does. */
function align(size: number): number {
  return (size + 3) & ~3;
}

/** Packs a request. */
function packRequest(request: Request): Uint8Array {
  const { type, flags = 0, body, attributes = [] } = request;
  const size = attributes.reduce(
    (sum, [, value]) => sum + align(4 + value.length),
    NLMSGHDR.size + align(body.length),
  );
  const message = new Uint8Array(size);
  message.set(pack(NLMSGHDR, {
    nlmsg_len: size,
    nlmsg_type: type,
    nlmsg_flags: NETLINK.NLM_F_REQUEST | NETLINK.NLM_F_ACK | flags,
    nlmsg_seq: 1,
  }));
  message.set(body, NLMSGHDR.size);
  const view = new DataView(message.buffer);
  let at = NLMSGHDR.size + align(body.length);
  for (const [name, value] of attributes) {
    view.setUint16(at, 4 + value.length, true);
    view.setUint16(at + 2, name, true);
    message.set(value, at + 4);
    at += align(4 + value.length);
  }
  return message;
}

/** The attributes behind a struct of `size` bytes, by number. */
export function attributesOf(
  message: Uint8Array,
  size: number,
): Map<number, Uint8Array> {
  const view = new DataView(message.buffer, message.byteOffset, message.length);
  const found = new Map<number, Uint8Array>();
  for (let at = align(size); at + 4 <= message.length;) {
    const length = view.getUint16(at, true);
    if (length < 4 || at + length > message.length) break;
    // The two highest bits say how the value is to be read.
    const type = view.getUint16(at + 2, true) & 0x3fff;
    found.set(type, message.subarray(at + 4, at + length));
    at += align(length);
  }
  return found;
}

/**
 * Sends a request, and gathers the answers up to the last: what follows each
 * head.
 *
 * @throws {SyscallError} for what the kernel refuses
 */
export function ask(
  target: Target,
  socket: number,
  request: Request,
): Uint8Array[] {
  const { object } = request;
  const bytes = packRequest(request);
  target.run({
    syscall: "sendto",
    args: [socket, bytes, bytes.length, 0, null, 0],
    object,
  });
  const answers: Uint8Array[] = [];
  for (;;) {
    const call: Call = {
      syscall: "read",
      args: [socket, { output: BUFFER }, BUFFER],
      object,
    };
    const results = target.run(call);
    const got = results.output(call).subarray(0, results.value(call));
    for (let at = 0; at + NLMSGHDR.size <= got.length;) {
      const { nlmsg_len: length, nlmsg_type: type } = unpack(
        NLMSGHDR,
        got.subarray(at, at + NLMSGHDR.size),
      );
      if (length < NLMSGHDR.size || at + length > got.length) {
        throw new RangeError("a netlink message that is not whole");
      }
      const message = got.slice(at + NLMSGHDR.size, at + length);
      if (type === NETLINK.NLMSG_DONE) return answers;
      if (type === NETLINK.NLMSG_ERROR) {
        const error = new DataView(message.buffer).getInt32(0, true);
        if (error === 0) return answers;
        throw new SyscallError("netlink", object, -error);
      }
      answers.push(message);
      at += align(length);
    }
  }
}
