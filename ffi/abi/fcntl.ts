/** Constants of <fcntl.h>, <linux/openat2.h>, <linux/close_range.h>. Compared with a C compiler by tests/ffi/abi_test.ts. */
import type { Arch } from "./arch.ts";
import { ARCH } from "./arch.ts";

const SAME = {
  O_CLOEXEC: 0x80000,
  O_PATH: 0x200000,
  O_CREAT: 0x40,
  O_EXCL: 0x80,
  O_RDWR: 0x2,
  O_NONBLOCK: 0x800,
  O_TRUNC: 0x200,
  O_APPEND: 0x400,
  O_NOCTTY: 0x100,
  AT_EMPTY_PATH: 0x1000,
  AT_RECURSIVE: 0x8000,
  AT_SYMLINK_NOFOLLOW: 0x100,
  AT_EACCESS: 0x200,
  AT_REMOVEDIR: 0x200,
  AT_SYMLINK_FOLLOW: 0x400,
  F_DUPFD_CLOEXEC: 0x406,
  F_GETFD: 0x1,
  F_SETFD: 0x2,
  F_GETFL: 0x3,
  F_SETFL: 0x4,
  F_ADD_SEALS: 0x409,
  F_SEAL_SEAL: 0x1,
  F_SEAL_SHRINK: 0x2,
  F_SEAL_GROW: 0x4,
  F_SEAL_WRITE: 0x8,
  F_GET_SEALS: 0x40a,
  RESOLVE_NO_XDEV: 0x1,
  RESOLVE_NO_MAGICLINKS: 0x2,
  RESOLVE_NO_SYMLINKS: 0x4,
  RESOLVE_BENEATH: 0x8,
  RESOLVE_IN_ROOT: 0x10,
  CLOSE_RANGE_CLOEXEC: 0x4,
  CLOSE_RANGE_UNSHARE: 0x2,
} as const;

/** What <fcntl.h> has, by architecture. */
export const FCNTL_BY_ARCH: Readonly<
  Record<
    Arch,
    & typeof SAME
    & Readonly<Record<"O_DIRECTORY" | "O_NOFOLLOW" | "O_TMPFILE", number>>
  >
> = {
  x86_64: {
    ...SAME,
    O_DIRECTORY: 0x10000,
    O_NOFOLLOW: 0x20000,
    O_TMPFILE: 0x410000,
  },
  aarch64: {
    ...SAME,
    O_DIRECTORY: 0x4000,
    O_NOFOLLOW: 0x8000,
    O_TMPFILE: 0x404000,
  },
};

/** What <fcntl.h> has, on this architecture. */
export const FCNTL = FCNTL_BY_ARCH[ARCH];
