/**
 * Starts a gofer with posix_spawn(3): no JavaScript survives a fork, and none
 * runs in the child.
 *
 * @module
 */

import { ARCH } from "../abi/arch.ts";
import { FCNTL } from "../abi/fcntl.ts";
import { SOCKET } from "../abi/socket.ts";
import { SPAWN } from "../abi/spawn.ts";
import { perform } from "../call.ts";
import { SyscallError } from "../errno.ts";
import { close } from "../file.ts";
import { libc } from "../libc.ts";
import { local, pin } from "../local.ts";
import { sealedExecutable } from "../memfd.ts";
import { prctl } from "../process.ts";
import { receiveTimeout, socketpair } from "../socket.ts";
import { closeRange, statx } from "../file.ts";
import { STATX_BUFFER } from "../abi/layout.ts";
import { unpack } from "../struct.ts";
import type { Gofer } from "./channel.ts";
import { makeGofer } from "./channel.ts";
import { buildImage } from "./image.ts";

/** How long a gofer may take to answer a batch, in milliseconds. */
const ANSWER_TIMEOUT_MS = 60_000;

/** posix_spawn of the file open as `executable`, with `pairs` dup2'ed. */
function posixSpawn(
  executable: number,
  name: string,
  pairs: readonly (readonly [from: number, to: number])[],
): number {
  const c = libc();
  const { view: bytes, address: at } = pin(2048);
  const big = (n: number) => BigInt(at + n);
  const attr = 0;
  const actions = attr + SPAWN.POSIX_SPAWNATTR_SIZE;
  const none = actions + SPAWN.POSIX_SPAWN_FILE_ACTIONS_SIZE;
  const all = none + SPAWN.SIGSET_SIZE;
  const argv = all + SPAWN.SIGSET_SIZE;
  const pid = argv + 32;
  const text = pid + 8;
  new Uint8Array(bytes.buffer).fill(0xff, all, argv);
  const encoder = new TextEncoder();
  const put = (where: number, value: string) => {
    const encoded = encoder.encode(value);
    new Uint8Array(bytes.buffer).set(encoded, where);
    return encoded.length + 1;
  };
  const length = put(text, name);
  put(text + length, `/proc/self/fd/${executable}`);
  bytes.setBigUint64(argv, big(text), true);
  c.posix_spawnattr_init(big(attr));
  c.posix_spawnattr_setflags(
    big(attr),
    SPAWN.POSIX_SPAWN_SETSIGDEF | SPAWN.POSIX_SPAWN_SETSIGMASK,
  );
  c.posix_spawnattr_setsigmask(big(attr), big(none));
  c.posix_spawnattr_setsigdefault(big(attr), big(all));
  c.posix_spawn_file_actions_init(big(actions));
  for (const [from, to] of pairs) {
    c.posix_spawn_file_actions_adddup2(big(actions), from, to);
  }
  const errno = c.posix_spawn(
    big(pid),
    big(text + length),
    big(actions),
    big(attr),
    big(argv),
    big(argv + 8), // an empty environment
  );
  c.posix_spawn_file_actions_destroy(big(actions));
  if (errno !== 0) throw new SyscallError("posix_spawn", name, errno);
  return bytes.getInt32(pid, true);
}

/**
 * Starts a gofer. Runs in: launcher.
 *
 * The gofer has an empty environment, default signal actions, descriptors 0 to
 * 2 and the `preserved` ones behind them, its control socket and its own
 * executable; nothing else. It dies with this process.
 *
 * @throws {SyscallError}
 */
export function spawnGofer(
  options: { name?: string; preserved?: number } = {},
): Gofer {
  const name = options.name ?? "burrow-init";
  // Behind stdio and the preserved ones, so that those keep their numbers.
  const control = 3 + (options.preserved ?? 0);
  const self = control + 1;
  const image = buildImage(ARCH, control);
  using stack = new DisposableStack();
  const own = (fd: number) => {
    stack.defer(() => local.run(close(fd)));
    return fd;
  };
  const executable = own(sealedExecutable(local, name, image.bytes));
  const pair = socketpair(SOCKET.SOCK_SEQPACKET);
  const ends = new DataView(local.run(pair).output(pair).buffer);
  const mine = ends.getInt32(0, true);
  using unborn = new DisposableStack();
  unborn.defer(() => local.run(close(mine)));
  const its = own(ends.getInt32(4, true));
  // Above what the child's descriptors will be, or dup2 would cover them.
  const above = self + 1;
  const lift = (fd: number) =>
    own(perform(local, {
      syscall: "fcntl",
      args: [fd, FCNTL.F_DUPFD_CLOEXEC, above],
      object: "",
    }));
  const inode = unpack(
    STATX_BUFFER,
    (() => {
      const stat = statx(executable, "");
      return local.run(stat).output(stat);
    })(),
  );
  const from = lift(executable);
  local.run(receiveTimeout(mine, ANSWER_TIMEOUT_MS));
  const pid = posixSpawn(from, name, [[lift(its), control], [from, self]]);
  unborn.move(); // the gofer's, from here on
  using unready = new DisposableStack();
  const gofer = unready.use(makeGofer({
    pid,
    socket: mine,
    control,
    self,
    image,
    executable: {
      device: `${inode.stx_dev_major}:${inode.stx_dev_minor}`,
      inode: inode.stx_ino,
    },
  }));
  gofer.run(
    prctl("PR_SET_PDEATHSIG", 9),
    // What our caller left open is not ours to hand on.
    closeRange(self + 1, 0xffffffff),
  );
  unready.move();
  return gofer;
}
