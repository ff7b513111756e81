/**
 * Waiting: ppoll(2), signalfd(2).
 *
 * @module
 */

import { POLLFD, TIMESPEC } from "./abi/layout.ts";
import { POLL } from "./abi/poll.ts";
import type { Call } from "./call.ts";
import { pack, unpack } from "./struct.ts";

/** A timeout as the kernel takes it; null: for ever. */
function timespec(timeoutMs: number): Uint8Array | null {
  return timeoutMs < 0 ? null : pack(TIMESPEC, {
    tv_sec: Math.floor(timeoutMs / 1000),
    tv_nsec: Math.floor((timeoutMs % 1000) * 1e6),
  });
}

/** ppoll(2) for input on descriptors; `timeoutMs` negative: for ever. */
export function ppoll(fds: readonly number[], timeoutMs: number): Call {
  const set = new Uint8Array(POLLFD.size * fds.length);
  fds.forEach((fd, i) =>
    set.set(pack(POLLFD, { fd, events: POLL.POLLIN }), i * POLLFD.size)
  );
  return {
    syscall: "ppoll",
    args: [set, fds.length, timespec(timeoutMs), null, 8],
    object: "",
  };
}

/** A descriptor, and the `POLL` bits that are waited for on it. */
export interface Interest {
  /** The descriptor. */
  readonly fd: number;
  /** What is waited for. */
  readonly events: number;
}

/**
 * ppoll(2) on a set in this process' own memory, for the launcher only: once
 * the call was made, `came()` tells the bits that came, one number each.
 */
export function ppollEach(
  interests: readonly Interest[],
  timeoutMs: number,
): { readonly call: Call; came(): number[] } {
  // A buffer of its own: V8 moves small typed arrays.
  const buffer = new ArrayBuffer(POLLFD.size * Math.max(1, interests.length));
  const set = new Uint8Array(buffer);
  interests.forEach((interest, i) =>
    set.set(pack(POLLFD, { ...interest }), i * POLLFD.size)
  );
  const at = Deno.UnsafePointer.value(Deno.UnsafePointer.of(buffer));
  return {
    call: {
      syscall: "ppoll",
      args: [at, interests.length, timespec(timeoutMs), null, 8],
      object: "",
    },
    came: () =>
      interests.map((_, i) =>
        unpack(POLLFD, set.subarray(i * POLLFD.size)).revents
      ),
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
