/**
 * A gofer that is an ordinary child of the test, of either architecture, driven
 * by packed batches or by raw bytes: nothing of `ffi/gofer/channel.ts` is
 * between the test and it.
 *
 * @module
 */

import type { Arch } from "../../ffi/abi/arch.ts";
import { SOCKET } from "../../ffi/abi/socket.ts";
import { FCNTL } from "../../ffi/abi/fcntl.ts";
import type { Batch } from "../../ffi/batch.ts";
import type { Place } from "../../ffi/entry.ts";
import { packBatch } from "../../ffi/batch.ts";
import type { Call, Ending, Results } from "../../ffi/call.ts";
import { perform, tolerate } from "../../ffi/call.ts";
import { close, fcntl, read } from "../../ffi/file.ts";
import { BUFFER, buildImage } from "../../ffi/gofer/image.ts";
import type { Image } from "../../ffi/gofer/image.ts";
import { local } from "../../ffi/local.ts";
import { receiveTimeout, socketpair } from "../../ffi/socket.ts";
import { descendantsOf } from "./process.ts";

/** A gofer with nothing between. */
export interface RawGofer extends AsyncDisposable {
  readonly pid: number;
  /** Our end of its control socket. */
  readonly socket: number;
  /** The number of its control socket. */
  readonly control: number;
  /** Where its own first entries lie. */
  readonly image: Image;
  /** Its batches' place. */
  readonly place: Place;
  /** Sends one message. */
  send(bytes: Uint8Array): void;
  /** Receives one message: empty at its end, a negative errno where it fails. */
  receive(): Uint8Array | number;
  /** Packs and sends a batch, and does not wait for the answer. */
  post(calls: readonly Call[], ending?: Ending): Batch;
  /** Packs and sends a batch, and reads its answer. */
  run(...calls: readonly Call[]): Results;
  /** Closes our end of its socket. */
  hangUp(): void;
  /** Waits for its end. */
  exited(): Promise<Deno.CommandStatus>;
}

/** Starts one. `wrap`: a command in front, such as `unshare`. */
export function startRawGofer(
  arch: Arch,
  wrap: readonly string[] = [],
): RawGofer {
  const pair = socketpair(SOCKET.SOCK_SEQPACKET);
  const ends = new DataView(local.run(pair).output(pair).buffer);
  const socket = ends.getInt32(0, true);
  const control = ends.getInt32(4, true);
  const image = buildImage(arch, control);
  const path = Deno.makeTempFileSync();
  Deno.writeFileSync(path, image.bytes);
  Deno.chmodSync(path, 0o755);
  const argv = [
    ...wrap,
    ...arch === Deno.build.arch ? [] : [`qemu-${arch}-static`],
    path,
  ];
  local.run(
    receiveTimeout(socket, 10_000),
    fcntl(control, FCNTL.F_SETFD, 0), // handed on by the exec
  );
  const [command = "", ...args] = argv;
  const child = new Deno.Command(command, {
    args,
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
  local.run(close(control));
  let open = true;
  const hangUp = () => {
    if (open) local.run(close(socket));
    open = false;
  };
  const place: Place = {
    arch,
    base: BUFFER,
    gofer: { control, listen: image.listen, exit: image.exit },
  };
  const gofer: RawGofer = {
    pid: child.pid,
    socket,
    control,
    image,
    place,
    send(bytes) {
      perform(local, {
        syscall: "sendto",
        args: [socket, bytes, bytes.length, SOCKET.MSG_NOSIGNAL, null, 0],
        object: "",
      });
    },
    receive() {
      const call = tolerate(read(socket, 0x8000));
      const results = local.run(call);
      const size = results.value(call);
      return size < 0 ? size : results.output(call).slice(0, size);
    },
    post(calls, ending = "listen") {
      const memory = new DataView(new ArrayBuffer(0x10000));
      const batch = packBatch(memory, place, calls, ending);
      gofer.send(new Uint8Array(memory.buffer, 0, batch.size));
      return batch;
    },
    run(...calls) {
      const batch = gofer.post(calls);
      const answer = gofer.receive();
      if (typeof answer === "number" || answer.length !== batch.answerSize) {
        const got = typeof answer === "number" ? answer : answer.length;
        throw new Error(`the gofer answered ${got}, not ${batch.answerSize}`);
      }
      return batch.read(new DataView(answer.buffer));
    },
    hangUp,
    exited: () => child.status,
    async [Symbol.asyncDispose]() {
      hangUp();
      // What was put in front waits for the gofer, and reaps it.
      const below = wrap.length > 0 ? descendantsOf(child.pid) : [];
      for (const pid of below.length > 0 ? below : [child.pid]) {
        try {
          Deno.kill(pid, "SIGKILL");
        } catch {
          // It has ended.
        }
      }
      await child.status;
      Deno.removeSync(path);
    },
  };
  return gofer;
}
