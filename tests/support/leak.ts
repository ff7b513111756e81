/**
 * What a container may leave behind: nothing. Compared before and after each
 * test.
 *
 * @module
 */
import { eventually, exists } from "./assert.ts";
import { childrenOf, reapOrphans } from "./process.ts";
import { spawnedPids } from "./runtime.ts";

/** The host as it was before a test. */
export interface HostSnapshot {
  readonly mounts: readonly string[];
  readonly children: ReadonlySet<number>;
  /**
   * Whether nobody else can mount anything in our mount namespace: the test
   * command says so in `TEST_MOUNT_NAMESPACE=own` when it has unshared one.
   */
  readonly ownMountNamespace: boolean;
}

/** Mount lines of this process. */
function mountLines(): string[] {
  return Deno.readTextFileSync("/proc/self/mountinfo").trim().split("\n");
}

/** Remembers mounts and children. */
export function takeSnapshot(): HostSnapshot {
  return {
    mounts: mountLines(),
    children: new Set(childrenOf("self")),
    ownMountNamespace: Deno.env.get("TEST_MOUNT_NAMESPACE") === "own",
  };
}

/** Every cgroup directory whose path has `id` in it, children last. */
export function cgroupsOf(id: string): string[] {
  const found: string[] = [];
  const walk = (folder: string, depth: number) => {
    if (depth > 6) return;
    let entries: Deno.DirEntry[];
    try {
      entries = [...Deno.readDirSync(folder)];
    } catch {
      return; // Somebody else's cgroup went while we looked.
    }
    for (const entry of entries) {
      if (!entry.isDirectory) continue;
      const path = `${folder}/${entry.name}`;
      if (path.includes(id)) found.push(path);
      walk(path, depth + 1);
    }
  };
  walk("/sys/fs/cgroup", 0);
  return found;
}

/**
 * The paths of mounts that are there now and were not before. In the host's
 * own mount namespace others may mount things meanwhile: there, only what lies
 * below `folder` counts.
 */
function leakedMounts(before: HostSnapshot, folder: string): string[] {
  const after = mountLines();
  if (before.ownMountNamespace) {
    return after.filter((line) => !before.mounts.includes(line));
  }
  return after.filter((line) => line.includes(folder));
}

/** What is left of the container `id`, in words; empty when all is gone. */
export function leaks(
  before: HostSnapshot,
  id: string,
  folder: string,
): string[] {
  const known = new Set([...before.children, ...spawnedPids()]);
  const gone = before.ownMountNamespace
    ? before.mounts.filter((line) => !mountLines().includes(line))
    : [];
  return [
    ...reapOrphans(known).map((pid) => `process ${pid} ${commandOf(pid)}`),
    ...leakedMounts(before, folder).map((line) => `mount ${line}`),
    ...gone.map((line) => `unmounted ${line}`),
    ...cgroupsOf(id).map((path) => `cgroup ${path}`),
    ...exists(`${folder}/state/${id}`) ? [`state ${folder}/state/${id}`] : [],
  ];
}

/** The command line of a process, for messages. */
function commandOf(pid: number): string {
  try {
    const text = Deno.readTextFileSync(`/proc/${pid}/cmdline`);
    return text.replaceAll("\0", " ").trim();
  } catch {
    return "(gone)";
  }
}

/** Fails if anything is still left after `withinMs`. */
export async function assertNoLeak(
  before: HostSnapshot,
  id: string,
  folder: string,
  withinMs = 2_000,
): Promise<void> {
  let left: string[] = [];
  try {
    await eventually("clean", () => {
      left = leaks(before, id, folder);
      return left.length === 0;
    }, withinMs);
  } catch {
    throw new Error(`left behind:\n  ${left.join("\n  ")}`);
  }
}
