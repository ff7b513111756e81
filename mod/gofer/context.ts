/**
 * What the steps of a run share: what is known only once things are made. The
 * plan itself holds no descriptor and no process id.
 *
 * @module
 */

import type { Gofer } from "../../ffi/gofer/channel.ts";
import { RuntimeError } from "../errors.ts";

/** A detached tree in the gofer. */
export interface Tree {
  /** Its descriptor. */
  readonly fd: number;
  /** Is its root a directory? */
  readonly isDirectory: boolean;
  /** The kind of its filesystem: `MAGIC`. */
  readonly magic: number;
}

/** The gofer's descriptors and the rest, as the steps leave them. */
export interface Context {
  /** The container's id. */
  readonly id: string;
  /** Absolute path of the bundle. */
  readonly bundle: string;
  /** The container's directory in the state directory. */
  readonly directory: string;
  /** The gofer, once started. */
  gofer?: Gofer;
  /** In the gofer: the root of the container, once opened. */
  root?: number;
  /** What statx says of the root, once asked. */
  rootStatus?: Readonly<Record<"stx_ino" | "stx_mnt_id", number>>;
  /** In the gofer: the directory of the v2 cgroup, to be cloned into. */
  cgroup?: number;
  /** In the gofer: the container's /dev/null, once verified. */
  nullDevice?: number;
  /** In the gofer: detached trees by number in the plan. */
  readonly trees: Map<number, Tree>;
  /** In the gofer: user namespaces that map the ids of mounts, by number. */
  mappings?: Map<number, number>;
  /** Directories of resctrl that go with the container. */
  resctrl?: string[];
  /** In the gofer: the private procfs. */
  proc?: number;
  /** In the gofer: namespaces that only the new user namespace may enter. */
  deferred: { fd: number; type: number; path: string }[];
  /** In the gofer: the read-only tmpfs that covers masked directories. */
  maskTree?: number;
  /** Where the program lies, once looked up. */
  executable?: string;
  /** HOME of the program, where the spec has none. */
  home?: string;
  /** Told once, at debug level or as a warning. */
  warn(message: string): void;
}

/** The gofer of a run. Throws where it is not started. */
export function goferOf(context: Context): Gofer {
  if (context.gofer === undefined) throw new RuntimeError("no gofer");
  return context.gofer;
}

/** The root's descriptor in the gofer. Throws where it is not opened. */
export function rootOf(context: Context): number {
  if (context.root === undefined) throw new RuntimeError("no root");
  return context.root;
}

/** The private procfs' descriptor in the gofer. */
export function procOf(context: Context): number {
  if (context.proc === undefined) throw new RuntimeError("no procfs");
  return context.proc;
}
