/** A gofer does not outlive the process that started it, and a stop is no end. */

import { SYSCALL } from "../../ffi/abi/arch.ts";

import { assertEquals, eventually } from "../support/assert.ts";
import { checkout } from "../support/fixture.ts";
import { isAlive, stateOf } from "../support/process.ts";

/** A launcher, and what it says line by line. */
function launch(mode: string, wrap: readonly string[] = []) {
  const [command = "", ...args] = [
    ...wrap,
    Deno.execPath(),
    "run",
    "-A",
    "--no-check",
    `${checkout()}/tests/kernel/gofer_launcher.ts`,
    mode,
  ];
  const child = new Deno.Command(command, {
    args,
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  let buffered = "";
  return {
    pid: child.pid,
    kill: (signal: Deno.Signal) => child.kill(signal),
    async line(): Promise<Record<string, unknown>> {
      while (!buffered.includes("\n")) {
        const { value, done } = await reader.read();
        if (done) throw new Error(`the launcher said only "${buffered}"`);
        buffered += value;
      }
      const end = buffered.indexOf("\n");
      const line = buffered.slice(0, end);
      buffered = buffered.slice(end + 1);
      return JSON.parse(line);
    },
    async [Symbol.asyncDispose]() {
      try {
        child.kill("SIGKILL");
      } catch {
        // It has ended.
      }
      await reader.cancel();
      await child.stdin.abort().catch(() => {});
      await child.status;
    },
  };
}

/** The number of the system call that a process is in. */
function syscallOf(pid: number): number {
  return Number(Deno.readTextFileSync(`/proc/${pid}/syscall`).split(" ")[0]);
}

for (
  const [mode, what] of [
    ["idle", "that waits"],
    ["busy", "in the middle of a batch"],
    ["init", "that is process 1 of a pid namespace"],
    ["busy-init", "that is process 1, in the middle of a batch"],
  ] as const
) {
  Deno.test(`a gofer ${what} ends with its launcher`, async () => {
    await using launcher = launch(mode);
    const { pid, inside } = await launcher.line();
    const gofer = Number(pid);
    assertEquals(inside, mode.endsWith("init") ? 1 : gofer);
    const name = mode.startsWith("busy") ? "nanosleep" : "read";
    const number = SYSCALL[Deno.build.arch][name];
    await eventually(`${name} in the gofer`, () => syscallOf(gofer) === number);
    launcher.kill("SIGKILL");
    await eventually("end of the gofer", () => !isAlive(gofer), 2_000);
  });
}

Deno.test("a launcher that is stopped while it waits goes on waiting", async () => {
  await using launcher = launch("busy-briefly");
  const { pid } = await launcher.line();
  await eventually(
    "sleep of the gofer",
    () => syscallOf(Number(pid)) === SYSCALL[Deno.build.arch].nanosleep,
  );
  launcher.kill("SIGSTOP");
  await eventually("stop", () => stateOf(launcher.pid) === "T");
  launcher.kill("SIGCONT");
  assertEquals(await launcher.line(), { slept: true });
});

Deno.test("a gofer that is stopped while it waits goes on waiting", async () => {
  await using launcher = launch("busy-briefly");
  const { pid } = await launcher.line();
  const gofer = Number(pid);
  Deno.kill(gofer, "SIGSTOP");
  await eventually("stop", () => stateOf(gofer) === "T");
  Deno.kill(gofer, "SIGCONT");
  assertEquals(await launcher.line(), { slept: true });
  assertEquals(isAlive(gofer), true);
});
