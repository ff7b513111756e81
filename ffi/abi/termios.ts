/** Constants of <sys/ioctl.h> and <asm/termbits.h>, and the two structs of terminals. Compared with a C compiler by tests/ffi/abi_test.ts. */
import type { Layout } from "../struct.ts";

/** Requests of ioctl_tty(2), and the bits that we change. */
export const TERMIOS = {
  TCGETS: 0x5401,
  TCSETS: 0x5402,
  TIOCSCTTY: 0x540e,
  TIOCGWINSZ: 0x5413,
  TIOCSWINSZ: 0x5414,
  TIOCGPTN: 0x80045430,
  TIOCSPTLCK: 0x40045431,
  TIOCGPTPEER: 0x5441,
  IGNBRK: 0x1,
  BRKINT: 0x2,
  PARMRK: 0x8,
  ISTRIP: 0x20,
  INLCR: 0x40,
  IGNCR: 0x80,
  ICRNL: 0x100,
  IXON: 0x400,
  ONLCR: 0x4,
  ISIG: 0x1,
  ICANON: 0x2,
  ECHO: 0x8,
  ECHONL: 0x40,
  IEXTEN: 0x8000,
  CSIZE: 0x30,
  CS8: 0x30,
  PARENB: 0x100,
} as const;

/** TCGETS, TCSETS: the modes of a terminal, as far as we look at them. */
export const KERNEL_TERMIOS = {
  c: "struct termios",
  header: "asm/termbits.h",
  size: 36,
  fields: {
    c_iflag: [0, "u32"],
    c_oflag: [4, "u32"],
    c_cflag: [8, "u32"],
    c_lflag: [12, "u32"],
    "c_cc[VEOF]": [21, "u8"],
    "c_cc[VTIME]": [22, "u8"],
    "c_cc[VMIN]": [23, "u8"],
  },
} as const satisfies Layout;

/** TIOCGWINSZ, TIOCSWINSZ: the size of a terminal in characters. */
export const WINSIZE = {
  c: "struct winsize",
  header: "sys/ioctl.h",
  size: 8,
  fields: { ws_row: [0, "u16"], ws_col: [2, "u16"] },
} as const satisfies Layout;
