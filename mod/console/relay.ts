/**
 * The relay between the caller's streams and the master of a terminal: one step
 * of a poll loop, which belongs to whoever waits for the program.
 *
 * One piece is under way in each direction: where the reader is slow, the
 * writer waits. Nothing here waits itself.
 *
 * Runs in: launcher.
 *
 * @module
 */

import { FCNTL } from "../../ffi/abi/fcntl.ts";
import { POLL } from "../../ffi/abi/poll.ts";
import { SIGNAL } from "../../ffi/abi/signal.ts";
import { attempt, perform } from "../../ffi/call.ts";
import { close, fcntl } from "../../ffi/file.ts";
import { local } from "../../ffi/local.ts";
import type { Interest } from "../../ffi/poll.ts";
import {
  endOfInput,
  setModes,
  setWindowSize,
  withoutNewlineMapping,
} from "../../ffi/tty.ts";
import { ownStream, readPiece, writePiece } from "./stream.ts";
import {
  callerTerminal,
  inBackground,
  isTerminal,
  modesOf,
} from "./terminal.ts";

/** How often a terminal that nobody has open is looked at, in milliseconds. */
const LOOK_AGAIN_MS = 200;
const NEWLINE = 10;
const NOTHING = new Uint8Array(0);

/** A relay. */
export interface Relay extends Disposable {
  /** What it waits for now. */
  interests(): Interest[];
  /** How long it may be left alone, in milliseconds; negative: for ever. */
  timeoutMs(): number;
  /** Moves what can be moved; `came` is what came of its interests. */
  move(interests: readonly Interest[], came: readonly number[]): void;
  /** Takes a signal: true where nobody else is to get it. */
  takeSignal(signal: number): boolean;
  /** The program has ended: only what it has written is still moved. */
  end(): void;
  /** After `end()`: is all moved? */
  isDrained(): boolean;
}

/**
 * Makes the relay, the caller's terminal raw, and the program's as large as it.
 * Disposing of it gives the caller's terminal back and closes the master.
 */
export function openRelay(master: number): Relay {
  using stack = new DisposableStack();
  stack.defer(() => void attempt(local, close(master)));
  const caller = callerTerminal();
  if (caller !== undefined) stack.use(caller);
  const stdin = stack.use(ownStream(0));
  const stdout = stack.use(ownStream(1));
  const typed = isTerminal(0);

  let toProgram: Uint8Array = NOTHING;
  let toCaller: Uint8Array = NOTHING;
  let last = NEWLINE; // of what the program was given
  let reading = true;
  let writing = true;
  let hung = false; // nobody has the terminal open
  let ended = false;
  let drained = false;

  const resize = () => {
    const size = caller?.size();
    if (size !== undefined) attempt(local, setWindowSize(master, size));
  };

  /** What a terminal makes of the end of its input: the caller's has no key. */
  const endInput = () => {
    reading = false;
    if (typed) return;
    const modes = modesOf(master);
    const key = modes === undefined ? undefined : endOfInput(modes);
    if (key === undefined) return;
    // In the midst of a line the first only hands the line on.
    toProgram = Uint8Array.from(last === NEWLINE ? [key] : [key, key]);
  };

  const readInput = () => {
    const piece = readPiece(stdin.fd);
    if (piece === "later") return;
    if (piece !== "end") {
      toProgram = piece;
      last = piece.at(-1) ?? last;
    } else if (typed && inBackground()) {
      reading = false; // until a shell has us in the foreground again
    } else endInput();
  };

  const readOutput = () => {
    const piece = readPiece(master);
    hung = piece === "end";
    if (ended && typeof piece === "string") drained = true;
    if (typeof piece !== "string" && writing) toCaller = piece;
  };

  const writeOutput = () => {
    const rest = writePiece(stdout.fd, toCaller);
    // Nobody reads what the caller gets: the program is not to be held up.
    writing = rest !== undefined;
    toCaller = rest ?? NOTHING;
  };

  perform(local, fcntl(master, FCNTL.F_SETFL, FCNTL.O_RDWR | FCNTL.O_NONBLOCK));
  const modes = modesOf(master);
  // The caller's terminal still does it, and a file wants none.
  if (modes !== undefined) {
    attempt(local, setModes(master, withoutNewlineMapping(modes)));
  }
  resize();
  caller?.makeRaw();

  const owned = stack.move();
  return {
    interests() {
      const wanted: Interest[] = [];
      const out = toCaller.length > 0;
      if (out) wanted.push({ fd: stdout.fd, events: POLL.POLLOUT });
      if (ended) return wanted;
      const waiting = toProgram.length > 0;
      if (reading && !waiting) {
        wanted.push({ fd: stdin.fd, events: POLL.POLLIN });
      }
      const events = (out ? 0 : POLL.POLLIN) | (waiting ? POLL.POLLOUT : 0);
      if (!hung && events !== 0) wanted.push({ fd: master, events });
      return wanted;
    },
    timeoutMs() {
      if (ended) return toCaller.length > 0 ? -1 : 0;
      return hung && toCaller.length === 0 ? LOOK_AGAIN_MS : -1;
    },
    move(interests, came) {
      const bits = (fd: number) =>
        came[interests.findIndex((interest) => interest.fd === fd)] ?? 0;
      if (toCaller.length > 0 && bits(stdout.fd) !== 0) writeOutput();
      if (!ended && reading && toProgram.length === 0) {
        if (bits(stdin.fd) !== 0) readInput();
      }
      if (!ended && toProgram.length > 0) {
        toProgram = writePiece(master, toProgram) ?? NOTHING;
      }
      if (toCaller.length === 0 && (ended || hung || bits(master) !== 0)) {
        readOutput();
      }
    },
    takeSignal(signal) {
      if (signal === SIGNAL.SIGWINCH) resize();
      if (signal === SIGNAL.SIGCONT) {
        // A shell has had the terminal meanwhile.
        if (typed && !inBackground()) reading = true;
        caller?.makeRaw();
        resize();
      }
      return signal === SIGNAL.SIGWINCH;
    },
    end: () => void (ended = true),
    isDrained: () => drained && toCaller.length === 0,
    [Symbol.dispose]: () => owned.dispose(),
  };
}
