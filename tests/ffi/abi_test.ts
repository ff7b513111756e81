/**
 * The constants and layouts of `ffi/abi/` beside what a C compiler says, for
 * both architectures. Whatever a file there exports is looked at: a table that
 * this test does not know fails it.
 */

import { FCNTL_BY_ARCH } from "../../ffi/abi/fcntl.ts";
import type { Arch } from "../../ffi/abi/arch.ts";
import { ELF_MACHINE, SYSCALL } from "../../ffi/abi/arch.ts";
import { CAPABILITY_VERSION } from "../../ffi/abi/capability.ts";
import { AT_FDCWD } from "../../ffi/file.ts";
import type { Layout } from "../../ffi/struct.ts";
import { assert, assertEquals, fail } from "../support/assert.ts";
import { checkout } from "../support/fixture.ts";

const ARCHES: readonly Arch[] = ["x86_64", "aarch64"];

/** Where C finds the constants of each file of `ffi/abi/`. */
const HEADERS: Readonly<Record<string, readonly string[]>> = {
  "bpf.ts": ["linux/bpf.h"],
  "capability.ts": ["linux/capability.h"],
  "fcntl.ts": ["fcntl.h", "linux/openat2.h", "linux/close_range.h"],
  "ioprio.ts": ["linux/ioprio.h"],
  "keyctl.ts": ["linux/keyctl.h"],
  "magic.ts": ["linux/magic.h"],
  "memfd.ts": ["linux/memfd.h"],
  "mempolicy.ts": ["linux/mempolicy.h"],
  // <sys/mount.h> and <linux/mount.h> cannot be included together.
  "mount.ts": ["fcntl.h", "linux/mount.h"],
  "netlink.ts": ["sys/socket.h", "linux/rtnetlink.h", "linux/if.h"],
  "personality.ts": ["linux/personality.h"],
  "poll.ts": ["poll.h"],
  "prctl.ts": ["linux/prctl.h"],
  "resource.ts": ["sys/resource.h"],
  "sched.ts": ["linux/sched.h"],
  "scheduler.ts": ["linux/sched.h"],
  "signal.ts": ["signal.h"],
  "socket.ts": ["sys/socket.h"],
  "spawn.ts": ["spawn.h", "signal.h"],
  "stat.ts": ["linux/stat.h"],
  "termios.ts": ["sys/ioctl.h", "asm/termbits.h"],
  "wait.ts": ["sys/wait.h"],
};

/** Constants that are found elsewhere than the others of their file. */
const ELSEWHERE: Readonly<Record<string, readonly string[]>> = {
  MNT_DETACH: ["sys/mount.h"],
};

/** Files with a test of their own, which does the same. */
const OWN_TEST = ["seccomp.ts"];

/** Constants that older headers lack, and the first kernel that has them. */
const NEWER: Readonly<Record<string, readonly [major: number, minor: number]>> =
  { MFD_EXEC: [6, 3], MPOL_WEIGHTED_INTERLEAVE: [6, 9] };

/** What a constant is in C, where that is not its name. */
const IN_C: Readonly<Record<string, string>> = {
  POSIX_SPAWNATTR_SIZE: "sizeof(posix_spawnattr_t)",
  POSIX_SPAWN_FILE_ACTIONS_SIZE: "sizeof(posix_spawn_file_actions_t)",
  SIGSET_SIZE: "sizeof(sigset_t)",
};

/**
 * Sizes and signs of the kinds of fields. C's `short` stands for u16 too, and
 * its `char`, whose sign differs by architecture, or an array of it, for u8.
 */
const KINDS = {
  u8: [1, undefined],
  u16: [2, undefined],
  u32: [4, 0],
  i32: [4, 1],
  u64: [8, 0],
  i64: [8, 1],
} as const;

/** An expression of C, where it is found, and what we think it is. */
interface Claim {
  readonly what: string;
  readonly headers: readonly string[];
  readonly c: string;
  readonly value: number;
  /** The first headers that have it. */
  readonly since?: readonly [major: number, minor: number];
}

/** A table of constants as claims. */
function constantClaims(
  file: string,
  table: Readonly<Record<string, number>>,
): Claim[] {
  const usual = HEADERS[file] ??
    fail(`tests/ffi/abi_test.ts does not know the headers of "${file}"`);
  return Object.entries(table).map(([name, value]) => {
    const since = NEWER[name];
    return {
      what: `${file} ${name}`,
      headers: ELSEWHERE[name] ?? usual,
      c: IN_C[name] ?? name,
      value,
      ...(since === undefined ? {} : { since }),
    };
  });
}

/** A layout as claims: its size; the place, size and sign of each field. */
function layoutClaims(name: string, layout: Layout): Claim[] {
  const { c, fields, size } = layout;
  const headers = [layout.header];
  const field = (f: string) => `((${c} *)0)->${f}`;
  const claims: Claim[] = Object.entries(fields).flatMap(([f, [at, kind]]) => {
    const what = `${name} ${f}`;
    const [bytes, sign] = KINDS[kind];
    const POINTER = 5; // what an array decays to, <typeclass.h>
    const sizeInC = kind === "u8"
      ? `__builtin_classify_type(${field(f)}) == ${POINTER} ? 1 : ` +
        `sizeof(${field(f)})`
      : `sizeof(${field(f)})`;
    return [
      { what, headers, c: `offsetof(${c}, ${f})`, value: at },
      {
        what: `size of ${what}`,
        headers,
        c: sizeInC,
        value: bytes,
      },
      ...sign === undefined ? [] : [{
        what: `sign of ${what}`,
        headers,
        c: `(__typeof__(${field(f)}))-1 < (__typeof__(${field(f)}))0`,
        value: sign,
      }],
    ];
  });
  // Of a union, the kernel takes as much as we say: up to our last field.
  const last = Object.keys(fields).at(-1) ?? fail(`${name} has no fields`);
  const end = c.startsWith("union ")
    ? `offsetof(${c}, ${last}) + sizeof(${field(last)})`
    : `sizeof(${c})`;
  claims.push({ what: `size of ${name}`, headers, c: end, value: size });
  return claims;
}

function isLayout(value: object): value is Layout {
  return "c" in value && "header" in value && "fields" in value;
}

/** Everything that the files of `ffi/abi/` say about an architecture. */
async function claimsFor(arch: Arch): Promise<Claim[]> {
  const claims: Claim[] = [
    {
      what: "e_machine",
      headers: ["elf.h"],
      c: arch === "x86_64" ? "EM_X86_64" : "EM_AARCH64",
      value: ELF_MACHINE[arch],
    },
    { what: "AT_FDCWD", headers: ["fcntl.h"], c: "AT_FDCWD", value: AT_FDCWD },
    {
      what: "capability version",
      headers: ["linux/capability.h"],
      c: "_LINUX_CAPABILITY_VERSION_3",
      value: CAPABILITY_VERSION,
    },
    ...constantClaims("fcntl.ts", FCNTL_BY_ARCH[arch]),
    ...Object.entries(SYSCALL[arch]).map(([name, value]) => ({
      what: `${name} of ${arch}`,
      headers: ["asm/unistd.h"],
      c: `__NR_${name}`,
      value,
    })),
  ];
  const folder = `${checkout()}/ffi/abi`;
  const others = [...Deno.readDirSync(folder)].map(({ name }) => name).sort()
    .filter((name) => !/^(arch|syscall_.*)\.ts$/.test(name))
    .filter((name) => !OWN_TEST.includes(name));
  for (const file of others) {
    const exports: Record<string, unknown> = await import(`${folder}/${file}`);
    for (const [name, value] of Object.entries(exports)) {
      if (name === "FCNTL_BY_ARCH" || name === "FCNTL") continue;
      if (name === "CAPABILITY_VERSION") continue;
      if (typeof value !== "object" || value === null) {
        fail(`${file}: what is "${name}"?`);
      }
      if (isLayout(value)) claims.push(...layoutClaims(name, value));
      else claims.push(...constantClaims(file, { ...value }));
    }
  }
  return claims;
}

/** A C file for each set of headers, and one that calls them all. */
function sources(claims: readonly Claim[]): string[] {
  const groups = new Map<string, number[]>();
  claims.forEach(({ headers }, i) => {
    const key = headers.map((header) => `#include <${header}>\n`).join("");
    const group = groups.get(key) ?? [];
    groups.set(key, group);
    group.push(i);
  });
  const print = (i: number, c: string) =>
    `  printf("%d %lld\\n", ${i}, (long long)(${c}));`;
  const files = [...groups].map(([includes, group], n) => {
    const lines = group.map((i) => {
      const { c = "0", since } = claims[i] ?? {};
      if (since === undefined) return print(i, c);
      const version = `KERNEL_VERSION(${since.join(",")},0)`;
      return `#if LINUX_VERSION_CODE >= ${version}\n${print(i, c)}\n#endif`;
    });
    return `#define _GNU_SOURCE\n#include <stdio.h>\n#include <stddef.h>\n` +
      `#include <linux/version.h>\n${includes}void f${n}(void) {\n${
        lines.join("\n")
      }\n}\n`;
  });
  const calls = files.map((_, n) => `void f${n}(void); f${n}();`).join("\n");
  const version = print(-1, "LINUX_VERSION_CODE");
  files.push(
    `#include <stdio.h>\n#include <linux/version.h>\nint main(void) {\n` +
      `${version}\n${calls}\nreturn 0;\n}\n`,
  );
  return files;
}

/** Runs a command; fails the test with what it said. */
function run(command: string, ...args: string[]): string {
  const { success, stdout, stderr } = new Deno.Command(command, { args })
    .outputSync();
  const text = new TextDecoder();
  if (!success) fail(`${command}: ${text.decode(stderr).slice(0, 4000)}`);
  return text.decode(stdout);
}

/** Compiles and runs, and returns the values by number of the claim. */
function evaluate(arch: Arch, claims: readonly Claim[]): Map<number, number> {
  const folder = Deno.makeTempDirSync();
  try {
    const files = sources(claims).map((source, n) => {
      Deno.writeTextFileSync(`${folder}/${n}.c`, source);
      return `${folder}/${n}.c`;
    });
    const prefix = arch === Deno.build.arch ? "" : `${arch}-linux-gnu-`;
    const program = `${folder}/program`;
    run(`${prefix}gcc`, "-w", "-static", "-o", program, ...files);
    const output = prefix === ""
      ? run(program)
      : run(`qemu-${arch}-static`, program);
    return new Map(
      output.trim().split("\n").map((line) => {
        const [i = "", value = ""] = line.split(" ");
        return [Number(i), Number(value)];
      }),
    );
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

for (const arch of ARCHES) {
  Deno.test(`constants and layouts are those of C on ${arch}`, async () => {
    const claims = await claimsFor(arch);
    const values = evaluate(arch, claims);
    const code = values.get(-1) ?? fail("no version of the headers");
    const version = `${code >> 16}.${code >> 8 & 0xff}`;
    const wrong: string[] = [];
    claims.forEach(({ what, value, since }, i) => {
      const found = values.get(i);
      const wanted = value >= 2 ** 31 && found !== undefined && found < 0
        ? value - 2 ** 32 // an int in C, a mask here
        : value;
      if (found === wanted) return;
      if (found === undefined && since !== undefined) return;
      wrong.push(`${what} is ${value}, in C (headers of ${version}) ${found}`);
    });
    assertEquals(wrong, []);
    assert(claims.length > 350, `only ${claims.length} claims`);
  });
}

Deno.test("both architectures have a number for each system call", () => {
  const [first, second] = ARCHES.map((arch) => Object.keys(SYSCALL[arch]));
  assertEquals(second, first);
});
