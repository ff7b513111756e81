/**
 * System calls that copy trees, as data: getdents64(2), sendfile(2) and kin.
 *
 * @module
 */

import { DIRENT64 } from "./abi/dirent.ts";
import { FCNTL } from "./abi/fcntl.ts";
import type { Call } from "./call.ts";
import type { Fd } from "./file.ts";

/** getdents64(2) of at most `size` bytes; the output is for {@link names}. */
export function getdents64(fd: Fd, size: number): Call {
  return {
    syscall: "getdents64",
    args: [fd, { output: size }, size],
    object: "",
  };
}

/** The names in what getdents64(2) gave, without `.` and `..`. */
export function names(entries: Uint8Array): string[] {
  const view = new DataView(
    entries.buffer,
    entries.byteOffset,
    entries.byteLength,
  );
  const { d_reclen: [lengthAt], d_type: [typeAt] } = DIRENT64.fields;
  const nameAt = typeAt + 1;
  const found: string[] = [];
  for (let at = 0; at + nameAt < entries.length;) {
    const length = view.getUint16(at + lengthAt, true);
    if (length <= nameAt || at + length > entries.length) {
      throw new RangeError("a directory entry of no length");
    }
    const field = entries.subarray(at + nameAt, at + length);
    const end = field.indexOf(0);
    // A name that is no UTF-8 would be another one: refused, never changed.
    const name = new TextDecoder("utf-8", { fatal: true })
      .decode(field.subarray(0, end < 0 ? field.length : end));
    if (name !== "." && name !== "..") found.push(name);
    at += length;
  }
  return found;
}

/** sendfile(2): `count` bytes from where `from` stands to where `to` stands. */
export function sendfile(to: Fd, from: Fd, count: number, object = ""): Call {
  return { syscall: "sendfile", args: [to, from, null, count], object };
}

/** fchownat(2) of an entry, which is not followed. */
export function lchownat(
  dir: Fd,
  name: string,
  uid: number,
  gid: number,
): Call {
  return {
    syscall: "fchownat",
    args: [dir, name, uid, gid, FCNTL.AT_SYMLINK_NOFOLLOW],
    object: JSON.stringify(name),
  };
}
