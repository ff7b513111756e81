/** Constants of <linux/ioprio.h>. Compared with a C compiler by tests/ffi/abi_test.ts. */
export const IOPRIO = {
  IOPRIO_CLASS_RT: 1,
  IOPRIO_CLASS_BE: 2,
  IOPRIO_CLASS_IDLE: 3,
  IOPRIO_CLASS_SHIFT: 13,
  IOPRIO_WHO_PROCESS: 1,
} as const;
