/**
 * A launcher for the tests to kill, stop and look at: starts a gofer as its
 * argument says, prints a line of JSON, and waits.
 *
 * @module
 */

import { FCNTL } from "../../ffi/abi/fcntl.ts";
import { SCHED } from "../../ffi/abi/sched.ts";
import { TIMESPEC } from "../../ffi/abi/layout.ts";
import type { Call } from "../../ffi/call.ts";
import { SyscallError } from "../../ffi/errno.ts";
import { fchmodat, fcntl, openat } from "../../ffi/file.ts";
import { spawnGofer } from "../../ffi/gofer/spawn.ts";
import { local } from "../../ffi/local.ts";
import { blockSignals } from "../../ffi/poll.ts";
import { getpid } from "../../ffi/process.ts";
import { pack } from "../../ffi/struct.ts";

/** Sleeps in the gofer, in the middle of a batch. */
function sleep(seconds: number): Call {
  return {
    syscall: "nanosleep",
    args: [pack(TIMESPEC, { tv_sec: seconds }), null],
    object: "",
  };
}

function say(value: unknown): void {
  const line = `${JSON.stringify(value)}\n`;
  Deno.stdout.writeSync(new TextEncoder().encode(line));
}

if (import.meta.main) {
  const [mode = "idle", argument = ""] = Deno.args;
  if (mode === "stray") {
    // What a careless caller leaves: descriptors that an exec hands on, and
    // signals that are blocked. (Deno itself ignores SIGPIPE.)
    local.run(
      fcntl(0, 0, /* F_DUPFD */ 40),
      fcntl(0, FCNTL.F_DUPFD_CLOEXEC, 50),
      blockSignals([10, 12]),
    );
  }
  const gofer = spawnGofer({ preserved: Number(argument) });
  if (mode.endsWith("init")) {
    gofer.fork(SCHED.CLONE_NEWPID | SCHED.CLONE_PARENT);
  }
  const id = getpid();
  const pid = gofer.run(id).value(id);
  say({ pid: gofer.pid, inside: pid });
  if (mode.startsWith("busy")) {
    gofer.run(sleep(mode === "busy-briefly" ? 2 : 60));
  }
  if (mode === "busy-briefly") say({ slept: true });
  if (mode === "look") {
    const exe = `/proc/${gofer.pid}/exe`;
    const why = (act: () => unknown) => {
      try {
        act();
        return "";
      } catch (error) {
        return error instanceof SyscallError ? error.code : String(error);
      }
    };
    const O_WRONLY = 1;
    say({
      exe: Deno.readLinkSync(exe),
      write: why(() => local.run(openat(-100, exe, O_WRONLY))),
      chmod: why(() => local.run(fchmodat(-100, exe, 0o777))),
    });
  }
  Deno.stdin.readSync(new Uint8Array(1)); // until the test ends us
}
