/**
 * bpf(2), as data: loading a program and attaching it to a cgroup.
 *
 * @module
 */

import { BPF, BPF_ATTR_ATTACH, BPF_ATTR_LOAD } from "./abi/bpf.ts";
import type { Arg, Call } from "./call.ts";
import { pack } from "./struct.ts";

/** Bytes of one instruction. */
const INSTRUCTION_SIZE = 8;

/** BPF_PROG_LOAD; the result is a descriptor, which is close-on-exec. */
export function bpfProgLoad(type: number, instructions: Uint8Array): Call {
  const bytes = pack(BPF_ATTR_LOAD, {
    prog_type: type,
    insn_cnt: instructions.length / INSTRUCTION_SIZE,
  });
  const pointers = new Map<number, Arg>([
    [BPF_ATTR_LOAD.fields.insns[0], instructions],
    // What the program may call; ours calls nothing.
    [BPF_ATTR_LOAD.fields.license[0], "Apache-2.0"],
  ]);
  return {
    syscall: "bpf",
    args: [BPF.BPF_PROG_LOAD, { bytes, pointers }, BPF_ATTR_LOAD.size],
    object: "BPF_PROG_LOAD",
  };
}

/** BPF_PROG_ATTACH of a program to a cgroup's directory. */
export function bpfProgAttach(
  cgroup: number,
  program: number,
  type: number,
  flags: number,
): Call {
  const attr = pack(BPF_ATTR_ATTACH, {
    target_fd: cgroup,
    attach_bpf_fd: program,
    attach_type: type,
    attach_flags: flags,
  });
  return {
    syscall: "bpf",
    args: [BPF.BPF_PROG_ATTACH, attr, BPF_ATTR_ATTACH.size],
    object: "BPF_PROG_ATTACH",
  };
}
