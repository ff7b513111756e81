/**
 * `do`: the spec of a throw-away sandbox whose root is this host's `/`, behind
 * overlays: each filesystem below it gets its own, what is written is gone when
 * the command ends.
 *
 * @module
 */

import type { Mount } from "../spec/mount.ts";
import type { Spec } from "../spec/config.ts";
import { defaultSpec } from "../spec/default.ts";
import type { HostMount } from "./facts.ts";
import { isWithin } from "./facts.ts";

/** What `do` is asked. */
export interface SandboxOptions {
  /** The command. */
  readonly args: readonly string[];
  /** Whole environment of the command. */
  readonly env: readonly string[];
  /** Working directory. */
  readonly cwd: string;
  /** Paths whose writes stay. */
  readonly rw: readonly string[];
  /** Paths that cannot be written. */
  readonly ro: readonly string[];
  /** With a terminal. */
  readonly terminal: boolean;
  /** With the host's network. */
  readonly net: boolean;
  /** Who runs the command. */
  readonly user: { readonly uid: number; readonly gid: number };
}

/** A sandbox: its spec, and the binds that get an overlay. */
export interface Sandbox {
  readonly spec: Spec;
  readonly overlays: readonly string[];
}

/** What is fresh in every sandbox, whatever the host has there. */
const FRESH = ["/proc", "/sys", "/dev", "/run", "/tmp"];

/** Filesystems that overlayfs takes as a lower layer. */
const LAYERED = new Set([
  "ext2",
  "ext3",
  "ext4",
  "xfs",
  "btrfs",
  "f2fs",
  "zfs",
  "tmpfs",
  "squashfs",
  "erofs",
  "iso9660",
]);

/** Filesystems of the kernel's own, which have no place below a fresh root. */
const KERNEL = new Set([
  "proc",
  "sysfs",
  "devtmpfs",
  "devpts",
  "cgroup",
  "cgroup2",
  "mqueue",
  "securityfs",
  "debugfs",
  "tracefs",
  "pstore",
  "bpf",
  "configfs",
  "binfmt_misc",
  "autofs",
  "hugetlbfs",
  "efivarfs",
  "fusectl",
  "selinuxfs",
  "nsfs",
  "rpc_pipefs",
]);

/** The host's mounts that the sandbox shows, one for each place. */
function shownMounts(mounts: readonly HostMount[]): HostMount[] {
  const places = new Map<string, HostMount>();
  for (const mount of mounts) {
    const { mountPoint, type } = mount;
    const hidden = mountPoint === "/" || KERNEL.has(type) ||
      FRESH.some((path) => isWithin(mountPoint, path));
    if (hidden) continue;
    // What a later mount covers is not there.
    for (const path of places.keys()) {
      if (isWithin(path, mountPoint)) places.delete(path);
    }
    places.set(mountPoint, mount);
  }
  return [...places.values()].sort((a, b) =>
    a.mountPoint < b.mountPoint ? -1 : 1
  );
}

/** A bind of the host's own path. */
function bind(path: string, ...options: string[]): Mount {
  return {
    destination: path,
    type: "bind",
    source: path,
    options: ["rbind", ...options],
  };
}

/** Capabilities of a sandbox: those of a container, as engines give them. */
const CAPABILITIES = [
  "CAP_CHOWN",
  "CAP_DAC_OVERRIDE",
  "CAP_FOWNER",
  "CAP_FSETID",
  "CAP_KILL",
  "CAP_NET_BIND_SERVICE",
  "CAP_NET_RAW",
  "CAP_SETFCAP",
  "CAP_SETGID",
  "CAP_SETPCAP",
  "CAP_SETUID",
  "CAP_SYS_CHROOT",
];

/** Plans a sandbox over the host's mounts. Pure. */
export function sandboxSpec(
  options: SandboxOptions,
  hostMounts: readonly HostMount[],
): Sandbox {
  const base = defaultSpec();
  const overlays: string[] = [];
  const mounts: Mount[] = [];
  for (const { mountPoint, type } of shownMounts(hostMounts)) {
    if (LAYERED.has(type)) {
      overlays.push(mountPoint);
      mounts.push({ ...bind(mountPoint), options: ["bind"] });
    } else mounts.push(bind(mountPoint, "rro"));
  }
  // The last words of the spec's own mounts: /proc, /dev and what is in it.
  const own = (base.mounts ?? []).filter(({ type }) => type !== "cgroup");
  const fresh = (path: string, mode: string): Mount => ({
    destination: path,
    type: "tmpfs",
    source: "tmpfs",
    options: ["nosuid", "nodev", `mode=${mode}`],
  });
  mounts.push(...own, fresh("/run", "755"), fresh("/tmp", "1777"));
  mounts.push(...options.rw.map((path) => bind(path)));
  mounts.push(...options.ro.map((path) => bind(path, "rro")));

  const namespaces = (base.linux?.namespaces ?? [])
    .filter(({ type }) => !(options.net && type === "network"));
  const spec: Spec = {
    ...base,
    root: { path: "/", readonly: false },
    hostname: "sandbox",
    mounts,
    process: {
      terminal: options.terminal,
      user: { ...options.user },
      args: [...options.args],
      env: [...options.env],
      cwd: options.cwd,
      noNewPrivileges: false,
      capabilities: options.user.uid === 0
        ? {
          bounding: CAPABILITIES,
          effective: CAPABILITIES,
          permitted: CAPABILITIES,
        }
        : { bounding: CAPABILITIES },
    },
    linux: { ...base.linux, namespaces },
  };
  return { spec, overlays };
}
