/** Constants of <linux/prctl.h>. Compared with a C compiler by tests/ffi/abi_test.ts. */
export const PRCTL = {
  PR_SET_PDEATHSIG: 0x1,
  PR_SET_DUMPABLE: 0x4,
  PR_SET_KEEPCAPS: 0x8,
  PR_SET_NAME: 0xf,
  PR_CAPBSET_READ: 0x17,
  PR_CAPBSET_DROP: 0x18,
  PR_SET_NO_NEW_PRIVS: 0x26,
  PR_SET_CHILD_SUBREAPER: 0x24,
  PR_CAP_AMBIENT: 0x2f,
  PR_CAP_AMBIENT_RAISE: 0x2,
  PR_CAP_AMBIENT_CLEAR_ALL: 0x4,
  PR_SET_SECUREBITS: 0x1c,
  PR_GET_DUMPABLE: 0x3,
} as const;
