/**
 * The constants and layouts of `ffi/abi/seccomp.ts` beside a C compiler's. What
 * is of libseccomp (`ffi/libseccomp.ts`) tests/kernel/seccomp_test.ts tries out.
 */

import * as abi from "../../ffi/abi/seccomp.ts";
import { ARCH } from "../../ffi/abi/arch.ts";
import type { Arch } from "../../ffi/abi/arch.ts";
import { assertEquals } from "../support/assert.ts";
import { host } from "../support/runtime.ts";

/** Every claim: an expression of C and its value. */
function claims(): (readonly [c: string, value: number])[] {
  const layouts = [abi.SOCK_FPROG, abi.SOCK_FILTER, abi.SECCOMP_DATA];
  return [
    ...Object.entries(abi.SECCOMP),
    ...Object.entries(abi.CBPF),
    ["AUDIT_ARCH_X86_64", abi.AUDIT_ARCH.x86_64],
    ["AUDIT_ARCH_AARCH64", abi.AUDIT_ARCH.aarch64],
    ...layouts.flatMap(({ c, size, fields }) => [
      [`sizeof(${c})`, size] as const,
      ...Object.entries(fields).map(([field, [at]]) =>
        [`offsetof(${c}, ${field})`, at] as const
      ),
    ]),
  ];
}

const HEADERS = ["stdio.h", "stddef.h", "linux/seccomp.h", "linux/filter.h"]
  .concat(["linux/audit.h"]);

for (const arch of ["x86_64", "aarch64"] as const satisfies Arch[]) {
  Deno.test(`seccomp's constants and layouts are those of C on ${arch}`, () => {
    // __X32_SYSCALL_BIT is in the headers of x86 only.
    const own = arch === "x86_64"
      ? [["__X32_SYSCALL_BIT", abi.X32_SYSCALL_BIT] as const]
      : [];
    const headers = arch === "x86_64" ? [...HEADERS, "asm/unistd.h"] : HEADERS;
    const all = [...claims(), ...own];
    const source = headers.map((h) => `#include <${h}>\n`).join("") +
      "int main(void) {\n" +
      all.map(([c]) => `printf("%u\\n", (unsigned)(${c}));\n`).join("") +
      "return 0; }\n";
    const folder = Deno.makeTempDirSync();
    try {
      Deno.writeTextFileSync(`${folder}/claims.c`, source);
      const native = arch === ARCH;
      const cc = native ? "gcc" : `${arch}-linux-gnu-gcc`;
      const out = `${folder}/claims`;
      host(cc, "-w", "-static", "-o", out, `${folder}/claims.c`);
      const output = native ? host(out) : host(`qemu-${arch}-static`, out);
      const values = output.trim().split("\n").map(Number);
      assertEquals(
        all.map(([c], i) => `${c} ${values[i]}`),
        all.map(([c, value]) => `${c} ${value}`),
      );
    } finally {
      Deno.removeSync(folder, { recursive: true });
    }
  });
}
