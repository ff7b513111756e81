/**
 * What is wrong with the CDI files of a host, and what to do about it. Pure:
 * what is to be known of the host comes from functions.
 *
 * @module
 */

import type { HostNode } from "./edit.ts";
import { nearestNames } from "./name.ts";
import type { Registry, RegistryFile } from "./registry.ts";
import type { CdiHook, ContainerEdits, DeviceNode } from "./schema.ts";
import { CDI_VERSIONS, minimumVersion } from "./version.ts";

/** What the doctor looks at on the host. */
export interface HostView {
  /** Looks at a device node; follows no symlink. */
  readonly lookUp: (path: string) => HostNode;
  /** Is there something at a path? */
  readonly exists: (path: string) => boolean;
  /** Why a program cannot be run, or should not; nothing where all is well. */
  readonly programFault: (path: string) => string | undefined;
}

/** One thing that is wrong, or odd. */
export interface Finding {
  /** An error keeps a device from containers, or a container from starting. */
  readonly level: "error" | "warning";
  /** The file, directory or device. */
  readonly subject: string;
  readonly problem: string;
  readonly suggestion: string;
}

/** What is to be done about a dropped file. */
function remedyOf(reason: string): string {
  const needed = /^cdiVersion: got .*, expected at least "([0-9.]+)"/.exec(
    reason,
  );
  if (needed !== null) return `write cdiVersion ${needed[1]} into it`;
  if (reason.startsWith("cdiVersion: ")) {
    return "make it again with a tool that can write an older version";
  }
  if (/unknown field/.test(reason)) return "take the field out, or correct it";
  if (/permission denied/i.test(reason)) return "make it readable";
  return "correct it, or remove it; `burrow cdi validate FILE` checks it again";
}

/** Directories that cannot be read, and names that nobody reads. */
function* aboutDirectories(registry: Registry): Iterable<Finding> {
  for (const { path, state, error, ignored } of registry.directories) {
    if (state === "failed") {
      yield {
        level: "error",
        subject: path,
        problem: `cannot be read: ${error}; later directories are not read`,
        suggestion: "make it a directory that can be read, or remove it",
      };
    }
    for (const name of ignored) {
      if (!/\.(yml|jsonc|ya?ml\..*|json\..*)$/i.test(name)) continue;
      yield {
        level: "warning",
        subject: `${path}/${name}`,
        problem: "is not read: its name does not end in .json or .yaml",
        suggestion: "rename it if it is to count",
      };
    }
  }
  const { directories } = registry;
  if (directories.every(({ files }) => files.length === 0)) {
    yield {
      level: "warning",
      subject: directories.map(({ path }) => path).join(", "),
      problem: "no CDI file is there",
      suggestion:
        "`burrow cdi generate` or the vendor's tool makes one; --cdi-spec-dir names other directories",
    };
  }
}

/** A device node of one file. */
function aboutNode(
  subject: string,
  node: DeviceNode,
  host: HostView,
): Finding | undefined {
  const { path, type = "", major = 0, minor = 0 } = node;
  const hostPath = (node.hostPath ?? "") === "" ? path : node.hostPath ?? path;
  const found = host.lookUp(hostPath);
  if (found.error !== undefined) {
    const filled = type !== "" && (major !== 0 || type === "p");
    return {
      level: filled ? "warning" : "error",
      subject,
      problem: `device node "${hostPath}": ${found.error}`,
      suggestion: filled
        ? "load the driver: the numbers in the file may be from before a reboot"
        : "load the driver (nvidia-modprobe -u -c 0 makes NVIDIA's nodes), or make the file again",
    };
  }
  const wanted = type === "u" ? "c" : type;
  if (wanted !== "" && wanted !== found.type) {
    return {
      level: "error",
      subject,
      problem:
        `device node "${hostPath}" is of type "${found.type}", the file says "${type}"`,
      suggestion: "make the file again",
    };
  }
  const isStale = found.type !== "p" && major !== 0 &&
    (major !== found.major || minor !== found.minor);
  if (!isStale) return undefined;
  return {
    level: "warning",
    subject,
    problem:
      `device node "${hostPath}" is ${found.major}:${found.minor}, the file says ${major}:${minor}`,
    suggestion: "make the file again, or use --cdi-host-numbers",
  };
}

/** Is this a hook that Burrow has built in? By its arguments, not its path. */
function isNvidiaHook({ path, args = [] }: CdiHook): boolean {
  const [program = path] = args;
  return /(^|\/)nvidia-(cdi-hook|ctk)$/.test(program);
}

/** All that some edits need of the host. */
function* aboutEdits(
  subject: string,
  edits: ContainerEdits,
  host: HostView,
): Iterable<Finding> {
  for (const node of edits.deviceNodes ?? []) {
    const finding = aboutNode(subject, node, host);
    if (finding !== undefined) yield finding;
  }
  for (const { hostPath } of edits.mounts ?? []) {
    if (host.exists(hostPath)) continue;
    yield {
      level: "error",
      subject,
      problem: `mount source "${hostPath}" is not there`,
      suggestion: "make the file again, after the driver was changed",
    };
  }
  for (const hook of edits.hooks ?? []) {
    const fault = host.programFault(hook.path);
    if (fault === undefined) continue;
    yield {
      level: "error",
      subject,
      problem: `hook "${hook.path}" ${fault}`,
      suggestion: isNvidiaHook(hook)
        ? "install NVIDIA's toolkit, or let --native-hooks=auto serve it"
        : "install the program that the file names",
    };
  }
}

/** One file: its version, and what it needs of the host. */
function* aboutFile(source: RegistryFile, host: HostView): Iterable<Finding> {
  const { path, file, warnings } = source;
  for (const warning of warnings) {
    yield {
      level: "warning",
      subject: path,
      problem: warning,
      suggestion: "correct it: other readers may refuse it",
    };
  }
  const { version } = minimumVersion(file);
  const versions: readonly string[] = CDI_VERSIONS;
  const declared = file.cdiVersion.replace(/^v/, "");
  if (versions.indexOf(declared) > versions.indexOf(version)) {
    yield {
      level: "warning",
      subject: path,
      problem: `says cdiVersion ${declared}, needs only ${version}`,
      suggestion: `with ${version} older engines can read it too`,
    };
  }
  yield* aboutEdits(path, file.containerEdits ?? {}, host);
  for (const { containerEdits = {} } of file.devices ?? []) {
    yield* aboutEdits(path, containerEdits, host);
  }
}

/** What is wrong, in the order: directories, files, devices, host. */
export function diagnose(registry: Registry, host: HostView): Finding[] {
  const findings: Finding[] = [...aboutDirectories(registry)];
  for (const { path, reason } of registry.dropped) {
    findings.push({
      level: "error",
      subject: path,
      problem: `is dropped: ${reason}`,
      suggestion: remedyOf(reason),
    });
  }
  for (const [name, files] of registry.conflicts) {
    const [last = ""] = nearestNames(name, registry.devices.keys());
    findings.push({
      level: "error",
      subject: name,
      problem: `is in ${
        files.map((path) => `"${path}"`).join(" and ")
      }, of the same priority: neither counts`,
      suggestion: last === ""
        ? "remove one of the files"
        : `remove one of the files, or take "${last}"`,
    });
  }
  for (const { name, source, hidden } of registry.devices.values()) {
    if (hidden.length === 0) continue;
    findings.push({
      level: "warning",
      subject: name,
      problem: `is taken from "${source.path}", and hides what ${
        hidden.map((path) => `"${path}"`).join(", ")
      } says`,
      suggestion: "remove the file that is not meant",
    });
  }
  for (const file of registry.files) findings.push(...aboutFile(file, host));
  // Devices of one file share nodes and hooks: each is told once.
  const told = new Set<string>();
  return findings.filter((finding) => {
    const key = JSON.stringify(finding);
    return !told.has(key) && told.add(key);
  });
}
