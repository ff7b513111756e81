/**
 * A device policy as a program of the kernel: cgroup v2 has no device files, it
 * runs a BPF program of type BPF_PROG_TYPE_CGROUP_DEVICE at each access.
 *
 * @see https://docs.kernel.org/admin-guide/cgroup-v2.html#device-controller
 * @module
 */

import { BPF } from "../../ffi/abi/bpf.ts";
import { FCNTL } from "../../ffi/abi/fcntl.ts";
import { bpfProgAttach, bpfProgLoad } from "../../ffi/bpf.ts";
import { perform, type Target } from "../../ffi/call.ts";
import { AT_FDCWD, close, openat } from "../../ffi/file.ts";
import { RuntimeError } from "../errors.ts";
import {
  ANY_NUMBER,
  type DeviceException,
  type DevicePolicy,
} from "./device.ts";

/** Bytes of an instruction. */
const SIZE = 8;

/** Operation codes; J… compare 32 bits, because numbers are unsigned. */
const OP = {
  LDX_W: 0x61, // dst = *(u32 *)(src + offset)
  MOV_X: 0xbf, // dst = src
  MOV_K: 0xb7, // dst = immediate
  AND_K: 0x57, // dst &= immediate
  RSH_K: 0x77, // dst >>= immediate
  JEQ_K: 0x16, // if dst == immediate goto +offset
  JNE_K: 0x56, // if dst != immediate goto +offset
  EXIT: 0x95, // return r0
} as const;

/** Registers. r1 is the context, `struct bpf_cgroup_dev_ctx`, at first. */
const R = { result: 0, context: 1, scratch: 1, type: 2, access: 3 } as const;
const MAJOR = 4;
const MINOR = 5;

interface Instruction {
  readonly op: number;
  readonly dst?: number;
  readonly src?: number;
  readonly offset?: number;
  readonly immediate?: number;
  /** Jumps behind the block instead of by `offset`. */
  readonly toNext?: true;
}

/** Kernel's bits of access. */
function accessBits(access: string): number {
  return (access.includes("m") ? BPF.BPF_DEVCG_ACC_MKNOD : 0) |
    (access.includes("r") ? BPF.BPF_DEVCG_ACC_READ : 0) |
    (access.includes("w") ? BPF.BPF_DEVCG_ACC_WRITE : 0);
}

/** Takes the context apart: type, access, major and minor. */
const PROLOGUE: readonly Instruction[] = [
  { op: OP.LDX_W, dst: R.type, src: R.context, offset: 0 },
  { op: OP.MOV_X, dst: R.access, src: R.type },
  { op: OP.AND_K, dst: R.type, immediate: 0xffff },
  { op: OP.RSH_K, dst: R.access, immediate: 16 },
  { op: OP.LDX_W, dst: MAJOR, src: R.context, offset: 4 },
  { op: OP.LDX_W, dst: MINOR, src: R.context, offset: 8 },
];

/** Returns whether the access is allowed. */
function answer(allow: boolean): Instruction[] {
  return [
    { op: OP.MOV_K, dst: R.result, immediate: allow ? 1 : 0 },
    { op: OP.EXIT },
  ];
}

/** A jump to the next exception unless a number is the one. */
function unlessNumber(dst: number, number: number): Instruction[] {
  if (number === ANY_NUMBER) return [];
  return [{ op: OP.JNE_K, dst, immediate: number, toNext: true }];
}

/** The block of one exception. */
function block(exception: DeviceException, allow: boolean): Instruction[] {
  const bits = accessBits(exception.access);
  const all = accessBits("rwm");
  // An allowance must cover all that is wanted; a denial stops any part of it,
  // or opening for reading and writing would pass where writing is denied.
  const access: Instruction[] = bits === all ? [] : [
    { op: OP.MOV_X, dst: R.scratch, src: R.access },
    {
      op: OP.AND_K,
      dst: R.scratch,
      immediate: allow ? all & ~bits : bits,
    },
    {
      op: allow ? OP.JNE_K : OP.JEQ_K,
      dst: R.scratch,
      immediate: 0,
      toNext: true,
    },
  ];
  return [
    ...unlessNumber(
      R.type,
      exception.type === "b" ? BPF.BPF_DEVCG_DEV_BLOCK : BPF.BPF_DEVCG_DEV_CHAR,
    ),
    ...access,
    ...unlessNumber(MAJOR, exception.major),
    ...unlessNumber(MINOR, exception.minor),
    ...answer(allow),
  ];
}

/** Puts a block's jumps behind its end. */
function resolve(instructions: readonly Instruction[]): Instruction[] {
  return instructions.map((instruction, i) =>
    instruction.toNext === true
      ? { ...instruction, offset: instructions.length - i - 1 }
      : instruction
  );
}

function encode(instructions: readonly Instruction[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(instructions.length * SIZE);
  const view = new DataView(bytes.buffer);
  for (const [i, instruction] of instructions.entries()) {
    const { op, dst = 0, src = 0, offset = 0, immediate = 0 } = instruction;
    view.setUint8(i * SIZE, op);
    view.setUint8(i * SIZE + 1, src << 4 | dst);
    view.setInt16(i * SIZE + 2, offset, true);
    view.setUint32(i * SIZE + 4, immediate, true);
  }
  return bytes;
}

/** The instructions of a policy; pure. */
export function deviceProgram(policy: DevicePolicy): Uint8Array<ArrayBuffer> {
  const allowing = policy.default === "allow";
  return encode([
    ...PROLOGUE,
    ...policy.exceptions.flatMap((e) => resolve(block(e, !allowing))),
    ...answer(allowing),
  ]);
}

/**
 * Loads a policy's program and attaches it to a v2 cgroup, beside those that
 * others have attached: an access must pass all. It goes with the cgroup.
 *
 * @throws {RuntimeError} with bpf(2)'s errno; EPERM without CAP_BPF and
 * CAP_NET_ADMIN, or CAP_SYS_ADMIN
 */
export function attachDevicePolicy(
  target: Target,
  directory: string,
  policy: DevicePolicy,
): void {
  const flags = FCNTL.O_DIRECTORY;
  using stack = new DisposableStack();
  const keep = (fd: number) =>
    stack.adopt(fd, (fd) => void perform(target, close(fd)));
  try {
    const cgroup = keep(perform(target, openat(AT_FDCWD, directory, flags)));
    const program = keep(perform(
      target,
      bpfProgLoad(BPF.BPF_PROG_TYPE_CGROUP_DEVICE, deviceProgram(policy)),
    ));
    perform(
      target,
      bpfProgAttach(
        cgroup,
        program,
        BPF.BPF_CGROUP_DEVICE,
        BPF.BPF_F_ALLOW_MULTI,
      ),
    );
  } catch (cause) {
    throw new RuntimeError(`cannot apply device rules to "${directory}"`, {
      cause,
      hint: "cgroup v2 needs CAP_BPF and CAP_NET_ADMIN for them",
    });
  }
}
