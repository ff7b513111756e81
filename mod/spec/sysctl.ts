/**
 * `linux.sysctl`: which settings belong to a namespace, and so may be set for
 * one container.
 *
 * @module
 */
import type { Spec } from "./config.ts";
import { jsonPath } from "./fault.ts";
import type { NamespaceType } from "./linux.ts";
import { hasControl, namespaceOf, type Rule } from "./rule.ts";

/** Settings of an ipc namespace, beside those beneath `fs/mqueue`. */
const IPC: readonly string[] = [
  "kernel/msgmax",
  "kernel/msgmnb",
  "kernel/msgmni",
  "kernel/sem",
  "kernel/shmall",
  "kernel/shmmax",
  "kernel/shmmni",
  "kernel/shm_rmid_forced",
];

/**
 * The path of a sysctl beneath /proc/sys. As sysctl(8) has it, the first
 * separator tells which of `.` and `/` separates; the other is then part of a
 * name: `net/ipv4/conf/eth0.100/rp_filter`, `net.ipv4.conf.eth0/100.rp_filter`.
 */
export function sysctlPath(key: string): string {
  if (/^[^./]*\//.test(key)) return key;
  return key.replace(/[./]/g, (c) => c === "." ? "/" : ".");
}

/** The namespace that has a sysctl; undefined where all containers share it. */
export function sysctlNamespace(path: string): NamespaceType | undefined {
  if (IPC.includes(path) || path.startsWith("fs/mqueue/")) return "ipc";
  if (path.startsWith("net/")) return "network";
  if (path === "kernel/domainname") return "uts";
  return undefined;
}

/** Each sysctl is one line, and belongs to a namespace of the container. */
export const sysctlsAreNamespaced: Rule<Spec> = function* (spec) {
  for (const [key, value] of Object.entries(spec.linux?.sysctl ?? {})) {
    const at = jsonPath(["linux", "sysctl", key]);
    const path = sysctlPath(key);
    if (
      hasControl(key) ||
      path.split("/").some((p) => p === "" || p === "." || p === "..")
    ) {
      // CVE-2022-0811: what is not a name could reach another file or setting.
      yield { path: at, got: key, expected: "the name of a sysctl" };
      continue;
    }
    // Tabs separate numbers, as in net.ipv4.tcp_rmem.
    if (hasControl(value, "\t")) {
      yield { path: at, got: value, expected: "no control characters" };
    }
    if (path === "kernel/hostname") {
      const expected = 'nothing: "hostname" of the spec sets it';
      yield { path: at, got: value, expected };
      continue;
    }
    const type = sysctlNamespace(path);
    if (type === undefined) {
      const expected = "only sysctls that belong to a namespace";
      yield { path: at, got: value, expected };
    } else if (namespaceOf(spec, type) === undefined) {
      const expected = `no such sysctl without a "${type}" namespace`;
      yield { path: at, got: value, expected };
    }
  }
};
