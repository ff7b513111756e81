/**
 * From rules to the program that the kernel runs, by libseccomp.
 *
 * Runs in: launcher. The filter is compiled here and loaded by the gofer: the
 * launcher's own system calls are never filtered. libseccomp is not asked for a
 * tree (SCMP_FLTATR_CTL_OPTIMIZE): it takes longer to make than to go without,
 * since the kernel keeps a table of what is always allowed.
 *
 * @see https://man7.org/linux/man-pages/man3/seccomp_rule_add.3.html
 * @module
 */

import { MEMFD } from "../../ffi/abi/memfd.ts";
import { CBPF, SOCK_FILTER } from "../../ffi/abi/seccomp.ts";
import { attempt } from "../../ffi/call.ts";
import { errnoText } from "../../ffi/errno.ts";
import { close, lseek, memfdCreate, read } from "../../ffi/file.ts";
import {
  LIBSECCOMP,
  libseccomp,
  SCMP,
  SCMP_ARG_CMP,
} from "../../ffi/libseccomp.ts";
import { local } from "../../ffi/local.ts";
import { pack } from "../../ffi/struct.ts";
import { RuntimeError } from "../errors.ts";
import { libraryName } from "./compile.ts";
import type { FilterCondition, FilterRules } from "./compile.ts";
import type { NewestCall } from "./program.ts";
import { withEnosys } from "./program.ts";

type Library = ReturnType<typeof libseccomp>;

const EEXIST = -17;
/** The kernel takes no larger program, in bytes. */
const MOST_BYTES = CBPF.BPF_MAXINSNS * SOCK_FILTER.size;

/** A string as C takes it. */
function cString(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(`${text}\0`);
}

/** Opens the library, or says what is to be done. */
function openLibrary(): Library {
  try {
    return libseccomp();
  } catch (cause) {
    throw new RuntimeError("linux.seccomp", {
      cause,
      hint: `install ${LIBSECCOMP} (Debian's libseccomp2, Fedora's ` +
        "libseccomp), or remove linux.seccomp from config.json",
    });
  }
}

/** Those architectures that the library knows; undefined without a library. */
export function knownArchitectures(
  names: readonly string[],
): string[] | undefined {
  let library: Library;
  try {
    library = libseccomp();
  } catch {
    return undefined;
  }
  return names.filter((name) =>
    library.seccomp_arch_resolve_name(cString(libraryName(name))) !== 0
  );
}

/** Conditions as an array of `struct scmp_arg_cmp`. */
function packConditions(
  conditions: readonly FilterCondition[],
): Uint8Array<ArrayBuffer> {
  const { size } = SCMP_ARG_CMP;
  const bytes = new Uint8Array(conditions.length * size);
  conditions.forEach(({ index, operator, value, valueTwo }, i) =>
    bytes.set(
      pack(SCMP_ARG_CMP, {
        arg: index,
        op: operator,
        datum_a: value,
        datum_b: valueTwo,
      }),
      i * size,
    )
  );
  return bytes;
}

/** Throws for a call of the library that failed. */
function check(result: number, object: string): void {
  if (result >= 0 || result === EEXIST) return;
  throw new RuntimeError(`linux.seccomp: ${object}: ${errnoText(-result)}`);
}

/** The tokens of the architectures, the native one first. */
function architecturesOf(rules: FilterRules, library: Library): number[] {
  const tokens = new Set([library.seccomp_arch_native()]);
  for (const name of rules.architectures) {
    const token = library.seccomp_arch_resolve_name(cString(name));
    if (token === 0) {
      throw new RuntimeError(
        `linux.seccomp: architecture "${name}": unknown to libseccomp`,
      );
    }
    tokens.add(token);
  }
  return [...tokens];
}

/** The newest system call of the profile on each architecture. */
function newestCalls(
  names: readonly Uint8Array<ArrayBuffer>[],
  architectures: readonly number[],
  library: Library,
): NewestCall[] {
  return architectures.flatMap((arch) => {
    let number = -1;
    for (const name of names) {
      number = Math.max(
        number,
        library.seccomp_syscall_resolve_name_arch(arch, name),
      );
    }
    return number < 0 ? [] : [{ arch, number }];
  });
}

/** What libseccomp makes of the rules. */
function exportProgram(
  rules: FilterRules,
  architectures: readonly number[],
  names: ReadonlyMap<string, Uint8Array<ArrayBuffer>>,
  library: Library,
): Uint8Array {
  const filter = library.seccomp_init(rules.defaultAction);
  if (filter === null) throw new RuntimeError("linux.seccomp: seccomp_init");
  using stack = new DisposableStack();
  stack.defer(() => library.seccomp_release(filter));
  for (const arch of architectures) {
    check(library.seccomp_arch_add(filter, arch), "an architecture");
  }
  const native = library.seccomp_arch_native();
  const numbers = new Map<string, number>();
  for (const [name, text] of names) {
    const number = library.seccomp_syscall_resolve_name_arch(native, text);
    numbers.set(name, number);
  }
  for (const { name, action, conditions } of rules.rules) {
    const number = numbers.get(name) ?? SCMP.__NR_SCMP_ERROR;
    // Newer than the library: it cannot be in the filter; as with runc.
    if (number === SCMP.__NR_SCMP_ERROR) continue;
    const result = library.seccomp_rule_add_array(
      filter,
      action,
      number,
      conditions.length,
      conditions.length === 0 ? null : packConditions(conditions),
    );
    check(result, `rule for "${name}"`);
  }
  const fd = attempt(local, memfdCreate("filter", MEMFD.MFD_CLOEXEC));
  check(fd, "memfd_create");
  stack.defer(() => void attempt(local, close(fd)));
  check(library.seccomp_export_bpf(filter, fd), "seccomp_export_bpf");
  const whole = read(fd, MOST_BYTES);
  const results = local.run(lseek(fd, 0), whole);
  return results.output(whole).subarray(0, results.value(whole));
}

/**
 * Compiles the rules into a program.
 *
 * @throws {RuntimeError} without libseccomp, or where it refuses a rule
 */
export function compileFilter(rules: FilterRules): Uint8Array {
  const library = openLibrary();
  const architectures = architecturesOf(rules, library);
  const names = new Map(rules.names.map((name) => [name, cString(name)]));
  const program = exportProgram(rules, architectures, names, library);
  const whole = rules.enosys
    ? withEnosys(
      program,
      newestCalls([...names.values()], architectures, library),
    )
    : program;
  if (whole.length > MOST_BYTES) {
    throw new RuntimeError(
      `linux.seccomp: the filter has ${whole.length / SOCK_FILTER.size} ` +
        `instructions, the kernel takes ${CBPF.BPF_MAXINSNS}`,
    );
  }
  return whole;
}
