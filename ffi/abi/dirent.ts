/**
 * What getdents64(2) fills a buffer with.
 *
 * @module
 */

import type { Layout } from "../struct.ts";

/** One entry; its name is right behind the type, up to a NUL. */
export const DIRENT64 = {
  c: "struct dirent64",
  header: "dirent.h",
  size: 280,
  fields: {
    d_ino: [0, "u64"],
    d_off: [8, "i64"],
    d_reclen: [16, "u16"],
    d_type: [18, "u8"],
  },
} as const satisfies Layout;
