/**
 * The state directory: one directory for each container, with its record and
 * the fifos of its parked process.
 *
 * Runs in: launcher. The record is replaced atomically. The lock is on the
 * directory itself, and never held while waiting for somebody.
 *
 * @module
 */

import { attempt, callError, perform } from "../../ffi/call.ts";
import { FCNTL } from "../../ffi/abi/fcntl.ts";
import { AT_FDCWD, close, flock, openat } from "../../ffi/file.ts";
import { local } from "../../ffi/local.ts";
import type { CgroupRecord } from "../cgroups/plan.ts";
import { RuntimeError } from "../errors.ts";
import type { Hooks } from "../spec/hook.ts";
import type { Process } from "../spec/process.ts";
import { checkId } from "./id.ts";

/** What is known of a container between commands: state.json. */
export interface ContainerRecord {
  /** The container's id. */
  readonly id: string;
  /** The bundle's directory, absolute. */
  readonly bundle: string;
  /** The root filesystem's path on the host. */
  readonly rootfs: string;
  /** Annotations of config.json. */
  readonly annotations: Readonly<Record<string, string>>;
  /** RFC 3339, UTC. */
  readonly created: string;
  /** Who made it: a uid of the host. */
  readonly owner: number;
  /** `create` has not come to its end. */
  readonly creating: boolean;
  /** The container's process; 0: none yet. */
  readonly pid: number;
  /** Its start time in clock ticks: field 22 of /proc/PID/stat. */
  readonly startTime: number;
  /** The gofer's executable: which the process executes until `start`. */
  readonly executable: { readonly device: string; readonly inode: number };
  /** Has it a pid namespace of its own, which dies with it? */
  readonly ownPidNamespace: boolean;
  /** Its cgroup. */
  readonly cgroup: CgroupRecord;
  /** Directories of resctrl that go with it. */
  readonly resctrl?: readonly string[];
  /** The hooks that are still to come. */
  readonly hooks: Hooks;
  /** What `exec` takes from the container. */
  readonly exec: ExecDefaults;
  /** The program, once looked up: for the reason of a failed start. */
  readonly program?: string;
}

/** What `exec` takes from the container where its process says nothing. */
export interface ExecDefaults
  extends
    Pick<Process, "capabilities" | "noNewPrivileges" | "rlimits">,
    Pick<Process, "oomScoreAdj"> {
  /** umask of the container's program. */
  readonly umask?: number | undefined;
  /** Working directory of the container's program. */
  readonly cwd: string;
  /** It has a user namespace. */
  readonly mapped: boolean;
  /** Flags of seccomp(2); absent: it has no system call filter. */
  readonly filterFlags?: number;
  /** The first process was chrooted: its mount namespace is another's. */
  readonly chroot: boolean;
}

/** The fifo whose byte starts the program. */
export const START_FIFO = "start";
/** The fifo on which the parked process reports. */
export const REPORT_FIFO = "report";
/** The fifo that catches the output of startContainer hooks. */
export const OUTPUT_FIFO = "output";

const RECORD = "state.json";
/** A record larger than this is none of ours. */
const MOST_BYTES = 16 * 1024 * 1024;
const LOCK_EX = 2;
const LOCK_NB = 4;
const EAGAIN = -11;

/** The directory of a container. */
export function directoryOf(root: string, id: string): string {
  return `${root}/${id}`;
}

/** The error of an id that nobody has. containerd matches its words. */
export function notThere(id: string): RuntimeError {
  return new RuntimeError(`container ${JSON.stringify(id)} does not exist`);
}

/**
 * Makes the directory of a new container; makes the state directory too, for
 * its owner alone.
 *
 * @throws {RuntimeError} where the id is taken
 */
export function makeDirectory(root: string, id: string): string {
  checkId(id);
  const directory = directoryOf(root, id);
  try {
    Deno.mkdirSync(root, { recursive: true, mode: 0o700 });
    const { isDirectory, uid } = Deno.lstatSync(root);
    if (!isDirectory || (uid !== Deno.uid() && uid !== 0)) {
      throw new RuntimeError("not a directory of this user's own");
    }
    Deno.mkdirSync(directory, { mode: 0o700 });
  } catch (cause) {
    if (cause instanceof Deno.errors.AlreadyExists) {
      throw new RuntimeError(
        `container with given ID already exists: ${JSON.stringify(id)}`,
        { hint: `\`burrow delete --force ${id}\` removes it` },
      );
    }
    throw new RuntimeError(`make state directory "${directory}"`, { cause });
  }
  return directory;
}

/** Locks a container's directory; a holder is given two seconds to finish. */
export function lock(directory: string): Disposable {
  const open = openat(
    AT_FDCWD,
    directory,
    FCNTL.O_DIRECTORY | FCNTL.O_NOFOLLOW,
  );
  const fd = perform(local, open);
  const call = flock(fd, LOCK_EX | LOCK_NB, directory);
  for (let tries = 0;; tries++) {
    const locked = attempt(local, call);
    if (locked === 0) break;
    if (locked !== EAGAIN || tries === 200) {
      local.run(close(fd));
      throw new RuntimeError("another command is at work on the container", {
        cause: callError(call, locked),
      });
    }
    local.run({
      syscall: "ppoll",
      args: [null, 0, new Uint8Array(BigInt64Array.of(0n, 10_000_000n).buffer)],
      object: "",
    });
  }
  return { [Symbol.dispose]: () => void attempt(local, close(fd)) };
}

/** Writes a record, atomically. */
export function writeRecord(directory: string, record: ContainerRecord): void {
  const temporary = `${directory}/.${RECORD}.new`;
  try {
    Deno.writeTextFileSync(temporary, JSON.stringify(record), { mode: 0o600 });
    Deno.renameSync(temporary, `${directory}/${RECORD}`);
  } catch (cause) {
    throw new RuntimeError(`write "${directory}/${RECORD}"`, { cause });
  }
}

const FILTER = "seccomp.bpf";

/** Keeps the program of the system call filter, for `exec`. */
export function writeFilter(directory: string, program: Uint8Array): void {
  try {
    Deno.writeFileSync(`${directory}/${FILTER}`, program, { mode: 0o600 });
  } catch (cause) {
    throw new RuntimeError(`write "${directory}/${FILTER}"`, { cause });
  }
}

/**
 * Reads it again.
 *
 * @throws {RuntimeError} where it is missing: no program goes without
 */
export function readFilter(directory: string): Uint8Array {
  try {
    return Deno.readFileSync(`${directory}/${FILTER}`);
  } catch (cause) {
    throw new RuntimeError(`read "${directory}/${FILTER}"`, { cause });
  }
}

/** A value with the shape of a record: a file of another's is refused. */
function isRecord(value: unknown): value is ContainerRecord {
  if (typeof value !== "object" || value === null) return false;
  const r = value as Record<string, unknown>;
  const executable = r.executable as Record<string, unknown> | null;
  const cgroup = r.cgroup as Record<string, unknown> | null;
  return typeof r.id === "string" && typeof r.bundle === "string" &&
    typeof r.rootfs === "string" && typeof r.created === "string" &&
    Number.isInteger(r.pid) && Number.isInteger(r.startTime) &&
    typeof executable === "object" && executable !== null &&
    typeof cgroup === "object" && cgroup !== null &&
    typeof cgroup.paths === "object" && cgroup.paths !== null &&
    typeof r.hooks === "object" && r.hooks !== null;
}

/**
 * Reads a record.
 *
 * @throws {RuntimeError} where there is no such container, or its record is
 * damaged
 */
export function readRecord(root: string, id: string): ContainerRecord {
  checkId(id);
  const path = `${directoryOf(root, id)}/${RECORD}`;
  let text: string;
  try {
    if (Deno.lstatSync(path).size > MOST_BYTES) throw new Error("too large");
    text = Deno.readTextFileSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) throw notThere(id);
    throw new RuntimeError(`read "${path}"`, { cause: error });
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw damaged(path, id, cause);
  }
  if (!isRecord(value)) throw damaged(path, id);
  return value;
}

/** The error of a record that says nothing sensible. */
function damaged(path: string, id: string, cause?: unknown): RuntimeError {
  return new RuntimeError(`"${path}" is damaged`, {
    ...(cause === undefined ? {} : { cause }),
    hint: `\`burrow delete --force ${id}\` removes the container`,
  });
}

/** The ids in a state directory, sorted; none where it is missing. */
export function listIds(root: string): string[] {
  try {
    return [...Deno.readDirSync(root)]
      .filter((entry) => entry.isDirectory)
      .map((entry) => entry.name)
      .sort();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw new RuntimeError(`read state directory "${root}"`, { cause: error });
  }
}

/** Removes a container's directory; one that is gone is no error. */
export function removeDirectory(root: string, id: string): void {
  checkId(id);
  try {
    Deno.removeSync(directoryOf(root, id), { recursive: true });
  } catch (cause) {
    if (cause instanceof Deno.errors.NotFound) return;
    throw new RuntimeError(`remove "${directoryOf(root, id)}"`, { cause });
  }
}

/** Does a container's directory exist? */
export function isThere(root: string, id: string): boolean {
  try {
    return Deno.lstatSync(directoryOf(root, id)).isDirectory;
  } catch {
    return false;
  }
}
