/**
 * The id maps of a user namespace: written by the launcher, or for a user
 * without rights by newuidmap(1) and newgidmap(1), which know what /etc/subuid
 * and /etc/subgid grant.
 *
 * Runs in: launcher.
 *
 * @see https://man7.org/linux/man-pages/man7/user_namespaces.7.html
 * @module
 */

import { SyscallError } from "../../ffi/errno.ts";
import { RuntimeError } from "../errors.ts";
import type { IdMapping } from "../spec/mount.ts";

/** Both maps of a user namespace. */
export interface IdMaps {
  readonly uidMappings: readonly IdMapping[];
  readonly gidMappings: readonly IdMapping[];
}

/** The text of /proc/PID/uid_map. */
export function idMapText(mappings: readonly IdMapping[]): string {
  return mappings.map(({ containerID, hostID, size }) =>
    `${containerID} ${hostID} ${size}\n`
  ).join("");
}

/** Writes a file below /proc/PID, naming it in the error. */
export function writeProc(pid: number, file: string, text: string): void {
  const path = `/proc/${pid}/${file}`;
  try {
    Deno.writeTextFileSync(path, text, { create: false });
  } catch (cause) {
    throw new RuntimeError(`write ${JSON.stringify(text.trim())} to ${path}`, {
      cause,
    });
  }
}

/** Is it the one map that the kernel lets every user write: its own id? */
function isOwn(mappings: readonly IdMapping[], id: number | null): boolean {
  const [first, ...rest] = mappings;
  return rest.length === 0 && first?.size === 1 && first.hostID === id;
}

/** Runs newuidmap(1) or newgidmap(1). */
function runMapper(
  name: "newuidmap" | "newgidmap",
  pid: number,
  mappings: readonly IdMapping[],
): void {
  const ids = mappings.flatMap(({ containerID, hostID, size }) =>
    [containerID, hostID, size].map(String)
  );
  const file = name === "newuidmap" ? "/etc/subuid" : "/etc/subgid";
  const what = name === "newuidmap" ? "linux.uidMappings" : "linux.gidMappings";
  let output: Deno.CommandOutput;
  try {
    output = new Deno.Command(name, {
      args: [String(pid), ...ids],
      stdin: "null",
    }).outputSync();
  } catch (cause) {
    throw new RuntimeError(`${what}: ${name} cannot be run`, {
      cause,
      hint: "install uidmap, or map nothing but your own id",
    });
  }
  if (output.success) return;
  const said = new TextDecoder().decode(output.stderr).trim();
  throw new RuntimeError(`${what}: ${said || `${name} refused`}`, {
    hint: `${file} says which ids are yours to map`,
  });
}

/**
 * Writes the maps of the user namespace that process `pid` has just made. It
 * must be dumpable, or its files would be root's.
 *
 * @throws {RuntimeError} naming the map, and what grants it
 */
export function writeIdMaps(pid: number, maps: IdMaps): void {
  const { uidMappings, gidMappings } = maps;
  const rights = Deno.uid() === 0;
  if (rights || isOwn(gidMappings, Deno.gid())) {
    // Without CAP_SETGID, groups could be dropped that deny something.
    if (!rights) writeProc(pid, "setgroups", "deny");
    writeProc(pid, "gid_map", idMapText(gidMappings));
  } else runMapper("newgidmap", pid, gidMappings);
  if (rights || isOwn(uidMappings, Deno.uid())) {
    writeProc(pid, "uid_map", idMapText(uidMappings));
  } else runMapper("newuidmap", pid, uidMappings);
}

/** What each switch of the host is when user namespaces are shut off. */
const SWITCHES: readonly (readonly [string, string])[] = [
  ["/proc/sys/user/max_user_namespaces", "0"],
  ["/proc/sys/kernel/unprivileged_userns_clone", "0"],
  ["/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1"],
];

/** Says why the host makes no user namespace, as far as it tells. */
export function refusedUserNamespace(cause: unknown): unknown {
  if (!(cause instanceof SyscallError)) return cause;
  const found = SWITCHES.find(([path, value]) => {
    try {
      return Deno.readTextFileSync(path).trim() === value;
    } catch {
      return false; // this kernel has no such switch
    }
  });
  const hint = found !== undefined
    ? `${found[0]} is ${found[1]}`
    : cause.code === "ENOSPC"
    ? "there are too many, or they are too deep: max_user_namespaces"
    : cause.code === "EPERM"
    ? "a chroot, a system call filter or a security module may forbid it"
    : undefined;
  return new RuntimeError("this host refuses a user namespace", {
    cause,
    ...hint === undefined ? {} : { hint },
  });
}
