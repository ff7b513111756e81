/**
 * A container's cgroup from its making to its removal, on the hierarchies that
 * this mount namespace shows: run by `cgroups_test.ts` under three of them.
 *
 *     deno run -A tests/kernel/cgroups_lifecycle.ts
 *
 * Prints the mode that was detected, and the hierarchies.
 *
 * @module
 */

import { perform } from "../../ffi/call.ts";
import { local } from "../../ffi/local.ts";
import { kill } from "../../ffi/process.ts";
import { createCgroup } from "../../mod/cgroups/create.ts";
import { detectCgroups } from "../../mod/cgroups/detect.ts";
import { type CgroupManager, openCgroup } from "../../mod/cgroups/manager.ts";
import { type CgroupPlan, planCgroup } from "../../mod/cgroups/plan.ts";
import { renderError } from "../../mod/errors.ts";
import type { Linux } from "../../mod/spec/linux.ts";
import {
  assert,
  assertEquals,
  assertGone,
  assertMatch,
  eventually,
  exists,
  fail,
} from "../support/assert.ts";
import { stateOf } from "../support/process.ts";

const SIGKILL = 9;

/** kill(2) through libc. */
export function send(pid: number, signal: number): void {
  perform(local, kill(pid, signal));
}

/** The line of the error that an action fails with. */
export function refusal(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    return renderError(error);
  }
  return fail("nothing was refused");
}

/** A cgroup that is gone when it is disposed of, with all that is in it. */
export interface TestCgroup extends Disposable {
  readonly plan: CgroupPlan;
  readonly manager: CgroupManager;
}

/** The parent of all cgroups of this test process. */
const PREFIX = `burrow-test-${Deno.pid}`;

let count = 0;

/** Makes a cgroup of its own for a test. */
export function makeTestCgroup(linux: Linux = {}): TestCgroup {
  const host = detectCgroups();
  const cgroupsPath = `/${PREFIX}/c${++count}`;
  const plan = planCgroup({ cgroupsPath, ...linux }, "id", host);
  const manager = createCgroup(plan);
  return {
    plan,
    manager,
    [Symbol.dispose]() {
      manager.kill(SIGKILL, send);
      manager.remove();
      for (const { path } of plan.directories) {
        assertGone(path);
        // Only ours is in it; a sibling of this test may still be there.
        const parent = path.slice(0, path.lastIndexOf("/"));
        if (
          exists(parent) && parent.endsWith(PREFIX) &&
          [...Deno.readDirSync(parent)].every((entry) => !entry.isDirectory)
        ) Deno.removeSync(parent);
      }
    },
  };
}

/** A shell in a cgroup that has not begun yet. */
export interface Shell {
  readonly pid: number;
  /** Lets it begin, and waits for its end. */
  finish(): Promise<{ status: Deno.CommandStatus; stderr: string }>;
  /** Lets it begin. */
  begin(): Promise<void>;
  readonly status: Promise<Deno.CommandStatus>;
}

/** Starts a shell that waits for `begin`, and moves it into a cgroup. */
export function startShell(manager: CgroupManager, script: string): Shell {
  const child = new Deno.Command("busybox", {
    args: ["sh", "-c", `read line; ${script}`],
    stdin: "piped",
    stderr: "piped",
  }).spawn();
  manager.enter(child.pid);
  let begun = false;
  const begin = async () => {
    begun = true;
    const writer = child.stdin.getWriter();
    await writer.write(new TextEncoder().encode("\n"));
    await writer.close();
  };
  return {
    pid: child.pid,
    begin,
    status: child.status.then(async (status) => {
      // A pipe that nobody used counts as a leak of the test.
      if (!begun) await child.stdin.close();
      if (!child.stderr.locked) await child.stderr.cancel();
      return status;
    }),
    async finish() {
      const stderr = new Response(child.stderr).text();
      await begin();
      return { status: await child.status, stderr: await stderr };
    },
  };
}

/** Refuses to make the same cgroup again, full or frozen. */
function checkOccupied({ plan, manager }: TestCgroup): void {
  assertMatch(
    refusal(() => createCgroup(plan)),
    /^container's cgroup is not empty: 1 process\(es\) found \(in "/,
  );
  assert(manager.exists(), "the refused creation removed the cgroup");
}

/** Freezes, thaws, and kills what is frozen. */
async function checkFreezing(manager: CgroupManager): Promise<void> {
  const shell = startShell(manager, "while :; do sleep 1; done");
  await shell.begin();
  assertEquals(manager.frozen(), false);
  manager.freeze();
  assertEquals(manager.frozen(), true);
  manager.thaw();
  assertEquals(manager.frozen(), false);
  manager.freeze();
  // By the record alone, as another process does it.
  const record = JSON.parse(JSON.stringify(manager.record));
  openCgroup(record).kill(SIGKILL, send);
  assertEquals((await shell.status).signal, "SIGKILL");
  manager.thaw();
}

/** Signals reach every process, and a frozen one stays so. */
async function checkSignals(manager: CgroupManager): Promise<void> {
  const first = startShell(manager, "sleep 100");
  const second = startShell(manager, "sleep 100");
  manager.kill(15, send);
  assertEquals((await first.status).signal, "SIGTERM");
  assertEquals((await second.status).signal, "SIGTERM");
  const third = startShell(manager, "sleep 100");
  manager.freeze();
  manager.kill(15, send);
  assertEquals(manager.frozen(), true);
  manager.thaw();
  assertEquals((await third.status).signal, "SIGTERM");
}

/** None gets away by forking, however it forks. */
async function checkForking(manager: CgroupManager): Promise<void> {
  const script = "while :; do busybox sh -c 'true & true & wait' & wait; done";
  const shells = [1, 2, 3].map(() => startShell(manager, script));
  for (const shell of shells) await shell.begin();
  await eventually("a fork", () => manager.pids().length > shells.length);
  manager.kill(SIGKILL, send);
  for (const shell of shells) {
    assertEquals((await shell.status).signal, "SIGKILL");
  }
  await eventually("an empty cgroup", () => manager.pids().length === 0);
}

/** Removes what a container has made in its cgroup, with processes in it. */
async function checkRemoval({ plan, manager }: TestCgroup): Promise<void> {
  const shell = startShell(manager, "sleep 100");
  const inner = plan.directories.map(({ path }) => `${path}/inner/most`);
  for (const path of inner) {
    Deno.mkdirSync(path, { recursive: true });
    // A v1 cpuset without cpus takes no process.
    if (path.includes("/cpuset/")) continue;
    Deno.writeTextFileSync(`${path}/cgroup.procs`, `${shell.pid}`);
  }
  assertEquals(manager.pids(), [shell.pid]);
  assertMatch(
    refusal(() => manager.remove(20)),
    new RegExp(
      `^cannot remove cgroup ".*": rmdir: device or resource busy ` +
        `\\(1 process\\(es\\) are in it: ${shell.pid}\\)`,
    ),
  );
  manager.kill(SIGKILL, send);
  manager.remove();
  await shell.status;
  for (const { path } of plan.directories) assertGone(path);
  assertEquals(manager.exists(), false);
  assertEquals(manager.pids(), []);
  // Once more is no error, and neither is killing nobody.
  manager.kill(SIGKILL, send);
  manager.remove();
}

/** A device that no rule allows cannot be opened; the default ones can. */
async function checkDevices({ plan, manager }: TestCgroup): Promise<void> {
  manager.applyDevices(plan.devices, local);
  const node = `${Deno.makeTempDirSync({ prefix: "burrow-test-" })}/kmsg`;
  try {
    const { status, stderr } = await startShell(
      manager,
      `busybox mknod ${node} c 1 11 || exit 3
       : < /dev/null || exit 4
       : > /dev/zero || exit 5
       : < ${node}`,
    ).finish();
    assert(![0, 3, 4, 5].includes(status.code), `exit ${status.code}`);
    assertMatch(stderr, /kmsg: Operation not permitted/);
    Deno.openSync(node).close();
  } finally {
    Deno.removeSync(node.slice(0, -"/kmsg".length), { recursive: true });
  }
}

/** The whole life; throws where something is not as it should be. */
export async function checkLifecycle(): Promise<void> {
  using cgroup = makeTestCgroup({
    resources: { devices: [{ allow: false, access: "rwm" }] },
  });
  const { plan, manager } = cgroup;
  assert(plan.directories.length > 0, "the plan has no directory");
  for (const { path } of plan.directories) assert(exists(path), path);

  const shell = startShell(manager, "exit 7");
  assertEquals(manager.pids(), [shell.pid]);
  const line = Deno.readTextFileSync(`/proc/${shell.pid}/cgroup`);
  const within = line.split(`/${PREFIX}/c`).length - 1;
  assertEquals(within, plan.directories.length, line);
  checkOccupied(cgroup);
  assertEquals((await shell.finish()).status.code, 7);
  await eventually("an empty cgroup", () => manager.pids().length === 0);

  await checkDevices(cgroup);
  await checkFreezing(manager);
  await checkSignals(manager);
  await checkForking(manager);
  await checkRemoval(cgroup);
  assertEquals(stateOf(shell.pid), undefined);
}

if (import.meta.main) {
  await checkLifecycle();
  const { mode, v1, v2 } = detectCgroups();
  const view = {
    mode,
    v1: v1.flatMap(({ controllers }) => controllers).toSorted(),
    v2: v2?.mountPoint,
  };
  await Deno.stdout.write(new TextEncoder().encode(JSON.stringify(view)));
}
