/**
 * The CDI file of a host's GPUs, made without NVML and without NVIDIA's
 * toolkit. Pure, but for what the views of the host do.
 *
 * Device nodes are named and not numbered: the numbers of some change with each
 * boot, and whoever injects them looks.
 *
 * @module
 */

import { RuntimeError } from "../errors.ts";
import type { Driver, DriverFile } from "./generate_driver.ts";
import { findDriver } from "./generate_driver.ts";
import type { Gpu } from "./generate_gpu.ts";
import { controlNodes, driverVersion, findGpus } from "./generate_gpu.ts";
import type { HostView } from "./generate_host.ts";
import type {
  CdiDevice,
  CdiFile,
  CdiHook,
  CdiMount,
  ContainerEdits,
  DeviceNode,
} from "./schema.ts";
import { minimumVersion } from "./version.ts";

/** What `cdi generate` is asked. */
export interface GenerateOptions {
  readonly vendor: string;
  readonly class: string;
  /** Where the driver is installed; "": in this host's root. */
  readonly driverRoot: string;
  /** Folders of libraries to look in first, as the driver's root has them. */
  readonly libraryDirs: readonly string[];
  /** The program of the hooks, and whether it is our own. */
  readonly hook: { readonly path: string; readonly own: boolean };
  /** Groups of nodes that not everybody may open are not added. */
  readonly noAdditionalGids?: boolean;
}

/** What was found, and what was not. */
export interface Generated {
  readonly file: CdiFile;
  readonly gpus: readonly Gpu[];
  readonly driver: Driver;
  readonly warnings: readonly string[];
}

const MOUNT_OPTIONS = ["ro", "nosuid", "nodev", "rbind", "rprivate"];
const SOCKET_OPTIONS = ["nosuid", "nodev", "noexec", "rbind", "rprivate"];

const SOCKETS = [
  "/run/nvidia-persistenced/socket",
  "/run/nvidia-fabricmanager/socket",
  "/tmp/nvidia-mps",
];

/** Runs of hooks under one program. */
type HookOf = (name: string, ...args: readonly string[]) => CdiHook;

/** How hooks are spelt for a program. */
function hooksOf({ path, own }: GenerateOptions["hook"]): HookOf {
  const base = path.slice(path.lastIndexOf("/") + 1);
  const head = own
    ? ["burrow", "hook"]
    : base === "nvidia-ctk"
    ? [base, "hook"]
    : ["nvidia-cdi-hook"];
  return (name, ...args) => ({
    hookName: "createContainer",
    path,
    args: [...head, name, ...args],
    // Not empty: to some engines no environment means the image's
    // (CVE-2025-23266).
    env: ["NVIDIA_CTK_DEBUG=false"],
  });
}

/** The mount of a file. */
function mountOf(root: string, file: DriverFile): CdiMount {
  return {
    hostPath: root + file.host,
    containerPath: file.container,
    options: MOUNT_OPTIONS,
  };
}

/** A node, open to who may open it on the host. */
function nodeOf(path: string): DeviceNode {
  return { path, permissions: "rw" };
}

/** The groups that may open nodes that others may not. */
function groupsOf(host: HostView, nodes: readonly string[]): number[] {
  const groups = nodes.flatMap((path) => {
    const file = host.stat(path);
    return file !== undefined && file.gid !== 0 && (file.mode & 0o6) !== 0o6
      ? [file.gid]
      : [];
  });
  return [...new Set(groups)].sort((a, b) => a - b);
}

/** The hook that makes links; none where there are none. */
function linkHook(
  hook: HookOf,
  links: readonly { target: string; path: string }[],
): CdiHook[] {
  if (links.length === 0) return [];
  return [hook(
    "create-symlinks",
    ...links.flatMap(({ target, path }) => ["--link", `${target}::${path}`]),
  )];
}

/** What all devices of the file need. */
function commonEdits(
  host: HostView,
  driver: Driver,
  options: GenerateOptions,
): ContainerEdits {
  const hook = hooksOf(options.hook);
  const { driverRoot } = options;
  const files = [
    ...driver.libraries,
    ...driver.binaries,
    ...driver.firmware,
    ...driver.settings,
  ];
  const sockets = SOCKETS.filter((path) => {
    const kind = host.stat(path)?.kind;
    return kind === "socket" || kind === "directory";
  });
  const graphics = driver.libraries.some(({ soname }) =>
    soname?.startsWith("libEGL_nvidia") || soname?.startsWith("libGLX_nvidia")
  );
  const folders = [
    ...new Set(
      driver.libraries.map(({ container }) =>
        container.slice(0, container.lastIndexOf("/"))
      ),
    ),
  ];
  return {
    // The older hook of NVIDIA's runtime is not to add what is here already.
    env: ["NVIDIA_VISIBLE_DEVICES=void"],
    deviceNodes: controlNodes(host).map(nodeOf),
    mounts: [
      ...files.map((file) => mountOf(driverRoot, file)),
      ...sockets.map((path) => ({
        hostPath: path,
        containerPath: path,
        options: SOCKET_OPTIONS,
      })),
    ],
    hooks: [
      ...linkHook(hook, driver.links),
      hook("enable-cuda-compat", "--host-driver-version", driver.version),
      hook(
        "update-ldcache",
        ...folders.flatMap((folder) => ["--folder", folder]),
      ),
      hook("disable-device-node-modification"),
      ...graphics ? [hook("update-application-profile")] : [],
    ],
  };
}

/** The edits of some nodes and links. */
function deviceEdits(
  host: HostView,
  options: GenerateOptions,
  nodes: readonly string[],
  links: Gpu["links"],
): ContainerEdits {
  const hooks = linkHook(hooksOf(options.hook), links);
  const groups = options.noAdditionalGids ? [] : groupsOf(host, nodes);
  return {
    deviceNodes: nodes.map(nodeOf),
    ...hooks.length === 0 ? {} : { hooks },
    ...groups.length === 0 ? {} : { additionalGids: groups },
  };
}

/** The devices of a GPU: by index, by UUID, and its instances. */
function devicesOf(
  host: HostView,
  options: GenerateOptions,
  gpu: Gpu,
): CdiDevice[] {
  const edits = deviceEdits(host, options, gpu.nodes, gpu.links);
  const names = [
    String(gpu.index),
    ...gpu.uuid === undefined ? [] : [gpu.uuid],
  ];
  return [
    ...names.map((name) => ({ name, containerEdits: edits })),
    ...gpu.instances.map(({ nodes }, i) => ({
      name: `${gpu.index}:${i}`,
      containerEdits: deviceEdits(
        host,
        options,
        [...gpu.nodes, ...nodes],
        gpu.links,
      ),
    })),
  ];
}

/** What is odd on this host. */
function oddities(gpus: readonly Gpu[], host: HostView): string[] {
  const said: string[] = [];
  for (const { index, uuid, nodes, instances } of gpus) {
    const missing = nodes.filter((path) => host.stat(path) === undefined);
    said.push(...missing.map((path) => `GPU ${index} has no node "${path}"`));
    if (uuid === undefined) said.push(`the UUID of GPU ${index} is not known`);
    if (instances.length > 0) {
      said.push(`the UUIDs of the instances of GPU ${index} are not known`);
    }
  }
  if (host.stat("/dev/nvidia-uvm") === undefined) {
    said.push('there is no "/dev/nvidia-uvm": CUDA will not work');
  }
  return said;
}

/**
 * Makes the CDI file. `host` is this host, `root` the driver's root on it.
 *
 * @throws {RuntimeError} where there is no GPU, or no driver
 */
export function generate(
  host: HostView,
  root: HostView,
  options: GenerateOptions,
): Generated {
  const gpus = findGpus(host);
  if (gpus.length === 0) {
    throw new RuntimeError("no NVIDIA GPU is to be seen", {
      hint: "is the driver loaded, and /proc/driver/nvidia there? " +
        "`nvidia-smi` as root makes missing nodes in /dev",
    });
  }
  const loaded = driverVersion(host);
  const driver = findDriver(root, host, {
    version: loaded,
    folders: options.libraryDirs,
  });
  if (driver === undefined) {
    const version = loaded === undefined ? "" : ` of version ${loaded}`;
    throw new RuntimeError(`the driver's libraries${version} are not found`, {
      hint: "--library-dir DIR or --driver-root DIR say where they are",
    });
  }
  const devices = gpus.flatMap((gpu) => devicesOf(host, options, gpu));
  const all = deviceEdits(
    host,
    options,
    [
      ...new Set(gpus.flatMap(({ nodes, instances }) => [
        ...nodes,
        ...instances.flatMap((instance) => instance.nodes),
      ])),
    ],
    gpus.flatMap(({ links }) => links),
  );
  const file: CdiFile = {
    cdiVersion: "",
    kind: `${options.vendor}/${options.class}`,
    devices: [...devices, { name: "all", containerEdits: all }],
    containerEdits: commonEdits(host, driver, options),
  };
  const { version } = minimumVersion(file);
  return {
    file: { ...file, cdiVersion: version },
    gpus,
    driver,
    warnings: oddities(gpus, host),
  };
}

/** A document as YAML: block style, every string quoted as JSON has it. */
export function yamlText(value: unknown, indent = ""): string {
  const isBlock = (item: unknown) =>
    typeof item === "object" && item !== null &&
    (Array.isArray(item) ? item.length : Object.keys(item).length) > 0;
  const next = `${indent}  `;
  if (!isBlock(value)) return ` ${JSON.stringify(value)}\n`;
  const entries = Array.isArray(value)
    ? value.map((item) => ["-", item] as const)
    : Object.entries(value ?? {}).map(([key, item]) =>
      [`${key}:`, item] as const
    );
  const lines = entries.map(([head, item]) => {
    const text = yamlText(item, next);
    // The first key of an entry stands behind its dash.
    return head === "-" && isBlock(item)
      ? `${indent}- ${text.replace(/^\n/, "").trimStart()}`
      : `${indent}${head}${text}`;
  });
  return `\n${lines.join("")}`;
}

/** The text of a CDI file. */
export function cdiText(file: CdiFile, format: "json" | "yaml"): string {
  return format === "json"
    ? `${JSON.stringify(file, null, 2)}\n`
    : `---${yamlText(file)}`;
}
