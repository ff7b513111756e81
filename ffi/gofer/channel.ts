/**
 * The launcher's end of a gofer: sends batches, reads answers, and passes
 * descriptors.
 *
 * Runs in: launcher. Every message is one SEQPACKET packet; a batch larger than
 * that is loaded piece by piece. A wait for an answer has a deadline, because a
 * neighbour may stop the gofer; an answer of a wrong length ends it.
 *
 * @module
 */

import { ARCH } from "../abi/arch.ts";
import { FCNTL } from "../abi/fcntl.ts";
import { SIGNAL } from "../abi/signal.ts";
import { SOCKET } from "../abi/socket.ts";
import { packBatch } from "../batch.ts";
import type { Batch } from "../batch.ts";
import type { Place } from "../entry.ts";
import { attempt, callError, perform, tolerate } from "../call.ts";
import type { Call, Ending, Results, Target } from "../call.ts";
import { SyscallError } from "../errno.ts";
import { close, fcntl } from "../file.ts";
import { direct, local, pin } from "../local.ts";
import type { Pinned } from "../local.ts";
import { clone, cloneInto, kill, prctl, wait4 } from "../process.ts";
import { receivedFds, receiveFds, sendFds } from "../socket.ts";
import type { Image } from "./image.ts";
import { BUFFER, BUFFER_SIZE } from "./image.ts";

/** The largest packet, in bytes, either way: the kernel refuses 208 KiB. */
const PACKET_SIZE = 0x20000;
/** Room for a batch of one call with small arguments. */
const SMALL = 0x1000;

/** A gofer, driven by this process. */
export interface Gofer extends Target, Disposable {
  /** Its process id in our pid namespace. */
  readonly pid: number;
  /** The number of its control socket, in the gofer. */
  readonly control: number;
  /** The number of its own executable, in the gofer. */
  readonly self: number;
  /** Which file it executes: its device and inode. */
  readonly executable: { readonly device: string; readonly inode: number };
  /** Performs calls, and then does not wait for more. */
  finish(...calls: readonly Call[]): Results;
  /**
   * Goes on in a child made by clone(2) with CLONE_PARENT, which is our child
   * too; the process that was the gofer exits, and is waited for. The child is
   * born in the v2 cgroup whose directory is open as `cgroup` in the gofer.
   */
  fork(flags: number, cgroup?: number): void;
  /** Replaces the gofer by a fresh copy of its executable: execveat(2). */
  reexec(call: Call): void;
  /** Makes descriptors of ours its own; returns their numbers there. */
  give(...fds: readonly number[]): number[];
  /** Makes a descriptor of its own ours; returns its number here. */
  take(fd: number): number;
  /** Closes our end: a gofer that still listens exits. */
  hangUp(): void;
  /** Kills and reaps it. */
  [Symbol.dispose](): void;
}

const EINTR = -4;
const EAGAIN = -11;
const EPIPE = -32;
const ECONNRESET = -104;

/** Makes the launcher's end of a gofer that was spawned. */
export function makeGofer(
  made: {
    pid: number;
    socket: number;
    control: number;
    self: number;
    image: Image;
    executable: { device: string; inode: number };
  },
): Gofer {
  const { socket, control, self, image, executable } = made;
  const name = "gofer";
  let pid = made.pid;
  let open = true;
  let reaped = false;
  const out = pin(BUFFER_SIZE);
  const small = pin(SMALL);
  const reply = pin(PACKET_SIZE + 8);

  const end = () => {
    if (open) local.run(close(socket));
    open = false;
    if (reaped) return;
    reaped = true;
    attempt(local, kill(pid, SIGNAL.SIGKILL));
    attempt(local, wait4(pid, 0));
  };

  /**
   * The gofer is gone, or says nonsense: ends it, because what it says next
   * could be the answer to something else.
   */
  const gone = (why: string): Error => {
    end();
    return new Error(`${name} (process ${pid}) ${why}`);
  };

  /**
   * Performs a call on our end that may wait for the gofer. The deadline on the
   * socket turns even a stop of this process into an EINTR: signal(7).
   */
  const wait = (call: Call): Results => {
    for (;;) {
      const results = local.run(call);
      if (results.value(call) !== EINTR) return results;
    }
  };

  /** Reads one answer of exactly `size` bytes. */
  const receive = (size: number): DataView => {
    let got = EINTR;
    while (got === EINTR) {
      got = direct("read", socket, reply.address, size + 8);
    }
    if (got === size) return new DataView(reply.view.buffer.slice(0, size));
    if (got === EAGAIN) throw gone("does not answer");
    if (got < 0 && got !== ECONNRESET) {
      throw new SyscallError("read", "control socket", -got);
    }
    if (got <= 0) throw gone("died");
    const more = got > size ? "more than " : "";
    throw gone(`answered ${more}${Math.min(got, size)} bytes, not ${size}`);
  };

  const place: Place = {
    arch: ARCH,
    base: BUFFER,
    gofer: { control, listen: image.listen, exit: image.exit },
  };

  /** Sends one packet: it goes whole or not at all. */
  const transmit = (from: Pinned, at: number, size: number) => {
    if (!open) throw new Error(`${name} (process ${pid}) was let go`);
    const address = from.address + at;
    const flags = SOCKET.MSG_NOSIGNAL;
    const sent = direct("sendto", socket, address, size, flags, 0, 0);
    // Reset: it died with messages that it had not read.
    if (sent === EPIPE || sent === ECONNRESET) throw gone("died");
    if (sent < 0) throw new SyscallError("sendto", "control socket", -sent);
  };

  /** Sends a batch that fits in a packet; it is not answered yet. */
  const sendSmall = (call: Call): Batch => {
    const batch = packBatch(small.view, place, [call], "listen");
    transmit(small, 0, batch.size);
    return batch;
  };

  const answerTo = (batch: Batch): Results =>
    batch.read(receive(batch.answerSize));

  /** Has the gofer read a piece of the batch into its place in the buffer. */
  const load = (at: number, size: number) => {
    const call: Call = {
      syscall: "read",
      args: [control, BUFFER + at, size],
      object: "control socket",
    };
    const batch = sendSmall(call);
    transmit(out, at, size);
    const got = answerTo(batch).value(call);
    if (got !== size) throw gone(`read ${got} bytes`);
  };

  const post = (calls: readonly Call[], ending: Ending): Results => {
    const batch = packBatch(out.view, place, calls, ending);
    if (batch.answerSize > PACKET_SIZE) throw new RangeError("batch too large");
    for (let at = PACKET_SIZE; at < batch.size; at += PACKET_SIZE) {
      load(at, Math.min(PACKET_SIZE, batch.size - at));
    }
    transmit(out, 0, Math.min(batch.size, PACKET_SIZE));
    return answerTo(batch);
  };

  const target: Gofer = {
    name,
    get pid() {
      return pid;
    },
    control,
    self,
    executable,
    run: (...calls) => post(calls, "listen"),
    finish: (...calls) => post(calls, "abort"),
    fork(flags, cgroup) {
      const listen = { calls: [], ending: "listen" } as const;
      const child = cgroup === undefined
        ? clone(flags, listen)
        : cloneInto(cgroup, flags, listen);
      const forked = post([child], "exit").value(child);
      perform(local, wait4(pid, 0));
      pid = forked;
      // fork cleared it; until here end-of-file on the socket was the guard.
      post([prctl("PR_SET_PDEATHSIG", SIGNAL.SIGKILL)], "listen");
    },
    reexec(call) {
      // The fresh copy answers the probe, where the old one would answer both.
      const batch = sendSmall(call);
      const probe = sendSmall({ syscall: "getpid", args: [], object: "" });
      const answer = receive(batch.answerSize);
      if (answer.getBigInt64(0, true) < 0n) answerTo(probe);
      batch.read(answer);
    },
    give(...fds) {
      const call = receiveFds(control, fds.length);
      const batch = sendSmall(call);
      try {
        local.run(sendFds(socket, fds));
      } catch (error) {
        end(); // it waits for them, and would take anything else for them
        throw error;
      }
      return receivedFds(answerTo(batch).output(call), fds.length);
    },
    take(fd) {
      // One that it does not have is refused before anyone waits for it.
      perform(target, fcntl(fd, FCNTL.F_GETFD, 0));
      const batch = sendSmall(sendFds(control, [fd]));
      const got = tolerate(receiveFds(socket, 1));
      try {
        const results = wait(got);
        if (results.value(got) < 0) throw callError(got, results.value(got));
        const [mine] = receivedFds(results.output(got), 1);
        answerTo(batch);
        return mine ?? -1;
      } catch (error) {
        end();
        throw error;
      }
    },
    hangUp() {
      if (open) local.run(close(socket));
      open = false;
    },
    [Symbol.dispose]: end,
  };
  return target;
}
