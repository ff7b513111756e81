/**
 * Looking after processes: the test process becomes the subreaper, so that it
 * inherits every container and every daemon that a runtime leaves, sees them,
 * and can wait for them.
 *
 * @module
 */
import { eventually } from "./assert.ts";

const PR_SET_CHILD_SUBREAPER = 36;
const WNOHANG = 1;

/** Opens the few functions of libc that Deno has no words for. */
function openLibc() {
  const library = Deno.dlopen("libc.so.6", {
    prctl: {
      parameters: ["i32", "u64", "u64", "u64", "u64"],
      result: "i32",
    },
    waitpid: { parameters: ["i32", "buffer", "i32"], result: "i32" },
  });
  return { ...library.symbols, [Symbol.dispose]: () => library.close() };
}

/** Makes this process the one that inherits orphans below it. */
export function becomeSubreaper(): void {
  using libc = openLibc();
  if (libc.prctl(PR_SET_CHILD_SUBREAPER, 1n, 0n, 0n, 0n) !== 0) {
    throw new Error("prctl: PR_SET_CHILD_SUBREAPER failed");
  }
}

/** Children of this process, whichever of its threads they hang on. */
export function childrenOf(pid: number | "self"): number[] {
  const pids: number[] = [];
  for (const task of Deno.readDirSync(`/proc/${pid}/task`)) {
    try {
      const path = `/proc/${pid}/task/${task.name}/children`;
      const text = Deno.readTextFileSync(path).trim();
      if (text !== "") pids.push(...text.split(" ").map(Number));
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }
  return pids;
}

/** Every process below `pid`, nearest first. */
export function descendantsOf(pid: number): number[] {
  try {
    return childrenOf(pid).flatMap((child) => [child, ...descendantsOf(child)]);
  } catch {
    return [];
  }
}

/** State letter of a process, undefined when there is no such process. */
export function stateOf(pid: number): string | undefined {
  try {
    const stat = Deno.readTextFileSync(`/proc/${pid}/stat`);
    return stat.slice(stat.lastIndexOf(")") + 2)[0];
  } catch {
    return undefined;
  }
}

/** Whether the process exists and is no zombie. */
export function isAlive(pid: number): boolean {
  const state = stateOf(pid);
  return state !== undefined && state !== "Z" && state !== "X";
}

/** The lines of /proc/PID/status as a map. */
export function statusOf(pid: number | "self"): Record<string, string> {
  return parseStatus(Deno.readTextFileSync(`/proc/${pid}/status`));
}

/** Parses the text of a status file. */
export function parseStatus(text: string): Record<string, string> {
  return Object.fromEntries(
    text.trim().split("\n").map((line) => {
      const colon = line.indexOf(":");
      return [line.slice(0, colon), line.slice(colon + 1).trim()];
    }),
  );
}

/** Takes a dead child's status: undefined while it lives. */
function reap(pid: number): number | undefined {
  using libc = openLibc();
  const status = new Int32Array(1);
  if (libc.waitpid(pid, new Uint8Array(status.buffer), WNOHANG) !== pid) {
    return undefined;
  }
  const [value = 0] = status;
  return (value & 0x7f) === 0 ? value >> 8 & 0xff : 128 + (value & 0x7f);
}

/** Reaps an orphan that this process inherited, and returns its exit status. */
export function waitForOrphan(pid: number): Promise<number> {
  return eventually(`exit of process ${pid}`, () => {
    const status = reap(pid);
    return status === undefined ? undefined : { status };
  }).then(({ status }) => status);
}

/** Reaps what is dead among the inherited children and returns the rest. */
export function reapOrphans(known: ReadonlySet<number>): number[] {
  return childrenOf("self").filter((pid) => !known.has(pid))
    .filter((pid) => isAlive(pid) || reap(pid) === undefined);
}
