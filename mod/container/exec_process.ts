/**
 * The process of `exec`, from a document or from flags. Pure.
 *
 * @module
 */

import { RuntimeError } from "../errors.ts";
import { CAPABILITIES } from "../spec/capability.ts";
import type { Process } from "../spec/process.ts";
import { checkProcess } from "../spec/validate.ts";
import type { ExecDefaults } from "../state/store.ts";

/** The flags of `exec` that change the container's process. */
export interface ExecFlags {
  /** The program and its arguments. */
  readonly args: readonly string[];
  /** KEY=VALUE. */
  readonly env: readonly string[];
  /** Names of capabilities. */
  readonly caps: readonly string[];
  /** Numbers of groups. */
  readonly additionalGids: readonly string[];
  readonly terminal: boolean;
  readonly noNewPrivileges: boolean;
  readonly cwd: string | undefined;
  /** UID[:GID]. */
  readonly user: string | undefined;
  readonly apparmor: string | undefined;
  readonly label: string | undefined;
}

/** The largest id; one more is "no id" to the kernel. */
const MOST_ID = 0xfffffffe;

/** Reads an id: digits and nothing else (CVE-2026-30892, CVE-2024-40635). */
function readId(text: string, object: string): number {
  const id = /^\d{1,10}$/.test(text) ? Number(text) : -1;
  if (id >= 0 && id <= MOST_ID) return id;
  throw new RuntimeError(`${object}: ${JSON.stringify(text)} is no id`, {
    hint: `a number from 0 to ${MOST_ID}`,
  });
}

/**
 * Reads the value of `--user`.
 *
 * @throws {RuntimeError} for all but `UID` and `UID:GID`
 */
export function parseUser(text: string): { uid: number; gid?: number } {
  const object = `--user ${JSON.stringify(text)}`;
  const [uid = "", gid, ...rest] = text.split(":");
  if (rest.length > 0) {
    throw new RuntimeError(`${object}: UID[:GID] is wanted`);
  }
  return {
    uid: readId(uid, object),
    ...gid === undefined ? {} : { gid: readId(gid, object) },
  };
}

/** Completes a document by what the container's own process has. */
export function completeProcess(
  process: Process,
  defaults: ExecDefaults,
): Process {
  return {
    ...process,
    user: { ...process.user, umask: process.user.umask ?? defaults.umask },
    capabilities: process.capabilities ?? defaults.capabilities,
    noNewPrivileges: process.noNewPrivileges ?? defaults.noNewPrivileges,
    oomScoreAdj: process.oomScoreAdj ?? defaults.oomScoreAdj,
    rlimits: (process.rlimits ?? []).length > 0
      ? process.rlimits
      : defaults.rlimits,
  };
}

/**
 * Adds capabilities to what a program has, never to what it hands on by
 * execve(2) (CVE-2022-29162): ambient only where the spec lets it inherit.
 */
function addCapabilities(
  capabilities: Process["capabilities"],
  names: readonly string[],
): Process["capabilities"] {
  if (names.length === 0) return capabilities;
  const known: readonly string[] = CAPABILITIES;
  const added = names.map((name) => name.toUpperCase());
  const unknown = added.find((name) => !known.includes(name));
  if (unknown !== undefined) {
    throw new RuntimeError(`--cap: unknown capability "${unknown}"`, {
      hint: "such as CAP_NET_ADMIN",
    });
  }
  const add = (set: readonly string[] | undefined) => [
    ...new Set([...set ?? [], ...added]),
  ];
  const { inheritable = [], ambient } = capabilities ?? {};
  return {
    ...capabilities,
    bounding: add(capabilities?.bounding),
    effective: add(capabilities?.effective),
    permitted: add(capabilities?.permitted),
    ambient: inheritable.length > 0
      ? add(ambient).filter((name) => inheritable.includes(name))
      : ambient,
  };
}

/**
 * The container's process with the changes of flags.
 *
 * @throws {RuntimeError} for flags that make no sense, or no process
 */
export function processOfFlags(
  base: Process | undefined,
  flags: ExecFlags,
): Process {
  if (flags.args.length === 0) {
    throw new RuntimeError("process args cannot be empty", {
      hint: "name a program, or a document with --process",
    });
  }
  if (base === undefined) throw new RuntimeError("config.json has no process");
  const user = {
    ...base.user,
    ...flags.user === undefined ? {} : parseUser(flags.user),
  };
  const groups = flags.additionalGids.map((text) =>
    readId(text, "--additional-gids")
  );
  const process: Process = {
    ...base,
    args: [...flags.args],
    env: [...base.env ?? [], ...flags.env],
    cwd: flags.cwd ?? base.cwd,
    terminal: flags.terminal,
    user: {
      ...user,
      additionalGids: [...user.additionalGids ?? [], ...groups],
    },
    capabilities: addCapabilities(base.capabilities, flags.caps),
    noNewPrivileges: flags.noNewPrivileges || base.noNewPrivileges,
    apparmorProfile: flags.apparmor ?? base.apparmorProfile,
    selinuxLabel: flags.label ?? base.selinuxLabel,
  };
  checkProcess(process, "exec");
  return process;
}
