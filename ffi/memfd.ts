/**
 * Sealed memory files: a program that nobody can change, and text on a
 * descriptor.
 *
 * @module
 */

import { FCNTL } from "./abi/fcntl.ts";
import { MEMFD } from "./abi/memfd.ts";
import { MOUNT } from "./abi/mount.ts";
import { attempt, callError, perform, tolerate } from "./call.ts";
import type { Target } from "./call.ts";
import {
  close,
  fchmod,
  fcntl,
  lseek,
  memfdCreate,
  openat,
  write,
} from "./file.ts";
import {
  fsconfigCreate,
  fsconfigSet,
  fsmount,
  fsopen,
  mountSetattr,
} from "./mount.ts";

const EINVAL = -22;
const EACCES = -13;

/** <linux/fcntl.h>, since 6.3: not in every header yet. */
const F_SEAL_EXEC = 0x20;
const SEALS = FCNTL.F_SEAL_SEAL | FCNTL.F_SEAL_SHRINK | FCNTL.F_SEAL_GROW |
  FCNTL.F_SEAL_WRITE;

/**
 * A descriptor of an executable file with these bytes that nobody can write:
 * the answer to CVE-2019-5736. Close-on-exec.
 *
 * Kernels before 6.3 do not know MFD_EXEC; with `vm.memfd_noexec=2` no memfd
 * may be executed, so the file lies on a detached tmpfs that is made read-only.
 *
 * @throws {SyscallError}
 */
export function sealedExecutable(
  target: Target,
  name: string,
  bytes: Uint8Array,
): number {
  const flags = MEMFD.MFD_CLOEXEC | MEMFD.MFD_ALLOW_SEALING;
  const create = memfdCreate(name, flags | MEMFD.MFD_EXEC);
  let fd = attempt(target, create);
  if (fd === EACCES) return detachedExecutable(target, name, bytes);
  if (fd === EINVAL) fd = perform(target, memfdCreate(name, flags));
  if (fd < 0) throw callError(create, fd);
  try {
    target.run(
      write(fd, bytes, name),
      fchmod(fd, 0o555),
      // Its mode too, where the kernel can: since 6.3.
      tolerate(fcntl(fd, FCNTL.F_ADD_SEALS, F_SEAL_EXEC)),
      fcntl(fd, FCNTL.F_ADD_SEALS, SEALS),
    );
  } catch (error) {
    attempt(target, close(fd));
    throw error;
  }
  return fd;
}

/** The same on a tmpfs of its own, which nothing can reach and is read-only. */
function detachedExecutable(
  target: Target,
  name: string,
  bytes: Uint8Array,
): number {
  const fs = fsopen("tmpfs");
  const root = fsmount(fs, 0, name);
  const file = openat(root, name, FCNTL.O_CREAT | FCNTL.O_RDWR, 0o555);
  const made = target.run(
    fs,
    fsconfigSet(fs, "size", "64k"),
    fsconfigCreate(fs, "tmpfs"),
    root,
    close(fs),
    file,
    write(file, bytes, name),
    close(file),
    mountSetattr(root, { set: MOUNT.MOUNT_ATTR_RDONLY }, name),
  );
  const opened = openat(made.value(root), name, 0);
  const result = target.run(opened, close(made.value(root)));
  return result.value(opened);
}

/** A batch of calls takes this much at a time, in bytes. */
const PIECE = 0x10000;

/** A descriptor to read `text` from, at its start: for a hook's stdin. */
export function textFile(target: Target, name: string, text: string): number {
  const bytes = new TextEncoder().encode(text);
  const fd = perform(target, memfdCreate(name, MEMFD.MFD_CLOEXEC));
  for (let at = 0; at < bytes.length; at += PIECE) {
    perform(target, write(fd, bytes.subarray(at, at + PIECE), name));
  }
  perform(target, lseek(fd, 0));
  return fd;
}
