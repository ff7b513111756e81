/** Constants of <spawn.h>, and glibc's sizes of opaque types. Compared with a C compiler by tests/ffi/abi_test.ts. */
export const SPAWN = {
  POSIX_SPAWN_SETSIGDEF: 0x4,
  POSIX_SPAWN_SETSIGMASK: 0x8,
  POSIX_SPAWNATTR_SIZE: 336,
  POSIX_SPAWN_FILE_ACTIONS_SIZE: 80,
  SIGSET_SIZE: 128,
} as const;
