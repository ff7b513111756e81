/**
 * Moves network devices: with a socket of each network namespace, both in the
 * launcher's hands. The gofer makes the container's; by that the right to
 * configure devices there is its.
 *
 * Runs in: launcher.
 *
 * @module
 */

import { IFADDRMSG, IFINFOMSG, NETLINK } from "../../ffi/abi/netlink.ts";
import { perform } from "../../ffi/call.ts";
import { SyscallError } from "../../ffi/errno.ts";
import { AT_FDCWD, close, openat } from "../../ffi/file.ts";
import { local } from "../../ffi/local.ts";
import {
  ask,
  attributesOf,
  numberValue,
  routeSocket,
  textValue,
} from "../../ffi/netlink.ts";
import type { Attribute } from "../../ffi/netlink.ts";
import { pack, unpack } from "../../ffi/struct.ts";
import { RuntimeError } from "../errors.ts";
import type { Context } from "../gofer/context.ts";
import { goferOf } from "../gofer/context.ts";
import type { NetDeviceStep } from "./plan.ts";
import { nameFrom } from "./plan.ts";

/** The number of a device. */
function indexOf(socket: number, name: string): number {
  const [link] = ask(local, socket, {
    type: NETLINK.RTM_GETLINK,
    body: pack(IFINFOMSG, {}),
    attributes: [[NETLINK.IFLA_IFNAME, textValue(name)]],
    object: name,
  });
  if (link === undefined) throw new SyscallError("netlink", name, 19);
  return unpack(IFINFOMSG, link).ifi_index;
}

/** The names of all devices. */
function deviceNames(socket: number): Set<string> {
  const links = ask(local, socket, {
    type: NETLINK.RTM_GETLINK,
    flags: NETLINK.NLM_F_DUMP,
    body: pack(IFINFOMSG, {}),
    object: "devices",
  });
  return new Set(links.map((link) => {
    const name = attributesOf(link, IFINFOMSG.size).get(NETLINK.IFLA_IFNAME);
    return new TextDecoder().decode(name?.subarray(0, -1));
  }));
}

/** An address that goes along with its device. */
interface Address {
  readonly family: number;
  readonly prefix: number;
  readonly attributes: readonly Attribute[];
}

/** What of an address is ours to say again. */
const KEPT = [NETLINK.IFA_ADDRESS, NETLINK.IFA_LOCAL, NETLINK.IFA_BROADCAST];
/** Which of its flags are. */
const KEPT_FLAGS = NETLINK.IFA_F_NODAD | NETLINK.IFA_F_MANAGETEMPADDR |
  NETLINK.IFA_F_NOPREFIXROUTE;

/** The permanent addresses of a device that are good everywhere. */
function addressesOf(socket: number, index: number): Address[] {
  const all = ask(local, socket, {
    type: NETLINK.RTM_GETADDR,
    flags: NETLINK.NLM_F_DUMP,
    body: pack(IFADDRMSG, {}),
    object: "addresses",
  });
  return all.flatMap((message) => {
    const head = unpack(IFADDRMSG, message);
    const attributes = attributesOf(message, IFADDRMSG.size);
    const field = attributes.get(NETLINK.IFA_FLAGS);
    const flags = field === undefined
      ? head.ifa_flags
      : new DataView(field.buffer, field.byteOffset).getUint32(0, true);
    const goes = head.ifa_index === index &&
      head.ifa_scope === NETLINK.RT_SCOPE_UNIVERSE &&
      (flags & NETLINK.IFA_F_PERMANENT) !== 0;
    if (!goes) return [];
    const kept = [...attributes].filter(([type]) =>
      KEPT.some((name) => name === type)
    );
    return [{
      family: head.ifa_family,
      prefix: head.ifa_prefixlen,
      attributes: [
        ...kept,
        [NETLINK.IFA_FLAGS, numberValue(flags & KEPT_FLAGS)] as const,
      ],
    }];
  });
}

/** Sets a device up, and gives it its addresses back. */
function configure(
  socket: number,
  name: string,
  addresses: readonly Address[],
): void {
  const index = indexOf(socket, name);
  const { IFF_UP } = NETLINK;
  const up = { ifi_index: index, ifi_flags: IFF_UP, ifi_change: IFF_UP };
  ask(local, socket, {
    type: NETLINK.RTM_NEWLINK,
    body: pack(IFINFOMSG, up),
    object: name,
  });
  for (const { family, prefix, attributes } of addresses) {
    ask(local, socket, {
      type: NETLINK.RTM_NEWADDR,
      flags: NETLINK.NLM_F_CREATE | NETLINK.NLM_F_EXCL,
      body: pack(IFADDRMSG, {
        ifa_family: family,
        ifa_prefixlen: prefix,
        ifa_index: index,
      }),
      attributes,
      object: name,
    });
  }
}

/** What an errno means here. */
const HINT: Readonly<Record<string, string>> = {
  ENODEV: "the runtime's network namespace has no such device",
  EEXIST: "the container has a device, or an address, of that name",
  EPERM: "CAP_NET_ADMIN is needed in the runtime's network namespace",
  EINVAL: "this kind of device cannot leave its network namespace",
};

/**
 * Moves a device into the container's network namespace, under its new name,
 * with its permanent addresses, and sets it up. The kernel keeps its hardware
 * address and its MTU.
 *
 * @throws {RuntimeError} naming the device
 */
export function moveNetDevice(step: NetDeviceStep, context: Context): void {
  const gofer = goferOf(context);
  using stack = new DisposableStack();
  const own = (fd: number) => {
    stack.defer(() => local.run(close(fd)));
    return fd;
  };
  const { device } = step;
  try {
    const outer = own(perform(local, routeSocket()));
    const made = perform(gofer, routeSocket());
    const inner = own(gofer.take(made));
    gofer.run(close(made));
    const path = `/proc/${gofer.pid}/ns/net`;
    const namespace = own(perform(local, openat(AT_FDCWD, path, 0)));

    const index = indexOf(outer, device);
    const addresses = addressesOf(outer, index);
    // One call moves and renames: no other name is ever there.
    const name = nameFrom(step.name, deviceNames(inner));
    ask(local, outer, {
      type: NETLINK.RTM_NEWLINK,
      body: pack(IFINFOMSG, { ifi_index: index }),
      attributes: [
        [NETLINK.IFLA_NET_NS_FD, numberValue(namespace)],
        [NETLINK.IFLA_IFNAME, textValue(name)],
      ],
      object: device,
    });
    configure(inner, name, addresses);
  } catch (cause) {
    const code = cause instanceof SyscallError ? cause.code : "";
    const hint = HINT[code];
    throw new RuntimeError(`linux.netDevices: "${device}"`, {
      cause,
      ...hint === undefined ? {} : { hint },
    });
  }
}
