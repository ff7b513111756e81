/**
 * Waiting: ppoll(2), signalfd(2).
 *
 * @module
 */

import { POLLFD, TIMESPEC } from "./abi/layout.ts";
import { POLL } from "./abi/poll.ts";
import type { Call } from "./call.ts";
import { pack } from "./struct.ts";

/** ppoll(2) for input on descriptors; `timeoutMs` negative: for ever. */
export function ppoll(fds: readonly number[], timeoutMs: number): Call {
  const set = new Uint8Array(POLLFD.size * fds.length);
  fds.forEach((fd, i) =>
    set.set(pack(POLLFD, { fd, events: POLL.POLLIN }), i * POLLFD.size)
  );
  const time = timeoutMs < 0 ? null : pack(TIMESPEC, {
    tv_sec: Math.floor(timeoutMs / 1000),
    tv_nsec: Math.floor((timeoutMs % 1000) * 1e6),
  });
  return {
    syscall: "ppoll",
    args: [set, fds.length, time, null, 8],
    object: "",
  };
}

/** A set of signals as the kernel has it: bit n-1 for signal n. */
export function signalSet(signals: readonly number[]): Uint8Array {
  let set = 0n;
  for (const signal of signals) set |= 1n << BigInt(signal - 1);
  return new Uint8Array(BigUint64Array.of(set).buffer);
}

/** rt_sigprocmask(2): blocks signals. */
export function blockSignals(signals: readonly number[]): Call {
  return {
    syscall: "rt_sigprocmask",
    args: [0, signalSet(signals), null, 8],
    object: "",
  };
}

/** signalfd4(2), not blocking and close-on-exec. */
export function signalfd(signals: readonly number[]): Call {
  const SFD_CLOEXEC_NONBLOCK = 0x80800;
  return {
    syscall: "signalfd4",
    args: [-1, signalSet(signals), 8, SFD_CLOEXEC_NONBLOCK],
    object: "",
  };
}
