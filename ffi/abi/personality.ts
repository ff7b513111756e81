/** Constants of <linux/personality.h>. Compared with a C compiler by tests/ffi/abi_test.ts. */
export const PERSONALITY = {
  PER_LINUX: 0x0,
  PER_LINUX32: 0x8,
} as const;
