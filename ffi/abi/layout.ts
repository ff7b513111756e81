/**
 * The structs that system calls take. 64-bit Linux; the same on both
 * architectures.
 *
 * @module
 */

import type { Layout } from "../struct.ts";

/** openat2(2): how to open. */
export const OPEN_HOW = {
  c: "struct open_how",
  header: "linux/openat2.h",
  size: 24,
  fields: { flags: [0, "u64"], mode: [8, "u64"], resolve: [16, "u64"] },
} as const satisfies Layout;

/** mount_setattr(2): what to change. */
export const MOUNT_ATTR = {
  c: "struct mount_attr",
  header: "linux/mount.h",
  size: 32,
  fields: {
    attr_set: [0, "u64"],
    attr_clr: [8, "u64"],
    propagation: [16, "u64"],
    userns_fd: [24, "u64"],
  },
} as const satisfies Layout;

/** statx(2): what it tells, as far as we read it. */
export const STATX_BUFFER = {
  c: "struct statx",
  header: "linux/stat.h",
  size: 256,
  fields: {
    stx_mask: [0, "u32"],
    stx_nlink: [16, "u32"],
    stx_uid: [20, "u32"],
    stx_gid: [24, "u32"],
    stx_mode: [28, "u16"],
    stx_ino: [32, "u64"],
    stx_size: [40, "u64"],
    stx_rdev_major: [128, "u32"],
    stx_rdev_minor: [132, "u32"],
    stx_dev_major: [136, "u32"],
    stx_dev_minor: [140, "u32"],
    stx_mnt_id: [144, "u64"],
  },
} as const satisfies Layout;

/** fstatfs(2): what it tells, as far as we read it. */
export const STATFS = {
  c: "struct statfs",
  header: "sys/vfs.h",
  size: 120,
  fields: { f_type: [0, "i64"], f_flags: [80, "i64"] },
} as const satisfies Layout;

/** ppoll(2): one descriptor. */
export const POLLFD = {
  c: "struct pollfd",
  header: "poll.h",
  size: 8,
  fields: { fd: [0, "i32"], events: [4, "u16"], revents: [6, "u16"] },
} as const satisfies Layout;

/** A time in seconds and nanoseconds. */
export const TIMESPEC = {
  c: "struct timespec",
  header: "time.h",
  size: 16,
  fields: { tv_sec: [0, "i64"], tv_nsec: [8, "i64"] },
} as const satisfies Layout;

/** A time in seconds and microseconds. */
export const TIMEVAL = {
  c: "struct timeval",
  header: "sys/time.h",
  size: 16,
  fields: { tv_sec: [0, "i64"], tv_usec: [8, "i64"] },
} as const satisfies Layout;

/** prlimit64(2): soft and hard limit. */
export const RLIMIT64 = {
  c: "struct rlimit",
  header: "sys/resource.h",
  size: 16,
  fields: { rlim_cur: [0, "u64"], rlim_max: [8, "u64"] },
} as const satisfies Layout;

/** sendmsg(2), recvmsg(2): a message. */
export const MSGHDR = {
  c: "struct msghdr",
  header: "sys/socket.h",
  size: 56,
  fields: {
    msg_name: [0, "u64"],
    msg_namelen: [8, "u32"],
    msg_iov: [16, "u64"],
    msg_iovlen: [24, "u64"],
    msg_control: [32, "u64"],
    msg_controllen: [40, "u64"],
    msg_flags: [48, "i32"],
  },
} as const satisfies Layout;

/** writev(2), sendmsg(2): a piece of memory. */
export const IOVEC = {
  c: "struct iovec",
  header: "sys/uio.h",
  size: 16,
  fields: { iov_base: [0, "u64"], iov_len: [8, "u64"] },
} as const satisfies Layout;

/** Ancillary data: its header. */
export const CMSGHDR = {
  c: "struct cmsghdr",
  header: "sys/socket.h",
  size: 16,
  fields: {
    cmsg_len: [0, "u64"],
    cmsg_level: [8, "i32"],
    cmsg_type: [12, "i32"],
  },
} as const satisfies Layout;

/** signalfd(2): what a read gives, as far as we read it. */
export const SIGNALFD_SIGINFO = {
  c: "struct signalfd_siginfo",
  header: "sys/signalfd.h",
  size: 128,
  fields: {
    ssi_signo: [0, "u32"],
    ssi_code: [8, "i32"],
    ssi_pid: [12, "u32"],
  },
} as const satisfies Layout;

/** capget(2), capset(2): the header. */
export const CAP_HEADER = {
  c: "struct __user_cap_header_struct",
  header: "linux/capability.h",
  size: 8,
  fields: { version: [0, "u32"], pid: [4, "i32"] },
} as const satisfies Layout;

/** capget(2), capset(2): one word of each set; two of them make the sets. */
export const CAP_DATA = {
  c: "struct __user_cap_data_struct",
  header: "linux/capability.h",
  size: 12,
  fields: {
    effective: [0, "u32"],
    permitted: [4, "u32"],
    inheritable: [8, "u32"],
  },
} as const satisfies Layout;

/** Socket ioctls: a network interface and its flags. */
export const IFREQ = {
  c: "struct ifreq",
  header: "net/if.h",
  size: 40,
  fields: { ifr_flags: [16, "u16"] },
} as const satisfies Layout;

/** clone3(2): how to clone. */
export const CLONE_ARGS = {
  c: "struct clone_args",
  header: "linux/sched.h",
  size: 88,
  fields: { flags: [0, "u64"], exit_signal: [32, "u64"], cgroup: [80, "u64"] },
} as const satisfies Layout;
