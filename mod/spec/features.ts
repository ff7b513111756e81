/**
 * The document of `features`: what this runtime can do, for engines to read
 * before they ask for it. Pure, and free of zod.
 *
 * @see https://github.com/opencontainers/runtime-spec/blob/v1.3.0/features.md
 * @module
 */
import { CAPABILITIES } from "./capability.ts";
import { OCI_VERSION } from "./default.ts";
import { HOOK_NAMES, type HookName } from "./hook_name.ts";
import type { NamespaceType } from "./linux.ts";

/** A part that is there or not. */
export interface Enabled {
  /** Is it built in? What the host can do is another question. */
  readonly enabled: boolean;
}

/** Seccomp, and the words that are understood where it is there. */
export interface SeccompFeatures extends Enabled {
  /** Actions, such as `SCMP_ACT_ERRNO`. */
  readonly actions?: readonly string[];
  /** Operators, such as `SCMP_CMP_EQ`. */
  readonly operators?: readonly string[];
  /** Architectures, such as `SCMP_ARCH_X86_64`. */
  readonly archs?: readonly string[];
  /** Flags that are understood. */
  readonly knownFlags?: readonly string[];
  /** Flags that this kernel takes as well. */
  readonly supportedFlags?: readonly string[];
}

/** Which cgroups can be driven, and how. */
export interface CgroupFeatures {
  /** Version 1, and hybrid hosts. */
  readonly v1: boolean;
  /** Version 2. */
  readonly v2: boolean;
  /** `--systemd-cgroup` as root. */
  readonly systemd: boolean;
  /** `--systemd-cgroup` as a user. */
  readonly systemdUser: boolean;
  /** The rdma controller. */
  readonly rdma: boolean;
}

/** Intel RDT, by what of it there is. */
export interface IntelRdtFeatures extends Enabled {
  /** `linux.intelRdt.schemata`. */
  readonly schemata?: boolean;
  /** `linux.intelRdt.enableMonitoring`. */
  readonly monitoring?: boolean;
}

/** The words of `linux.memoryPolicy` that are understood. */
export interface MemoryPolicyFeatures {
  /** Modes, such as `MPOL_BIND`. */
  readonly modes: readonly string[];
  /** Flags, such as `MPOL_F_STATIC_NODES`. */
  readonly flags: readonly string[];
}

/** What only Linux has. */
export interface LinuxFeatures {
  /** Kinds of namespace. */
  readonly namespaces: readonly NamespaceType[];
  /** Names of capabilities. */
  readonly capabilities: readonly string[];
  /** Control groups. */
  readonly cgroup: CgroupFeatures;
  /** System call filters. */
  readonly seccomp: SeccompFeatures;
  /** AppArmor profiles. */
  readonly apparmor: Enabled;
  /** SELinux labels. */
  readonly selinux: Enabled;
  /** Intel Resource Director Technology. */
  readonly intelRdt: IntelRdtFeatures;
  /** NUMA memory policies; absent where they are not there. */
  readonly memoryPolicy?: MemoryPolicyFeatures;
  /** Kinds of mount beyond the options. */
  readonly mountExtensions: {
    /** `idmap` and `ridmap`, and mappings of mounts. */
    readonly idmap: Enabled;
  };
  /** Network devices moved into the container. */
  readonly netDevices: Enabled;
}

/** The features document. */
export interface Features {
  /** The oldest spec that is understood. */
  readonly ociVersionMin: string;
  /** The newest. */
  readonly ociVersionMax: string;
  /** The lists of hooks that are run. */
  readonly hooks: readonly HookName[];
  /** The mount options that are ours, not the filesystem's. */
  readonly mountOptions: readonly string[];
  /** What only Linux has. */
  readonly linux: LinuxFeatures;
  /** Versions and the like. */
  readonly annotations: Readonly<Record<string, string>>;
  /** Annotations of config.json that may do harm; "." at the end: a prefix. */
  readonly potentiallyUnsafeConfigAnnotations: readonly string[];
}

/** What the features document is made of, beside what never changes. */
export interface FeatureFacts {
  /** This executable's version. */
  readonly version: string;
  /** The mount options that are ours; sorted here. */
  readonly mountOptions: readonly string[];
  /** What of the cgroups is there beyond v1 and v2. */
  readonly cgroup?: Partial<CgroupFeatures>;
  /** System call filters; off unless said. */
  readonly seccomp?: SeccompFeatures;
  /** AppArmor; off unless said. */
  readonly apparmor?: boolean;
  /** SELinux; off unless said. */
  readonly selinux?: boolean;
  /** Idmapped mounts; off unless said. */
  readonly idmap?: boolean;
  /** Intel RDT; off unless said. */
  readonly intelRdt?: IntelRdtFeatures;
  /** Memory policies; absent unless said. */
  readonly memoryPolicy?: MemoryPolicyFeatures;
  /** Network devices; off unless said. */
  readonly netDevices?: boolean;
  /** Annotations of config.json that we act upon and that may do harm. */
  readonly unsafeAnnotations?: readonly string[];
}

/** The kinds of namespace that can be made and joined. */
const NAMESPACES: readonly NamespaceType[] = [
  "cgroup",
  "ipc",
  "mount",
  "network",
  "pid",
  "time",
  "user",
  "uts",
];

/** Makes the features document. What is not said to be there is not there. */
export function features(facts: FeatureFacts): Features {
  return {
    ociVersionMin: "1.0.0",
    ociVersionMax: OCI_VERSION,
    hooks: HOOK_NAMES,
    mountOptions: [...facts.mountOptions].sort(),
    linux: {
      namespaces: NAMESPACES,
      capabilities: CAPABILITIES,
      cgroup: {
        v1: true,
        v2: true,
        systemd: false,
        systemdUser: false,
        rdma: false,
        ...facts.cgroup,
      },
      seccomp: facts.seccomp ?? { enabled: false },
      apparmor: { enabled: facts.apparmor ?? false },
      selinux: { enabled: facts.selinux ?? false },
      intelRdt: facts.intelRdt ?? { enabled: false },
      ...(facts.memoryPolicy === undefined
        ? {}
        : { memoryPolicy: facts.memoryPolicy }),
      mountExtensions: { idmap: { enabled: facts.idmap ?? false } },
      netDevices: { enabled: facts.netDevices ?? false },
    },
    annotations: {
      "org.opencontainers.runc.checkpoint.enabled": "false",
      "burrow.version": facts.version,
    },
    potentiallyUnsafeConfigAnnotations: facts.unsafeAnnotations ?? [],
  };
}
