/**
 * Runs the host's ldconfig in the container, confined.
 *
 * It is copied to a sealed memory file, and executed as the first process of
 * mount, pid, ipc, uts and network namespaces of its own whose root is the
 * container's; with an empty environment, no capability but that of reading and
 * writing what its user may not, limits, and a deadline. It reads libraries
 * that nobody vouches for; nothing of the image is executed. (CVE-2024-0135 to
 * -0137, CVE-2025-23266, CVE-2025-23267)
 *
 * Runs in: launcher, which drives the gofer.
 *
 * @module
 */

import { CAPABILITY } from "../../../ffi/abi/capability.ts";
import { FCNTL } from "../../../ffi/abi/fcntl.ts";
import { STATX_BUFFER } from "../../../ffi/abi/layout.ts";
import { MEMFD } from "../../../ffi/abi/memfd.ts";
import { MOUNT } from "../../../ffi/abi/mount.ts";
import { RLIMIT } from "../../../ffi/abi/resource.ts";
import { SCHED } from "../../../ffi/abi/sched.ts";
import { WAIT } from "../../../ffi/abi/wait.ts";
import { attempt, perform, tolerate } from "../../../ffi/call.ts";
import type { Call, Program } from "../../../ffi/call.ts";
import { errnoText } from "../../../ffi/errno.ts";
import {
  AT_FDCWD,
  chdir,
  close,
  closeRange,
  dup3,
  fchdir,
  fchmod,
  fcntl,
  lseek,
  memfdCreate,
  openat,
  pipe2,
  read,
  statx,
} from "../../../ffi/file.ts";
import { local } from "../../../ffi/local.ts";
import {
  chroot,
  mount,
  moveMount,
  openTree,
  pivotRoot,
  umount2,
} from "../../../ffi/mount.ts";
import { ppoll } from "../../../ffi/poll.ts";
import {
  capset,
  clone,
  execveat,
  pidfdSendSignal,
  prctl,
  prlimit64,
  setsid,
  wait4,
} from "../../../ffi/process.ts";
import { unpack } from "../../../ffi/struct.ts";
import { RuntimeError } from "../../errors.ts";
import { readElf } from "../elf.ts";
import type { HookSite } from "./site.ts";

const SEALS = FCNTL.F_SEAL_SEAL | FCNTL.F_SEAL_SHRINK | FCNTL.F_SEAL_GROW |
  FCNTL.F_SEAL_WRITE;
/** An ldconfig is about 1 MB; what is larger is none. */
const MOST_PROGRAM = 64 << 20;
const SHOWN = 2048;
const EINVAL = -22;
const EACCES = -13;

/** SECBIT_NOROOT, SECBIT_NO_SETUID_FIXUP and their locks: capabilities(7). */
const SECUREBITS = 0b1111;

const ARGUMENTS = [
  "ldconfig",
  ...["-f", "/etc/ld.so.conf"],
  ...["-C", "/etc/ld.so.cache"],
];

/** Reads the head of an open file of ours, to see what it is. */
function checkProgram(fd: number, path: string): void {
  const elf = readElf({
    read(offset, length) {
      const call = read(fd, length);
      const results = local.run(lseek(fd, offset), call);
      return results.output(call).slice(0, results.value(call));
    },
  });
  if (elf === undefined) {
    throw new RuntimeError(`"${path}" is no program`, {
      hint: "name the real ldconfig with --ldconfig-path",
    });
  }
  if (elf.interpreted) {
    // The loader that it names would be the image's.
    throw new RuntimeError(`"${path}" is not statically linked`);
  }
}

/** Copies a program of the host to a sealed memory file; or opens it. */
function copyProgram(path: string): number {
  const open = openat(AT_FDCWD, path, 0);
  const from = perform(local, open);
  try {
    checkProgram(from, path);
    const stat = statx(from, "");
    const status = unpack(STATX_BUFFER, local.run(stat).output(stat));
    if (status.stx_size > MOST_PROGRAM) {
      throw new RuntimeError(`"${path}" is too large`);
    }
    const flags = MEMFD.MFD_CLOEXEC | MEMFD.MFD_ALLOW_SEALING;
    const create = (more: number) => memfdCreate("ldconfig", flags | more);
    let fd = attempt(local, create(MEMFD.MFD_EXEC));
    if (fd === EINVAL) fd = perform(local, create(0));
    if (fd === EACCES) {
      // vm.memfd_noexec: the host's own file has to do, opened for reading.
      return perform(local, fcntl(from, FCNTL.F_DUPFD_CLOEXEC, 3));
    }
    const send: Call = {
      syscall: "sendfile",
      args: [fd, from, null, status.stx_size],
      object: `"${path}"`,
    };
    local.run(
      lseek(from, 0),
      send,
      fchmod(fd, 0o555),
      fcntl(fd, FCNTL.F_ADD_SEALS, SEALS),
    );
    return fd;
  } finally {
    local.run(close(from));
  }
}

/** Opens the host's ldconfig; Ubuntu's is a script, with the program beside. */
function openProgram(path: string): number {
  let first: unknown;
  for (const candidate of [`${path}.real`, path]) {
    try {
      return copyProgram(candidate);
    } catch (error) {
      first = error;
    }
  }
  throw new RuntimeError("cannot use the host's ldconfig", { cause: first });
}

/** The calls of ldconfig's process, up to and with execveat. */
function confine(program: number, output: number): Program {
  const here = openat(AT_FDCWD, ".", FCNTL.O_PATH | FCNTL.O_DIRECTORY);
  const tree = openTree(here, "", { recursive: true });
  const old = openat(AT_FDCWD, "/", FCNTL.O_PATH | FCNTL.O_DIRECTORY);
  const bit = 1n << BigInt(CAPABILITY.CAP_DAC_OVERRIDE);
  const limit = (name: keyof typeof RLIMIT, value: number) =>
    prlimit64(0, RLIMIT[name], { soft: value, hard: value }, name);
  const rest = (): Call[] => [
    chdir("/"),
    limit("RLIMIT_AS", 8 * 2 ** 30),
    limit("RLIMIT_CPU", 120),
    limit("RLIMIT_FSIZE", 256 << 20),
    limit("RLIMIT_NOFILE", 64),
    limit("RLIMIT_CORE", 0),
    dup3(output, 0),
    dup3(output, 1),
    dup3(output, 2),
    closeRange(3, 0xffffffff, FCNTL.CLOSE_RANGE_CLOEXEC),
    prctl("PR_SET_SECUREBITS", SECUREBITS),
    capset({ effective: bit, permitted: bit, inheritable: bit }),
    prctl(
      "PR_CAP_AMBIENT",
      2, // PR_CAP_AMBIENT_RAISE
      CAPABILITY.CAP_DAC_OVERRIDE,
      0,
      0,
    ),
    prctl("PR_SET_NO_NEW_PRIVS", 1, 0, 0, 0),
    execveat(program, ARGUMENTS, []),
  ];
  const pivot: Call = {
    ...pivotRoot(".", "."),
    // The host runs from an initramfs, which cannot be pivoted away.
    onError: {
      calls: [mount(".", "/", "", MOUNT.MS_MOVE), chroot("."), ...rest()],
      ending: "abort",
    },
  };
  return {
    calls: [
      prctl("PR_SET_PDEATHSIG", 9),
      setsid(),
      mount("none", "/", "", MOUNT.MS_REC | MOUNT.MS_PRIVATE),
      old,
      here,
      // On itself: a root that is no mount point cannot be pivoted to.
      tree,
      moveMount(tree, here, "/"),
      fchdir(tree),
      pivot,
      fchdir(old),
      umount2(".", MOUNT.MNT_DETACH),
      ...rest(),
    ],
    ending: "abort",
  };
}

/** What failed before execveat, if something did. */
function failureOf(
  calls: readonly Call[],
  value: (call: Call) => number,
): string | undefined {
  for (const call of calls) {
    const result = value(call);
    if (result < 0 && result >= -4095) {
      if (call.onError !== undefined) {
        return failureOf(call.onError.calls, value);
      }
      return `${call.syscall} ${call.object}: ${errnoText(-result)}`;
    }
  }
  return undefined;
}

/** Waits for the process, and kills it at the deadline; why it failed. */
function awaitEnd(
  site: HookSite,
  started: { pid: number; pidfd: number; pipe: number },
  timeoutMs: number,
): string | undefined {
  const deadline = performance.now() + timeoutMs;
  let text = "";
  let late = false;
  const drain = () => {
    const call = tolerate(read(started.pipe, 0x10000));
    const results = local.run(call);
    const size = results.value(call);
    if (size <= 0) return size !== 0;
    text += new TextDecoder().decode(results.output(call).subarray(0, size));
    text = text.slice(-SHOWN);
    return true;
  };
  for (let open = true;;) {
    const left = deadline - performance.now();
    if (left <= 0 && !late) {
      late = true;
      local.run(tolerate(pidfdSendSignal(started.pidfd, 9)));
    }
    const fds = open ? [started.pidfd, started.pipe] : [started.pidfd];
    local.run(tolerate(ppoll(fds, late ? 2000 : left)));
    if (open) open = drain();
    const call = wait4(started.pid, WAIT.WNOHANG);
    const results = site.gofer.run(call);
    if (results.value(call) === 0) continue;
    if (open) drain();
    const status = new DataView(results.output(call).buffer).getInt32(0, true);
    if (late) return `timed out after ${timeoutMs / 1000} s`;
    if (status === 0) return undefined;
    const why = (status & 0x7f) === 0
      ? `exit status ${status >> 8}`
      : `killed by signal ${status & 0x7f}`;
    return text.trim() === "" ? why : `${why}: ${text.trim()}`;
  }
}

/**
 * Runs the host's ldconfig at `path` on the container.
 *
 * @throws {RuntimeError} with what it printed
 */
export function runLdconfig(
  site: HookSite,
  path: string,
  timeoutMs: number,
): void {
  const { gofer } = site;
  using stack = new DisposableStack();
  const own = (fd: number) => {
    stack.defer(() => void attempt(local, close(fd)));
    return fd;
  };
  const copy = own(openProgram(path));
  const call = pipe2();
  const ends = new DataView(local.run(call).output(call).buffer);
  const pipe = own(ends.getInt32(0, true));
  const output = ends.getInt32(4, true);
  perform(local, fcntl(pipe, FCNTL.F_SETFL, FCNTL.O_NONBLOCK));
  const [program = -1, out = -1] = gofer.give(copy, output);
  local.run(close(output));
  const child = confine(program, out);
  const flags = SCHED.CLONE_VM | SCHED.CLONE_VFORK | SCHED.CLONE_PIDFD |
    SCHED.CLONE_NEWNS | SCHED.CLONE_NEWPID | SCHED.CLONE_NEWIPC |
    SCHED.CLONE_NEWUTS | SCHED.CLONE_NEWNET;
  const made = clone(flags, child, true);
  // The root by its working directory: a descriptor stays with our namespace.
  const results = gofer.run(
    fchdir(site.root),
    made,
    close(program),
    close(out),
  );
  const pid = results.value(made);
  const failed = failureOf(child.calls, (c) => results.value(c));
  if (failed !== undefined) {
    gofer.run(wait4(pid, 0));
    throw new RuntimeError(`cannot confine ldconfig: ${failed}`);
  }
  const theirs = new DataView(results.output(made).buffer).getInt32(0, true);
  const pidfd = own(gofer.take(theirs));
  gofer.run(close(theirs));
  const why = awaitEnd(site, { pid, pidfd, pipe }, timeoutMs);
  if (why !== undefined) throw new RuntimeError(`ldconfig: ${why}`);
}
