/** Constants of <poll.h>. Compared with a C compiler by tests/ffi/abi_test.ts. */
export const POLL = {
  POLLIN: 0x1,
  POLLOUT: 0x4,
  POLLHUP: 0x10,
  POLLERR: 0x8,
} as const;
