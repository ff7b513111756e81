import { AUDIT_ARCH, SECCOMP } from "../../../ffi/abi/seccomp.ts";
import { outcomes } from "../../../mod/seccomp/interpret.ts";
import {
  assemble,
  disassemble,
  type NewestCall,
  SCMP_ARCH_X32,
  withEnosys,
} from "../../../mod/seccomp/program.ts";
import { assertEquals } from "../../support/assert.ts";

const X86_64 = AUDIT_ARCH.x86_64;
const AARCH64 = AUDIT_ARCH.aarch64;
const I386 = 0x40000003;
const ARM = 0x40000028;
const X32 = 0x40000000;

/** What stands for the filter behind. */
const REST = SECCOMP.SECCOMP_RET_TRAP;
const FILTER = assemble([{ code: 6, jt: 0, jf: 0, k: REST }]);
const ENOSYS = 0x50026;

/** Looks at calls under a filter with the part in front. */
function check(
  newest: readonly NewestCall[],
  expected: readonly (readonly [arch: number, nr: number, value: number])[],
): void {
  const program = disassemble(withEnosys(FILTER, newest));
  for (const [arch, number, value] of expected) {
    const name = `${arch.toString(16)} ${number}`;
    const found = outcomes(program, { arch, number, args: [] });
    assertEquals([name, ...found], [name, value]);
  }
}

Deno.test("withEnosys() answers calls newer than the newest, and no others", () => {
  check([{ arch: X86_64, number: 450 }], [
    [X86_64, 0, REST],
    [X86_64, 450, REST],
    [X86_64, 451, ENOSYS],
    [X86_64, 0x3fffffff, ENOSYS],
    // Not spoken of: the filter's to judge.
    [X86_64, X32 + 451, REST],
    [I386, 451, REST],
  ]);
});

Deno.test("withEnosys() knows x32 by its bit", () => {
  const x32 = { arch: SCMP_ARCH_X32, number: X32 + 440 };
  check([{ arch: X86_64, number: 450 }, x32], [
    [X86_64, 450, REST],
    [X86_64, 451, ENOSYS],
    [X86_64, X32 + 440, REST],
    [X86_64, X32 + 441, ENOSYS],
    [X86_64, -1 >>> 0, ENOSYS],
  ]);
  check([x32], [
    [X86_64, 9999, REST],
    [X86_64, X32 + 440, REST],
    [X86_64, X32 + 441, ENOSYS],
  ]);
});

Deno.test("withEnosys() counts each architecture by its own numbers", () => {
  const own = (arch: number, number: number) => ({ arch, number });
  const all = [
    own(X86_64, 450),
    own(I386, 440),
    own(SCMP_ARCH_X32, X32 + 445),
    own(AARCH64, 430),
    own(ARM, 420),
  ];
  for (const order of [all, [...all].reverse()]) {
    check(order, [
      [X86_64, 450, REST],
      [X86_64, 451, ENOSYS],
      [X86_64, X32 + 445, REST],
      [X86_64, X32 + 446, ENOSYS],
      [I386, 440, REST],
      [I386, 441, ENOSYS],
      [AARCH64, 430, REST],
      [AARCH64, 431, ENOSYS],
      [ARM, 420, REST],
      [ARM, 421, ENOSYS],
      [0xc00000f3, 9999, REST],
    ]);
  }
});

Deno.test("withEnosys() leaves a filter alone where nothing is known to be newest", () => {
  assertEquals(withEnosys(FILTER, []), FILTER);
});
