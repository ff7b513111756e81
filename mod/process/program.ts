/**
 * The program: its streams, names, working directory and executable.
 *
 * Runs in: gofer, driven by the launcher.
 *
 * @module
 */

import { FCNTL } from "../../ffi/abi/fcntl.ts";
import { perform, tolerate } from "../../ffi/call.ts";
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
import { local } from "../../ffi/local.ts";
import { RuntimeError } from "../errors.ts";
import type { Context } from "../gofer/context.ts";
import { goferOf } from "../gofer/context.ts";
import { diagnose, openRootOf } from "./diagnose.ts";
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
const EACCES = 13;

/** Sets the host name, or the NIS domain name. */
export function setName(step: HostnameStep, context: Context): void {
  const call = step.kind === "hostname" ? sethostname : setdomainname;
  perform(goferOf(context), call(step.name));
}

/**
 * Gives stdio to the program's user, or it could not open /dev/stderr again.
 * The null device is everybody's; a filesystem that refuses may.
 */
export function ownStdio(step: OwnStdioStep, context: Context): void {
  const calls = [0, 1, 2].map((fd) => tolerate(statx(fd, "")));
  const results = goferOf(context).run(...calls);
  const changes = calls.flatMap((call, fd) => {
    if (results.value(call) < 0) return [];
    const stat = unpack(STATX_BUFFER, results.output(call));
    const isNull = (stat.stx_mode & S_IFMT) === S_IFCHR &&
      stat.stx_rdev_major === 1 && stat.stx_rdev_minor === 3;
    if (isNull || stat.stx_uid === step.uid) return [];
    return [tolerate(fchown(fd, step.uid, stat.stx_gid))];
  });
  if (changes.length > 0) goferOf(context).run(...changes);
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

/** For each path, why it cannot be executed; undefined where it can. */
function refusals(
  context: Context,
  paths: readonly string[],
): (string | undefined)[] {
  const looks = paths.map((path) => ({
    path,
    stat: tolerate(statx(AT_FDCWD, path)),
    access: tolerate(faccessat2(AT_FDCWD, path, X_OK)),
  }));
  const results = goferOf(context).run(
    ...looks.flatMap(({ stat, access }) => [stat, access]),
  );
  return looks.map(({ path, stat, access }) => {
    const found = results.value(stat);
    if (found < 0) return `stat ${path}: ${errnoText(-found)}`;
    const { stx_mode } = unpack(STATX_BUFFER, results.output(stat));
    if ((stx_mode & S_IFMT) === S_IFDIR) return "is a directory";
    const denied = results.value(access);
    return denied < 0 ? errnoText(-denied) : undefined;
  });
}

/** What {@link refusals} says of a file that may not be executed. */
const DENIED = "permission denied";

/** Why a file may not be executed, beyond the errno. */
function deniedReason(context: Context, path: string): string | undefined {
  const { pid } = goferOf(context);
  const root = openRootOf(pid);
  try {
    const cwd = Deno.readLinkSync(`/proc/${pid}/cwd`);
    return diagnose(root, cwd, path, EACCES);
  } finally {
    local.run(close(root));
  }
}

/** How many directories of PATH are looked at in one round trip. */
const AT_ONCE = 32;

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
  const { name } = step;
  const fail = (why: string, path?: string) => {
    const hint = path === undefined || why !== DENIED
      ? undefined
      : deniedReason(context, path);
    return new RuntimeError(
      `exec: ${JSON.stringify(name)}: ${why}`,
      hint === undefined ? {} : { hint },
    );
  };
  if (name === "") throw fail("no command");
  if (name.includes("/")) {
    const [why] = refusals(context, [name]);
    if (why !== undefined) throw fail(why, name);
    context.executable = name;
    return;
  }
  const directories = step.path === "" ? [] : step.path.split(":");
  const paths = directories.map((directory) =>
    directory === "" ? `./${name}` : `${directory}/${name}`
  );
  let denied: string | undefined;
  for (let i = 0; i < paths.length; i += AT_ONCE) {
    const some = paths.slice(i, i + AT_ONCE);
    const why = refusals(context, some);
    const at = why.indexOf(undefined);
    if (at !== -1) {
      context.executable = some[at] ?? "";
      return;
    }
    denied ??= some[why.indexOf(DENIED)];
  }
  if (denied !== undefined) throw fail(DENIED, denied);
  throw fail("executable file not found in $PATH");
}

/** /etc/passwd is read up to this many bytes. */
const MOST_PASSWD = 0x10000;

/** The home directory of a user in the container's own /etc/passwd, or "/". */
export function findHome(step: FindHomeStep, context: Context): void {
  const gofer = goferOf(context);
  context.home = "/";
  const open = tolerate(
    openat(AT_FDCWD, "/etc/passwd", FCNTL.O_NONBLOCK | FCNTL.O_NOCTTY),
  );
  const call = tolerate(read(open, MOST_PASSWD));
  const results = gofer.run(open, call, tolerate(close(open)));
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
