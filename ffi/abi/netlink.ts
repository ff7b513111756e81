/**
 * Constants and structs of rtnetlink(7): <linux/rtnetlink.h> and what it
 * includes. Compared with a C compiler by tests/ffi/abi_test.ts.
 *
 * @module
 */

import type { Layout } from "../struct.ts";

/** Constants. */
export const NETLINK = {
  AF_NETLINK: 16,
  NETLINK_ROUTE: 0,
  NLMSG_ERROR: 2,
  NLMSG_DONE: 3,
  NLM_F_REQUEST: 0x1,
  NLM_F_MULTI: 0x2,
  NLM_F_ACK: 0x4,
  NLM_F_EXCL: 0x200,
  NLM_F_DUMP: 0x300,
  NLM_F_CREATE: 0x400,
  RTM_NEWLINK: 16,
  RTM_GETLINK: 18,
  RTM_NEWADDR: 20,
  RTM_GETADDR: 22,
  IFLA_IFNAME: 3,
  IFLA_NET_NS_FD: 28,
  IFA_ADDRESS: 1,
  IFA_LOCAL: 2,
  IFA_BROADCAST: 4,
  IFA_FLAGS: 8,
  IFA_F_NODAD: 0x2,
  IFA_F_PERMANENT: 0x80,
  IFA_F_MANAGETEMPADDR: 0x100,
  IFA_F_NOPREFIXROUTE: 0x200,
  RT_SCOPE_UNIVERSE: 0,
  IFF_UP: 0x1,
} as const;

/** The head of every message. */
export const NLMSGHDR = {
  c: "struct nlmsghdr",
  header: "linux/netlink.h",
  size: 16,
  fields: {
    nlmsg_len: [0, "u32"],
    nlmsg_type: [4, "u16"],
    nlmsg_flags: [6, "u16"],
    nlmsg_seq: [8, "u32"],
    nlmsg_pid: [12, "u32"],
  },
} as const satisfies Layout;

/** About a network interface. */
export const IFINFOMSG = {
  c: "struct ifinfomsg",
  header: "linux/rtnetlink.h",
  size: 16,
  fields: {
    ifi_family: [0, "u8"],
    ifi_type: [2, "u16"],
    ifi_index: [4, "i32"],
    ifi_flags: [8, "u32"],
    ifi_change: [12, "u32"],
  },
} as const satisfies Layout;

/** About an address of one. */
export const IFADDRMSG = {
  c: "struct ifaddrmsg",
  header: "linux/if_addr.h",
  size: 8,
  fields: {
    ifa_family: [0, "u8"],
    ifa_prefixlen: [1, "u8"],
    ifa_flags: [2, "u8"],
    ifa_scope: [3, "u8"],
    ifa_index: [4, "u32"],
  },
} as const satisfies Layout;
