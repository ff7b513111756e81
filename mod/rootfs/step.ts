/**
 * The steps that make the container's filesystem: plain data.
 *
 * @module
 */

/** The gofer's own mount namespace, cut off from the host's. */
export interface UnshareMountsStep {
  readonly kind: "unshare-mounts";
  /** What `/` becomes, with all below: a word of the spec. */
  readonly propagation: string;
  /**
   * The mount that holds the root, made private where it would be shared: so
   * that pivot_root works. Binds are cut out of it too, so else it is left.
   */
  readonly holder?: string;
}

/** How the ids of a mount are mapped. */
export interface MountIdMap {
  /** Which mapping: one that an `id-mapping` step made. */
  readonly mapping: number;
  /** For all mounts of the tree. */
  readonly recursive: boolean;
}

/** Opens the root as a detached tree. */
export interface OpenRootStep {
  readonly kind: "open-root";
  /** Absolute, without symlinks. */
  readonly path: string;
  /** A private overlay lies over it: the host's files stay as they are. */
  readonly overlay: boolean;
}

/** Opens a bind source as a detached tree. */
export interface OpenSourceStep {
  readonly kind: "open-source";
  /** Which tree, for the mount that attaches it. */
  readonly tree: number;
  readonly source: string;
  readonly recursive: boolean;
  /** `overlay` where a private overlay lies over it. */
  readonly overlay: boolean;
  /** The words that change its attributes, such as `ro`. */
  readonly options: readonly string[];
  /** Its ids; absent: as they are. */
  readonly idmap?: MountIdMap;
}

/** Binds the root on itself: a mount point, before anything is mounted in it. */
export interface AttachRootStep {
  readonly kind: "attach-root";
  readonly path: string;
}

/** The propagation of the root, which mounts made in it inherit. */
export interface RootPropagationStep {
  readonly kind: "root-propagation";
  readonly propagation: "private" | "slave";
}

/** A procfs for our own use, attached nowhere. */
export interface OpenProcStep {
  readonly kind: "open-proc";
}

/** Attaches one mount of the spec. */
export interface MountStep {
  readonly kind: "mount";
  readonly destination: string;
  readonly type: string;
  readonly source: string;
  readonly options: readonly string[];
  /** The tree opened before; absent: a new filesystem. */
  readonly tree?: number;
  /** The ids of a new filesystem; absent: as they are. */
  readonly idmap?: MountIdMap;
}

/** Makes a device node, or binds the host's. */
export interface DeviceStep {
  readonly kind: "device";
  readonly path: string;
  readonly type: "c" | "b" | "p";
  readonly major: number;
  readonly minor: number;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** The host's node, opened before, where mknod is refused. */
  readonly tree?: number;
}

/** Makes a symbolic link. */
export interface LinkStep {
  readonly kind: "link";
  readonly path: string;
  readonly target: string;
}

/** Makes the container's root the root. */
export interface EnterRootStep {
  readonly kind: "pivot-root";
  /** `chroot` in a mount namespace of others, which keep their root. */
  readonly how: "pivot_root" | "chroot" | "move";
}

/** The propagation of `/` after the pivot: what would have refused it before. */
export interface FinalPropagationStep {
  readonly kind: "final-propagation";
  readonly propagation: string;
}

/** Makes a mount of the container read-only, after the hooks. */
export interface RemountReadOnlyStep {
  readonly kind: "remount-read-only";
  readonly path: string;
}

/** Binds a path on itself, read-only. */
export interface ReadOnlyPathStep {
  readonly kind: "read-only-path";
  readonly path: string;
}

/** Covers a path. */
export interface MaskPathStep {
  readonly kind: "mask-path";
  readonly path: string;
}

/** Writes a sysctl. */
export interface SysctlStep {
  readonly kind: "sysctl";
  /** With dots or slashes, as in the spec. */
  readonly key: string;
  readonly value: string;
}

/** Makes the working directory, where it is missing. */
export interface MakeDirectoryStep {
  readonly kind: "make-directory";
  readonly path: string;
}

/** Any step on the filesystem. */
export type RootfsStep =
  | UnshareMountsStep
  | OpenRootStep
  | OpenSourceStep
  | AttachRootStep
  | RootPropagationStep
  | OpenProcStep
  | MountStep
  | DeviceStep
  | LinkStep
  | EnterRootStep
  | FinalPropagationStep
  | RemountReadOnlyStep
  | ReadOnlyPathStep
  | MaskPathStep
  | SysctlStep
  | MakeDirectoryStep;
