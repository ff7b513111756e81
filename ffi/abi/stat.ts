/** Constants of <linux/stat.h>. Compared with a C compiler by tests/ffi/abi_test.ts. */
export const STATX = {
  STATX_BASIC_STATS: 0x7ff,
  STATX_MNT_ID: 0x1000,
} as const;
