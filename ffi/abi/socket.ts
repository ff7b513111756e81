/** Constants of <sys/socket.h>. Compared with a C compiler by tests/ffi/abi_test.ts. */
export const SOCKET = {
  AF_UNIX: 0x1,
  SOCK_SEQPACKET: 0x5,
  SOCK_STREAM: 0x1,
  SOCK_CLOEXEC: 0x80000,
  SOCK_NONBLOCK: 0x800,
  SOL_SOCKET: 0x1,
  SCM_RIGHTS: 0x1,
  SO_RCVTIMEO: 0x14,
  SO_SNDBUF: 0x7,
  MSG_CMSG_CLOEXEC: 0x40000000,
  MSG_NOSIGNAL: 0x4000,
} as const;
