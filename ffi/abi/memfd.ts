/** Constants of <linux/memfd.h>. Compared with a C compiler by tests/ffi/abi_test.ts. */
export const MEMFD = {
  MFD_CLOEXEC: 0x1,
  MFD_ALLOW_SEALING: 0x2,
  MFD_EXEC: 0x10,
} as const;
