/**
 * `state` and `list`: what is, printed as every caller knows it.
 *
 * Runs in: launcher.
 *
 * @module
 */

import { openCgroup } from "../cgroups/manager.ts";
import { renderError } from "../errors.ts";
import { containerState } from "../spec/state.ts";
import type { State } from "../spec/state.ts";
import { statusOf } from "../state/status.ts";
import type { ContainerRecord } from "../state/store.ts";
import { listIds, readRecord } from "../state/store.ts";

/** The state document of a record. */
function stateOf(record: ContainerRecord, owner: string): State {
  const status = statusOf(record, openCgroup(record.cgroup).frozen());
  return containerState({ ...record, status }, record.created, owner);
}

/**
 * The state of a container.
 *
 * @throws {RuntimeError} where there is none of this id
 */
export function inspectContainer(stateRoot: string, id: string): State {
  return stateOf(readRecord(stateRoot, id), "");
}

/** The name of a user of this host, or `#uid`. */
function userName(uid: number, passwd: string): string {
  for (const line of passwd.split("\n")) {
    const [name, , id] = line.split(":");
    if (id === String(uid) && name !== undefined) return name;
  }
  return `#${uid}`;
}

/** The text of /etc/passwd; empty where it cannot be read. */
function readPasswd(): string {
  try {
    return Deno.readTextFileSync("/etc/passwd");
  } catch {
    return "";
  }
}

/** All containers, sorted by id; `skip` is told of those that are damaged. */
export function listContainers(
  stateRoot: string,
  skip: (message: string) => void,
): State[] {
  const states: State[] = [];
  const ids = listIds(stateRoot);
  const passwd = ids.length === 0 ? "" : readPasswd();
  for (const id of ids) {
    try {
      const record = readRecord(stateRoot, id);
      states.push(stateOf(record, userName(record.owner, passwd)));
    } catch (error) {
      skip(`load container ${id}: ${renderError(error)}`);
    }
  }
  return states;
}
