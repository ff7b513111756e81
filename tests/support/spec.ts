/**
 * The config.json that tests start from: what `spec` of the peers writes, with
 * no terminal.
 *
 * @module
 */

/** One mount of a spec. */
export interface SpecMount {
  destination: string;
  type?: string;
  source?: string;
  options?: string[];
}

/** One hook of a spec. */
export interface SpecHook {
  path: string;
  args?: string[];
  env?: string[];
  timeout?: number;
}

/** Names of the six lists of hooks. */
export type HookName =
  | "prestart"
  | "createRuntime"
  | "createContainer"
  | "startContainer"
  | "poststart"
  | "poststop";

/** As much of config.json as tests edit; other fields by index. */
export interface Spec {
  ociVersion: string;
  process: {
    terminal: boolean;
    consoleSize?: { height: number; width: number };
    user: {
      uid: number;
      gid: number;
      umask?: number;
      additionalGids?: number[];
    };
    args: string[];
    env: string[];
    cwd: string;
    capabilities?: Record<CapabilitySet, string[]>;
    rlimits?: { type: string; hard: number; soft: number }[];
    noNewPrivileges?: boolean;
    oomScoreAdj?: number;
  };
  root: { path: string; readonly?: boolean };
  hostname?: string;
  domainname?: string;
  mounts: SpecMount[];
  hooks?: Partial<Record<HookName, SpecHook[]>>;
  annotations?: Record<string, string>;
  linux: {
    namespaces: { type: string; path?: string }[];
    uidMappings?: IdMapping[];
    gidMappings?: IdMapping[];
    devices?: {
      path: string;
      type: string;
      major?: number;
      minor?: number;
      fileMode?: number;
      uid?: number;
      gid?: number;
    }[];
    cgroupsPath?: string;
    resources: Record<string, unknown>;
    maskedPaths: string[];
    readonlyPaths: string[];
    rootfsPropagation?: string;
    sysctl?: Record<string, string>;
    timeOffsets?: Record<string, { secs?: number; nanosecs?: number }>;
  };
}

/** The five capability sets. */
export type CapabilitySet =
  | "bounding"
  | "effective"
  | "inheritable"
  | "permitted"
  | "ambient";

/** A range of mapped ids. */
export interface IdMapping {
  containerID: number;
  hostID: number;
  size: number;
}

/** A spec that runs `args` in the usual namespaces. */
export function baseSpec(id: string, args: string[]): Spec {
  const capabilities = ["CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"];
  return {
    ociVersion: "1.0.2",
    process: {
      terminal: false,
      user: { uid: 0, gid: 0 },
      args,
      env: ["PATH=/usr/sbin:/usr/bin:/sbin:/bin", "TERM=dumb"],
      cwd: "/",
      capabilities: {
        bounding: capabilities,
        effective: capabilities,
        inheritable: [],
        permitted: capabilities,
        ambient: [],
      },
      noNewPrivileges: true,
    },
    root: { path: "rootfs" },
    hostname: "burrow-test",
    mounts: [
      { destination: "/proc", type: "proc", source: "proc" },
      {
        destination: "/dev",
        type: "tmpfs",
        source: "tmpfs",
        options: ["nosuid", "strictatime", "mode=755", "size=65536k"],
      },
      {
        destination: "/dev/pts",
        type: "devpts",
        source: "devpts",
        options: ["nosuid", "noexec", "newinstance", "ptmxmode=0666"]
          .concat(["mode=0620", "gid=5"]),
      },
      {
        destination: "/dev/shm",
        type: "tmpfs",
        source: "shm",
        options: ["nosuid", "noexec", "nodev", "mode=1777", "size=65536k"],
      },
      {
        destination: "/dev/mqueue",
        type: "mqueue",
        source: "mqueue",
        options: ["nosuid", "noexec", "nodev"],
      },
      {
        destination: "/sys",
        type: "sysfs",
        source: "sysfs",
        options: ["nosuid", "noexec", "nodev", "ro"],
      },
    ],
    linux: {
      namespaces: ["pid", "network", "ipc", "uts", "mount"]
        .map((type) => ({ type })),
      cgroupsPath: `/burrow-test/${id}`,
      resources: { devices: [{ allow: false, access: "rwm" }] },
      maskedPaths: ["/proc/kcore", "/proc/keys", "/proc/timer_list"]
        .concat(["/sys/firmware", "/proc/scsi"]),
      readonlyPaths: ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys"]
        .concat(["/proc/sysrq-trigger"]),
    },
  };
}

/** Namespaces of a spec without one type. */
export function withoutNamespace(spec: Spec, type: string): void {
  spec.linux.namespaces = spec.linux.namespaces
    .filter((namespace) => namespace.type !== type);
}

/** Makes the spec run in a user namespace that maps 0 to 65535 onto `hostID`. */
export function mapUser(spec: Spec, hostID = 200_000): void {
  spec.linux.namespaces.push({ type: "user" });
  spec.linux.uidMappings = [{ containerID: 0, hostID, size: 65_536 }];
  spec.linux.gidMappings = [{ containerID: 0, hostID, size: 65_536 }];
}

/** Gives the spec these capabilities in the three usual sets. */
export function grant(spec: Spec, ...names: string[]): void {
  spec.process.capabilities = {
    bounding: names,
    effective: names,
    inheritable: [],
    permitted: names,
    ambient: [],
  };
}
