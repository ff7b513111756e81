/**
 * Mount options: what each word means to the kernel, in one table.
 *
 * @see https://github.com/opencontainers/runtime-spec/blob/v1.3.0/config.md#linux-mount-options
 * @module
 */

import { MOUNT } from "../../ffi/abi/mount.ts";

/** Options of a mount, as the kernel takes them. */
export interface MountOptions {
  /** `MOUNT_ATTR_*` to set on the mount. */
  readonly set: number;
  /** `MOUNT_ATTR_*` to clear. */
  readonly clear: number;
  /** The same for the whole tree: the words that begin with r. */
  readonly recursive: { readonly set: number; readonly clear: number };
  /** `MS_*` propagation, in the order given. */
  readonly propagation: readonly { type: number; recursive: boolean }[];
  /** What belongs to the filesystem: `key=value`, or a flag. */
  readonly data: readonly string[];
  /** Is it a bind, and of a whole tree? */
  readonly bind: "bind" | "rbind" | undefined;
  /** Is the mount to be read-only? */
  readonly readonly: boolean;
  /** Has the mount ids of its own, and have all below it? */
  readonly idmap: "idmap" | "ridmap" | undefined;
  /** Is a tmpfs filled with what it covers? */
  readonly copyUp: boolean;
  /** Words that are neither ours nor flags of a superblock. */
  readonly unknown: readonly string[];
}

const {
  MOUNT_ATTR_RDONLY,
  MOUNT_ATTR_NOSUID,
  MOUNT_ATTR_NODEV,
  MOUNT_ATTR_NOEXEC,
  MOUNT_ATTR__ATIME,
  MOUNT_ATTR_RELATIME,
  MOUNT_ATTR_NOATIME,
  MOUNT_ATTR_STRICTATIME,
  MOUNT_ATTR_NODIRATIME,
  MOUNT_ATTR_NOSYMFOLLOW,
} = MOUNT;

/** Words of a mount's attributes: [set, clear]. */
const ATTRIBUTE: Readonly<Record<string, readonly [number, number]>> = {
  ro: [MOUNT_ATTR_RDONLY, 0],
  rw: [0, MOUNT_ATTR_RDONLY],
  nosuid: [MOUNT_ATTR_NOSUID, 0],
  suid: [0, MOUNT_ATTR_NOSUID],
  nodev: [MOUNT_ATTR_NODEV, 0],
  dev: [0, MOUNT_ATTR_NODEV],
  noexec: [MOUNT_ATTR_NOEXEC, 0],
  exec: [0, MOUNT_ATTR_NOEXEC],
  nodiratime: [MOUNT_ATTR_NODIRATIME, 0],
  diratime: [0, MOUNT_ATTR_NODIRATIME],
  nosymfollow: [MOUNT_ATTR_NOSYMFOLLOW, 0],
  symfollow: [0, MOUNT_ATTR_NOSYMFOLLOW],
  // The kinds of atime exclude one another: the whole field is replaced.
  noatime: [MOUNT_ATTR_NOATIME, MOUNT_ATTR__ATIME],
  relatime: [MOUNT_ATTR_RELATIME, MOUNT_ATTR__ATIME],
  strictatime: [MOUNT_ATTR_STRICTATIME, MOUNT_ATTR__ATIME],
  atime: [MOUNT_ATTR_RELATIME, MOUNT_ATTR__ATIME],
  norelatime: [MOUNT_ATTR_STRICTATIME, MOUNT_ATTR__ATIME],
  nostrictatime: [MOUNT_ATTR_RELATIME, MOUNT_ATTR__ATIME],
};

/** Words that have a form for the whole tree. */
const RECURSIVE = new Set([
  "ro",
  "rw",
  "nosuid",
  "suid",
  "nodev",
  "dev",
  "noexec",
  "exec",
  "nodiratime",
  "diratime",
  "noatime",
  "atime",
  "relatime",
  "norelatime",
  "strictatime",
  "nostrictatime",
  "nosymfollow",
  "symfollow",
]);

const PROPAGATION: Readonly<Record<string, number>> = {
  private: MOUNT.MS_PRIVATE,
  shared: MOUNT.MS_SHARED,
  slave: MOUNT.MS_SLAVE,
  unbindable: MOUNT.MS_UNBINDABLE,
};

/** Words of the superblock, as fsconfig(2) takes them; "": nothing to say. */
const SUPERBLOCK: Readonly<Record<string, string>> = {
  sync: "sync",
  dirsync: "dirsync",
  lazytime: "lazytime",
  mand: "mand",
  async: "async",
  nolazytime: "nolazytime",
  nomand: "nomand",
  // Flags of the old mount(2) that no filesystem looks at.
  iversion: "",
  noiversion: "",
  loud: "",
  silent: "",
  defaults: "",
  acl: "",
  noacl: "",
  remount: "",
};

/** The propagation that a word such as `rslave` asks for. */
export function parsePropagation(
  word: string,
): { type: number; recursive: boolean } | undefined {
  const direct = PROPAGATION[word];
  if (direct !== undefined) return { type: direct, recursive: false };
  const whole = word.startsWith("r") ? PROPAGATION[word.slice(1)] : undefined;
  return whole === undefined ? undefined : { type: whole, recursive: true };
}

/** Reads the options of a mount; later words override earlier ones. */
export function parseOptions(words: readonly string[]): MountOptions {
  let set = 0;
  let clear = 0;
  const recursive = { set: 0, clear: 0 };
  const propagation: { type: number; recursive: boolean }[] = [];
  const data: string[] = [];
  const unknown: string[] = [];
  let bind: "bind" | "rbind" | undefined;
  let idmap: "idmap" | "ridmap" | undefined;
  let copyUp = false;
  for (const word of words) {
    const attribute = ATTRIBUTE[word];
    const whole = word.startsWith("r") && RECURSIVE.has(word.slice(1))
      ? ATTRIBUTE[word.slice(1)]
      : undefined;
    const way = parsePropagation(word);
    if (attribute !== undefined) {
      set = (set & ~attribute[1]) | attribute[0];
      clear = (clear & ~attribute[0]) | attribute[1];
    } else if (whole !== undefined) {
      recursive.set = (recursive.set & ~whole[1]) | whole[0];
      recursive.clear = (recursive.clear & ~whole[0]) | whole[1];
    } else if (way !== undefined) propagation.push(way);
    else if (word === "bind" || word === "rbind") bind = word;
    else if (word === "idmap" || word === "ridmap") idmap = word;
    else if (word === "tmpcopyup") copyUp = true;
    else {
      const flag = SUPERBLOCK[word] ?? word;
      if (flag !== "") data.push(flag);
      if (SUPERBLOCK[word] === undefined && word !== "") unknown.push(word);
    }
  }
  return {
    set,
    clear,
    recursive,
    propagation,
    data,
    bind,
    readonly: (set & MOUNT_ATTR_RDONLY) !== 0,
    idmap,
    copyUp,
    unknown,
  };
}

/** Every word of the table, sorted: for `features`. */
export function mountOptionWords(): string[] {
  return [
    ...Object.keys(ATTRIBUTE),
    ...[...RECURSIVE].map((word) => `r${word}`),
    ...Object.keys(PROPAGATION),
    ...Object.keys(PROPAGATION).map((word) => `r${word}`),
    ...Object.keys(SUPERBLOCK),
    "bind",
    "rbind",
    "idmap",
    "ridmap",
    "tmpcopyup",
  ].sort();
}
