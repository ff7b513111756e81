/** Constants of <sys/wait.h>. Compared with a C compiler by tests/ffi/abi_test.ts. */
export const WAIT = {
  P_PID: 0x1,
  P_PIDFD: 0x3,
  P_ALL: 0x0,
  WEXITED: 0x4,
  WNOHANG: 0x1,
  WNOWAIT: 0x1000000,
} as const;
