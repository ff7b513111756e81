/**
 * Classic BPF: reading a filter's program, and what is put in front of it.
 * Pure.
 *
 * @module
 */

import {
  AUDIT_ARCH,
  CBPF,
  SECCOMP,
  SOCK_FILTER,
  X32_SYSCALL_BIT,
} from "../../ffi/abi/seccomp.ts";
import { pack } from "../../ffi/struct.ts";

/** One instruction: `struct sock_filter`. */
export interface Instruction {
  readonly code: number;
  readonly jt: number;
  readonly jf: number;
  readonly k: number;
}

/** The newest system call that a profile mentions, on one architecture. */
export interface NewestCall {
  /** Its token: an AUDIT_ARCH_*, or libseccomp's own for x32. */
  readonly arch: number;
  /** Its number. */
  readonly number: number;
}

/** libseccomp's token for x32, which the kernel tells from x86-64 by a bit. */
export const SCMP_ARCH_X32 = 0x4000003e;
const AUDIT_ARCH_X86_64 = AUDIT_ARCH.x86_64;
const ENOSYS = 38;

/** Where the number and the architecture lie in `struct seccomp_data`. */
const NR = 0;
const ARCH = 4;

const LOAD = CBPF.BPF_LD | CBPF.BPF_W | CBPF.BPF_ABS;
const JEQ = CBPF.BPF_JMP | CBPF.BPF_JEQ | CBPF.BPF_K;
const JGT = CBPF.BPF_JMP | CBPF.BPF_JGT | CBPF.BPF_K;
const JGE = CBPF.BPF_JMP | CBPF.BPF_JGE | CBPF.BPF_K;
const JA = CBPF.BPF_JMP | CBPF.BPF_JA;
const RET = CBPF.BPF_RET | CBPF.BPF_K;

/** Assembles instructions. */
export function assemble(instructions: readonly Instruction[]): Uint8Array {
  const bytes = new Uint8Array(instructions.length * SOCK_FILTER.size);
  instructions.forEach((instruction, i) =>
    bytes.set(pack(SOCK_FILTER, { ...instruction }), i * SOCK_FILTER.size)
  );
  return bytes;
}

/** Takes a program apart. */
export function disassemble(program: Uint8Array): Instruction[] {
  const view = new DataView(program.buffer, program.byteOffset);
  return Array.from({ length: program.length / SOCK_FILTER.size }, (_, i) => {
    const at = i * SOCK_FILTER.size;
    return {
      code: view.getUint16(at, true),
      jt: view.getUint8(at + 2),
      jf: view.getUint8(at + 3),
      k: view.getUint32(at + 4, true),
    };
  });
}

/** What the body of an architecture's part looks like. */
function bodyOf(
  arch: number,
  newest: readonly NewestCall[],
): Instruction[] {
  const plain = newest.find((call) => call.arch === arch);
  const x32 = newest.find((call) => call.arch === SCMP_ARCH_X32);
  const body: Instruction[] = [{ code: LOAD, jt: 0, jf: 0, k: NR }];
  const refuseAbove = (number: number, jf: number) => {
    body.push({ code: JGT, jt: 0, jf, k: number });
    body.push({
      code: RET,
      jt: 0,
      jf: 0,
      k: SECCOMP.SECCOMP_RET_ERRNO | ENOSYS,
    });
  };
  if (arch !== AUDIT_ARCH_X86_64) {
    if (plain !== undefined) refuseAbove(plain.number, 1);
    return body;
  }
  // An x32 call has a large number, and is no newer for that. Where the profile
  // does not speak of x32, the filter itself says what becomes of it.
  const jt = plain === undefined ? 0 : 2;
  const jf = plain === undefined && x32 !== undefined ? 2 : 0;
  body.push({ code: JGE, jt, jf, k: X32_SYSCALL_BIT });
  if (plain !== undefined) refuseAbove(plain.number, x32 ? 3 : 1);
  if (x32 !== undefined) refuseAbove(x32.number, 1);
  return body;
}

/**
 * The program with a part in front that answers ENOSYS to system calls newer
 * than the newest of the profile: C libraries then try an older one, where
 * EPERM would be taken for a refusal. As runc does.
 */
export function withEnosys(
  program: Uint8Array,
  newest: readonly NewestCall[],
): Uint8Array {
  const archs = new Set(
    newest.map(({ arch }) => arch === SCMP_ARCH_X32 ? AUDIT_ARCH_X86_64 : arch),
  );
  if (archs.size === 0) return program;
  let stub: Instruction[] = [];
  // From the last part to the first: each ends with a jump over what follows.
  for (const arch of [...archs].reverse()) {
    const body = bodyOf(arch, newest);
    if (stub.length > 0) {
      body.push({ code: JA, jt: 0, jf: 0, k: stub.length });
    }
    stub = [{ code: JEQ, jt: 0, jf: body.length, k: arch }, ...body, ...stub];
  }
  stub.unshift({ code: LOAD, jt: 0, jf: 0, k: ARCH });
  const front = assemble(stub);
  const whole = new Uint8Array(front.length + program.length);
  whole.set(front);
  whole.set(program, front.length);
  return whole;
}
