/**
 * The program: its streams, names, working directory and executable.
 *
 * Runs in: gofer, driven by the launcher.
 *
 * @module
 */

import { FCNTL } from "../../ffi/abi/fcntl.ts";
import { attempt, perform, tolerate } from "../../ffi/call.ts";
import {
  AT_FDCWD,
  chdir,
  close,
  faccessat2,
  fchown,
  getcwd,
  openat,
  read,
  statx,
} from "../../ffi/file.ts";
import { setdomainname, sethostname } from "../../ffi/process.ts";
import { STATX_BUFFER } from "../../ffi/abi/layout.ts";
import { unpack } from "../../ffi/struct.ts";
import { errnoText } from "../../ffi/errno.ts";
import { RuntimeError } from "../errors.ts";
import type { Context } from "../gofer/context.ts";
import { goferOf } from "../gofer/context.ts";
import type {
  EnterCwdStep,
  FindExecutableStep,
  FindHomeStep,
  HostnameStep,
  OwnStdioStep,
} from "./plan.ts";

const S_IFMT = 0o170000;
const S_IFDIR = 0o040000;
const S_IFCHR = 0o020000;
const X_OK = 1;

/** Sets the host name, or the NIS domain name. */
export function setName(step: HostnameStep, context: Context): void {
  const call = step.kind === "hostname" ? sethostname : setdomainname;
  perform(goferOf(context), call(step.name));
}

/** What statx says of a path or descriptor; undefined with its errno. */
function status(context: Context, dir: number, path: string) {
  const call = tolerate(statx(dir, path));
  const results = goferOf(context).run(call);
  const errno = -results.value(call);
  if (errno > 0) return { errno };
  return { errno: 0, ...unpack(STATX_BUFFER, results.output(call)) };
}

/**
 * Gives stdio to the program's user, or it could not open /dev/stderr again.
 * The null device is everybody's; a filesystem that refuses may.
 */
export function ownStdio(step: OwnStdioStep, context: Context): void {
  for (const fd of [0, 1, 2]) {
    const stat = status(context, fd, "");
    if (!("stx_mode" in stat) || stat.stx_uid === step.uid) continue;
    const isNull = (stat.stx_mode & S_IFMT) === S_IFCHR &&
      stat.stx_rdev_major === 1 && stat.stx_rdev_minor === 3;
    if (!isNull) attempt(goferOf(context), fchown(fd, step.uid, stat.stx_gid));
  }
}

/**
 * Enters the working directory as the program's user, and makes sure that it is
 * in the container: a descriptor of the host would be outside (CVE-2024-21626).
 */
export function enterCwd(step: EnterCwdStep, context: Context): void {
  const gofer = goferOf(context);
  perform(gofer, chdir(step.path));
  const call = getcwd();
  const results = gofer.run(call);
  const path = new TextDecoder().decode(
    results.output(call).subarray(0, results.value(call)),
  );
  if (!path.startsWith("/")) {
    throw new RuntimeError(
      `the working directory "${step.path}" is outside of the container`,
    );
  }
}

/** Why a path cannot be executed; undefined where it can. */
function refusal(context: Context, path: string): string | undefined {
  const stat = status(context, AT_FDCWD, path);
  if (!("stx_mode" in stat)) return `stat ${path}: ${errnoText(stat.errno)}`;
  if ((stat.stx_mode & S_IFMT) === S_IFDIR) return "is a directory";
  const denied = attempt(goferOf(context), faccessat2(AT_FDCWD, path, X_OK));
  return denied < 0 ? errnoText(-denied) : undefined;
}

/**
 * Looks the program up as execvp(3) does, as its user. The words are Go's:
 * podman, docker and containerd tell 126 from 127 by them.
 *
 * @throws {RuntimeError} `exec: "x": …`
 */
export function findExecutable(
  step: FindExecutableStep,
  context: Context,
): void {
  const fail = (why: string) =>
    new RuntimeError(`exec: ${JSON.stringify(step.name)}: ${why}`);
  if (step.name === "") throw fail("no command");
  if (step.name.includes("/")) {
    const why = refusal(context, step.name);
    if (why !== undefined) throw fail(why);
    context.executable = step.name;
    return;
  }
  let denied: string | undefined;
  for (const directory of step.path.split(":")) {
    const path = directory === ""
      ? `./${step.name}`
      : `${directory}/${step.name}`;
    const why = refusal(context, path);
    if (why === undefined) {
      context.executable = path;
      return;
    }
    if (why === "permission denied") denied ??= why;
  }
  throw fail(denied ?? "executable file not found in $PATH");
}

/** /etc/passwd is read up to this many bytes. */
const MOST_PASSWD = 0x10000;

/** The home directory of a user in the container's own /etc/passwd, or "/". */
export function findHome(step: FindHomeStep, context: Context): void {
  const gofer = goferOf(context);
  context.home = "/";
  const open = attempt(
    gofer,
    openat(AT_FDCWD, "/etc/passwd", FCNTL.O_NONBLOCK | FCNTL.O_NOCTTY),
  );
  if (open < 0) return;
  const call = tolerate(read(open, MOST_PASSWD));
  const results = gofer.run(call, close(open));
  const size = Math.max(0, results.value(call));
  const text = new TextDecoder().decode(results.output(call).subarray(0, size));
  for (const line of text.split("\n")) {
    const [, , uid, , , home] = line.split(":");
    if (uid === String(step.uid) && home?.startsWith("/")) {
      context.home = home;
      return;
    }
  }
}
