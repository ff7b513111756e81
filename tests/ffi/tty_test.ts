import { KERNEL_TERMIOS, TERMIOS } from "../../ffi/abi/termios.ts";
import { pack, unpack } from "../../ffi/struct.ts";
import { endOfInput, rawModes, withoutNewlineMapping } from "../../ffi/tty.ts";
import { assertEquals } from "../support/assert.ts";

/** What a terminal has when it is made, and bits that must stay. */
const COOKED = pack(KERNEL_TERMIOS, {
  c_iflag: TERMIOS.ICRNL | TERMIOS.IXON | 0x4000,
  c_oflag: TERMIOS.ONLCR | 0x1,
  c_cflag: 0xbf,
  c_lflag: TERMIOS.ISIG | TERMIOS.ICANON | TERMIOS.ECHO | TERMIOS.IEXTEN | 0x10,
  "c_cc[VEOF]": 4,
});

Deno.test("rawModes() hands keys on, and keeps the processing of output", () => {
  const before = Uint8Array.from(COOKED);
  assertEquals(unpack(KERNEL_TERMIOS, rawModes(COOKED)), {
    c_iflag: 0x4000,
    c_oflag: TERMIOS.ONLCR | 0x1,
    c_cflag: 0xbf,
    c_lflag: 0x10,
    "c_cc[VEOF]": 4,
    "c_cc[VTIME]": 0,
    "c_cc[VMIN]": 1,
  });
  assertEquals([...COOKED], [...before], "the modes given");
});

Deno.test("withoutNewlineMapping() changes one bit", () => {
  const { c_oflag, ...others } = unpack(
    KERNEL_TERMIOS,
    withoutNewlineMapping(COOKED),
  );
  const { c_oflag: _, ...same } = unpack(KERNEL_TERMIOS, COOKED);
  assertEquals(c_oflag, 0x1);
  assertEquals(others, same);
});

Deno.test("endOfInput() is a key of a terminal that edits lines only", () => {
  assertEquals(endOfInput(COOKED), 4);
  assertEquals(endOfInput(rawModes(COOKED)), undefined);
});
