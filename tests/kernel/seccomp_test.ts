import {
  AUDIT_ARCH,
  CBPF,
  SECCOMP,
  X32_SYSCALL_BIT,
} from "../../ffi/abi/seccomp.ts";
import { compileRules } from "../../mod/seccomp/compile.ts";
import { compileFilter } from "../../mod/seccomp/filter.ts";
import { outcomes } from "../../mod/seccomp/interpret.ts";
import {
  assemble,
  disassemble,
  type Instruction,
} from "../../mod/seccomp/program.ts";
import type { Seccomp } from "../../mod/spec/seccomp.ts";
import { assertEquals } from "../support/assert.ts";
import { program } from "../support/fixture.ts";
import { host } from "../support/runtime.ts";
import { engineProfile } from "../support/engine_profile.ts";

// Libraries are opened once, and kept: not by a test, which would be a leak.
programOf({ defaultAction: "SCMP_ACT_ALLOW" });

const native = AUDIT_ARCH[Deno.build.arch];
/** getppid takes no arguments, so any will do. */
const GETPPID = Deno.build.arch === "x86_64" ? 110 : 173;

/** The program of a profile. */
function programOf(seccomp: Seccomp): Uint8Array {
  const rules = compileRules(seccomp);
  if (rules === undefined) throw new Error("no rules");
  return compileFilter(rules);
}

/** What the kernel makes of calls under a program: the helper's lines. */
function kernelSays(filter: Uint8Array, calls: readonly string[]): string[] {
  const path = Deno.makeTempFileSync({ prefix: "burrow-test-" });
  try {
    Deno.writeFileSync(path, filter);
    return host(program("system_call"), "-f", path, ...calls)
      .trim().split("\n");
  } finally {
    Deno.removeSync(path);
  }
}

/** What the helper will print, by our own interpreter. */
function interpreterSays(filter: Uint8Array, call: string): string {
  const words = call.split(":");
  const old = words[0] === "i386";
  const [number = 0n, ...args] = words.slice(old ? 1 : 0).map(BigInt);
  const values = outcomes(disassemble(filter), {
    arch: old ? 0x40000003 : native,
    number: Number(number),
    args: Array.from({ length: 6 }, (_, i) => args[i] ?? 0n),
  });
  const [value = -1] = values;
  assertEquals(values.length, 1, "one answer where all is known");
  const action = (value & SECCOMP.SECCOMP_RET_ACTION_FULL) >>> 0;
  switch (action) {
    case SECCOMP.SECCOMP_RET_ERRNO:
      return `= ${-(value & SECCOMP.SECCOMP_RET_DATA)}`;
    case SECCOMP.SECCOMP_RET_TRACE: // nobody traces
      return "= -38";
    case SECCOMP.SECCOMP_RET_TRAP:
      return `trap ${number}`;
    case SECCOMP.SECCOMP_RET_KILL_THREAD:
    case SECCOMP.SECCOMP_RET_KILL_PROCESS:
      return "signal 31";
    default:
      return "allowed";
  }
}

/** Compares both, but for the results of calls that are made. */
function compare(filter: Uint8Array, calls: readonly string[]): void {
  const kernel = kernelSays(filter, calls);
  calls.forEach((call, i) => {
    const mine = interpreterSays(filter, call);
    const theirs = kernel[i] ?? "nothing";
    // A call that is allowed has some result, and is not killed.
    const same = mine === "allowed" ? theirs.startsWith("= ") : mine === theirs;
    if (!same) assertEquals(`${call}: ${mine}`, `${call}: ${theirs}`);
  });
}

/** Values around which comparisons change their minds. */
const EDGES = [0n, 1n, 7n, 8n, 9n, 0xffffffffn, 0x100000000n, 0x100000007n]
  .concat([0x700000008n, 0x800000000n, 0xffffffffffffffffn]);

Deno.test("outcomes() agrees with the kernel on every operator", () => {
  const ops = ["NE", "LT", "LE", "EQ", "GE", "GT", "MASKED_EQ"] as const;
  for (const op of ops) {
    const value = op === "MASKED_EQ" ? 0xf0000000f : 0x700000008;
    const filter = programOf({
      defaultAction: "SCMP_ACT_ALLOW",
      syscalls: [{
        names: ["getppid"],
        action: "SCMP_ACT_ERRNO",
        errnoRet: 77,
        args: [
          { index: 1, op: `SCMP_CMP_${op}`, value, valueTwo: 0x700000008 },
        ],
      }],
    });
    compare(filter, EDGES.map((edge) => `${GETPPID}:0:${edge}`));
  }
});

Deno.test("outcomes() agrees with the kernel on every action", () => {
  const actions = ["KILL", "KILL_PROCESS", "KILL_THREAD", "TRAP", "ERRNO"]
    .concat(["TRACE", "ALLOW", "LOG"]);
  for (const action of actions) {
    const filter = programOf({
      defaultAction: action === "LOG" ? "SCMP_ACT_ALLOW" : "SCMP_ACT_LOG",
      syscalls: [{
        names: ["getppid"],
        action: `SCMP_ACT_${action}` as "SCMP_ACT_KILL",
      }],
    });
    compare(filter, [`${GETPPID}`]);
  }
});

Deno.test("outcomes() agrees with the kernel on an engine's profile, on all architectures", () => {
  const calls: string[] = [];
  // Only such as do nothing with these arguments, allowed or not.
  const harmless = Deno.build.arch === "x86_64"
    ? [39, 102, 104, 107, 110, 125, 136, 139, 165, 175, 246, 310, 320, 999]
    : [165, 172, 173, 174, 40, 105, 999];
  for (const nr of harmless) calls.push(`${nr}:1:2:3`);
  if (Deno.build.arch === "x86_64") {
    for (const nr of [20, 21, 24, 64, 52, 128, 700]) calls.push(`i386:${nr}:1`);
    for (const nr of [39, 110, 165]) calls.push(`${nr + X32_SYSCALL_BIT}:1`);
    for (const persona of [0, 1, 8, 0x20000, 0xffffffff]) {
      calls.push(`135:${persona}`);
    }
  }
  for (const errno of [undefined, 1]) {
    const profile = engineProfile([], errno);
    compare(programOf(profile), calls);
    // x32 and i386 unknown to the profile: calls of a bad architecture.
    compare(programOf({ ...profile, architectures: [] }), calls);
  }
});

/** One instruction. */
function op(code: number, k = 0, jt = 0, jf = 0): Instruction {
  return { code, k, jt, jf };
}

Deno.test("outcomes() agrees with the kernel on arithmetic, scratch memory and X", () => {
  const { BPF_ALU, BPF_LD, BPF_LDX, BPF_MISC, BPF_RET, BPF_ST, BPF_STX } = CBPF;
  const exits = [
    op(BPF_ALU | CBPF.BPF_AND, 0x3ff),
    op(BPF_ALU | CBPF.BPF_OR, SECCOMP.SECCOMP_RET_ERRNO),
    op(BPF_RET | CBPF.BPF_A),
  ];
  const elsewhere = [
    op(BPF_LD | CBPF.BPF_ABS, 0),
    op(CBPF.BPF_JMP | CBPF.BPF_JEQ, GETPPID, 1, 0),
    op(BPF_RET, SECCOMP.SECCOMP_RET_ALLOW),
  ];
  const operations = [0, 0x10, 0x20, 0x30, 0x40, 0x50, 0x60, 0x70, 0xa0];
  for (const operation of operations) {
    const code = [
      ...elsewhere,
      op(BPF_LD | CBPF.BPF_ABS, 16), // args[0]
      op(BPF_ST, 3),
      op(BPF_LD | CBPF.BPF_ABS, 24), // args[1]
      op(BPF_MISC | CBPF.BPF_TAX),
      op(BPF_STX, 4),
      op(BPF_LDX | CBPF.BPF_IMM, 9),
      op(BPF_LD | CBPF.BPF_LEN),
      op(BPF_LDX | CBPF.BPF_MEM, 4),
      op(BPF_LD | CBPF.BPF_MEM, 3),
      op(BPF_ALU | operation | CBPF.BPF_X),
      op(BPF_ALU | operation | CBPF.BPF_K, 3),
      op(BPF_ALU | CBPF.BPF_NEG),
      op(BPF_MISC | CBPF.BPF_TAX),
      op(BPF_LD | CBPF.BPF_IMM, 5),
      op(BPF_MISC | CBPF.BPF_TXA),
      ...exits,
    ];
    const pairs = [[7, 2], [0xfffffff0, 3], [12345, 31], [1, 1]];
    compare(
      assemble(code),
      pairs.map(([a, b]) => `${GETPPID}:${a}:${b}`),
    );
  }
});

Deno.test("outcomes() tells all that may happen where an argument is not known", () => {
  const filter = disassemble(programOf({
    defaultAction: "SCMP_ACT_ALLOW",
    syscalls: [{
      names: ["getppid"],
      action: "SCMP_ACT_TRAP",
      args: [{ index: 0, op: "SCMP_CMP_EQ", value: 5 }],
    }],
  }));
  const of = (...args: (bigint | undefined)[]) =>
    outcomes(filter, { arch: native, number: GETPPID, args })
      .sort((a, b) => a - b);
  const { SECCOMP_RET_TRAP: trap, SECCOMP_RET_ALLOW: allow } = SECCOMP;
  assertEquals(of(), [trap, allow]);
  assertEquals(of(5n), [trap]);
  assertEquals(of(6n), [allow]);
});
