/** Constants of <linux/keyctl.h>. Compared with a C compiler by tests/ffi/abi_test.ts. */
export const KEYCTL = {
  KEYCTL_JOIN_SESSION_KEYRING: 1,
  KEYCTL_SETPERM: 5,
  KEYCTL_DESCRIBE: 6,
} as const;
