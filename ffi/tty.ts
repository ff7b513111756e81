/**
 * Terminals: ioctl_tty(2) as data, and the modes of a terminal as bytes.
 *
 * @module
 */

import { KERNEL_TERMIOS, TERMIOS, WINSIZE } from "./abi/termios.ts";
import { FCNTL } from "./abi/fcntl.ts";
import type { Call } from "./call.ts";
import type { Fd } from "./file.ts";
import { pack, unpack } from "./struct.ts";

/** The size of a terminal, in characters. */
export interface WindowSize {
  /** Lines. */
  readonly rows: number;
  /** Characters in a line. */
  readonly columns: number;
}

/** An ioctl(2), named by its request. */
function request(
  fd: Fd,
  name: keyof typeof TERMIOS,
  value: number | Uint8Array | { readonly output: number },
): Call {
  return { syscall: "ioctl", args: [fd, TERMIOS[name], value], object: name };
}

/** Reads the modes of a terminal: the output is a `struct termios`. */
export function getModes(fd: Fd): Call {
  return request(fd, "TCGETS", { output: KERNEL_TERMIOS.size });
}

/** Sets the modes of a terminal at once. */
export function setModes(fd: Fd, modes: Uint8Array): Call {
  return request(fd, "TCSETS", modes);
}

/** Reads the size of a terminal: see {@link windowSizeOf}. */
export function getWindowSize(fd: Fd): Call {
  return request(fd, "TIOCGWINSZ", { output: WINSIZE.size });
}

/** The size in the output of {@link getWindowSize}. */
export function windowSizeOf(output: Uint8Array): WindowSize {
  const { ws_row, ws_col } = unpack(WINSIZE, output);
  return { rows: ws_row, columns: ws_col };
}

/** Sets the size of a terminal; its foreground processes get SIGWINCH. */
export function setWindowSize(fd: Fd, { rows, columns }: WindowSize): Call {
  const size = pack(WINSIZE, { ws_row: rows, ws_col: columns });
  return request(fd, "TIOCSWINSZ", size);
}

/** Unlocks the peer of a pty's master: unlockpt(3). */
export function unlockPeer(master: Fd): Call {
  return request(master, "TIOCSPTLCK", new Uint8Array(4));
}

/** The number of a pty, an i32 in the output: ptsname(3). */
export function ptyNumber(master: Fd): Call {
  return request(master, "TIOCGPTN", { output: 4 });
}

/** Opens the peer of a pty's master, whatever lies at its path. */
export function openPeer(master: Fd): Call {
  const flags = FCNTL.O_RDWR | FCNTL.O_NOCTTY | FCNTL.O_CLOEXEC;
  return request(master, "TIOCGPTPEER", flags);
}

/** Makes a terminal the controlling one of a session's leader. */
export function takeTerminal(fd: Fd): Call {
  return request(fd, "TIOCSCTTY", 0);
}

/** Modes with some bits of `field` cleared, then others set. */
function change(
  modes: Uint8Array<ArrayBuffer>,
  field: "c_iflag" | "c_oflag" | "c_cflag" | "c_lflag",
  clear: number,
  set = 0,
): void {
  const view = new DataView(modes.buffer, modes.byteOffset);
  const [at] = KERNEL_TERMIOS.fields[field];
  view.setUint32(at, (view.getUint32(at, true) & ~clear) | set, true);
}

/**
 * The modes in which a terminal hands everything on: cfmakeraw(3), but with its
 * post-processing of output kept, as the terminal behind it does none
 * ({@link withoutNewlineMapping}).
 */
export function rawModes(modes: Uint8Array): Uint8Array {
  const raw = Uint8Array.from(modes);
  const t = TERMIOS;
  change(
    raw,
    "c_iflag",
    t.IGNBRK | t.BRKINT | t.PARMRK | t.ISTRIP | t.INLCR | t.IGNCR | t.ICRNL |
      t.IXON,
  );
  change(raw, "c_lflag", t.ECHO | t.ECHONL | t.ICANON | t.ISIG | t.IEXTEN);
  change(raw, "c_cflag", t.CSIZE | t.PARENB, t.CS8);
  raw[KERNEL_TERMIOS.fields["c_cc[VMIN]"][0]] = 1;
  raw[KERNEL_TERMIOS.fields["c_cc[VTIME]"][0]] = 0;
  return raw;
}

/** Modes that leave a line feed alone: no carriage return before it. */
export function withoutNewlineMapping(modes: Uint8Array): Uint8Array {
  const changed = Uint8Array.from(modes);
  change(changed, "c_oflag", TERMIOS.ONLCR);
  return changed;
}

/** The character that ends the input of a terminal; undefined in raw mode. */
export function endOfInput(modes: Uint8Array): number | undefined {
  const { c_lflag, ...characters } = unpack(KERNEL_TERMIOS, modes);
  const canonical = (c_lflag & TERMIOS.ICANON) !== 0;
  return canonical ? characters["c_cc[VEOF]"] : undefined;
}
