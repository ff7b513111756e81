/**
 * Filters of system calls. getppid takes no arguments, so that a filter may
 * look at any; the calls are made by numbers, by a program that is static and
 * so needs few others.
 */
import type { Seccomp } from "../../mod/spec/seccomp.ts";
import { assert, assertEquals, assertIncludes } from "../support/assert.ts";
import { outputOf, runOnce } from "../support/bundle.ts";
import type { BundleOptions } from "../support/bundle.ts";
import { parseStatus } from "../support/process.ts";
import { setSeccomp } from "../support/engine_profile.ts";

const X86 = Deno.build.arch === "x86_64";
const GETPPID = X86 ? 110 : 173;

type Syscall = NonNullable<Seccomp["syscalls"]>[number];

/** What the helper prints for calls made under a filter. */
async function callsUnder(
  seccomp: Seccomp,
  calls: readonly string[],
  edit: NonNullable<BundleOptions["edit"]> = () => {},
): Promise<string[]> {
  const output = await outputOf({
    programs: ["system_call"],
    args: ["/test/system_call", ...calls],
    edit: (spec, bundle) => {
      setSeccomp(spec, seccomp);
      edit(spec, bundle);
    },
  });
  return output.split("\n");
}

/** A filter that allows all but getppid. */
function getppid(entry: Partial<Syscall>): Seccomp {
  return {
    defaultAction: "SCMP_ACT_ALLOW",
    syscalls: [{ names: ["getppid"], action: "SCMP_ACT_ERRNO", ...entry }],
  };
}

const ACTIONS: readonly (readonly [Partial<Syscall>, string])[] = [
  [{ action: "SCMP_ACT_ERRNO" }, "= -1"],
  [{ action: "SCMP_ACT_ERRNO", errnoRet: 77 }, "= -77"],
  [{ action: "SCMP_ACT_ERRNO", errnoRet: 0 }, "= 0"],
  [{ action: "SCMP_ACT_TRAP" }, `trap ${GETPPID}`],
  // Nobody traces it.
  [{ action: "SCMP_ACT_TRACE", errnoRet: 5 }, "= -38"],
  [{ action: "SCMP_ACT_KILL" }, "signal 31"],
  [{ action: "SCMP_ACT_KILL_THREAD" }, "signal 31"],
  [{ action: "SCMP_ACT_KILL_PROCESS" }, "signal 31"],
];

for (const [entry, wanted] of ACTIONS) {
  const errno = entry.errnoRet === undefined ? "" : ` and ${entry.errnoRet}`;
  Deno.test(`${entry.action}${errno} is what a system call meets: ${wanted}`, async () => {
    assertEquals(await callsUnder(getppid(entry), [`${GETPPID}`]), [wanted]);
  });
}

Deno.test("SCMP_ACT_LOG lets a system call be", async () => {
  const [line = ""] = await callsUnder(getppid({ action: "SCMP_ACT_LOG" }), [
    `${GETPPID}`,
  ]);
  assertEquals(line, "= 1");
});

Deno.test("SCMP_ACT_KILL_THREAD ends a thread, SCMP_ACT_KILL_PROCESS the process", async () => {
  const args = ["-t", `${GETPPID}`];
  const kill = (what: "THREAD" | "PROCESS") =>
    callsUnder(getppid({ action: `SCMP_ACT_KILL_${what}` }), args);
  assertEquals(await kill("THREAD"), ["thread gone"]);
  assertEquals(await kill("PROCESS"), ["signal 31"]);
});

const OPERATORS: readonly (readonly [
  op: string,
  values: readonly [number, number],
  refused: readonly string[],
  allowed: readonly string[],
])[] = [
  ["NE", [8, 0], ["7", "0x100000008"], ["8"]],
  ["LT", [8, 0], ["0", "7"], ["8", "0x100000000"]],
  ["LE", [8, 0], ["8"], ["9", "0x100000000"]],
  ["EQ", [0x100000008, 0], ["0x100000008"], ["8", "0x200000008"]],
  ["GE", [0x100000000, 0], ["0x100000000"], ["0xffffffff"]],
  ["GT", [8, 0], ["9", "0x100000000"], ["8"]],
  ["MASKED_EQ", [0xf0, 0x20], ["0x20", "0xf2f"], ["0x30", "0"]],
];

for (const [op, [value, valueTwo], refused, allowed] of OPERATORS) {
  Deno.test(`SCMP_CMP_${op} compares all 64 bits of an argument`, async () => {
    const args = [
      { index: 3, op: `SCMP_CMP_${op}` as "SCMP_CMP_EQ", value, valueTwo },
    ];
    const calls = [...refused, ...allowed].map((v) => `${GETPPID}:1:1:1:${v}`);
    const lines = await callsUnder(getppid({ args }), calls);
    const wanted = [...refused.map(() => "= -1"), ...allowed.map(() => "= 1")];
    assertEquals(lines, wanted);
  });
}

Deno.test("conditions on different arguments must all hold", async () => {
  const args = [
    { index: 0, op: "SCMP_CMP_EQ", value: 1 } as const,
    { index: 1, op: "SCMP_CMP_EQ", value: 2 } as const,
  ];
  const calls = ["1:2", "1:3", "0:2"].map((v) => `${GETPPID}:${v}`);
  assertEquals(await callsUnder(getppid({ args }), calls), [
    "= -1",
    "= 1",
    "= 1",
  ]);
});

Deno.test("of conditions on the same argument one must hold", async () => {
  const args = [1, 2].map((value) =>
    ({ index: 0, op: "SCMP_CMP_EQ", value }) as const
  );
  const calls = ["1", "2", "3"].map((v) => `${GETPPID}:${v}`);
  assertEquals(await callsUnder(getppid({ args }), calls), [
    "= -1",
    "= -1",
    "= 1",
  ]);
});

Deno.test("names that nobody knows are passed over", async () => {
  const names = ["no_such_call", "getppid"];
  assertEquals(await callsUnder(getppid({ names }), [`${GETPPID}`]), ["= -1"]);
});

Deno.test("a rule that says what the default says does no harm", async () => {
  const seccomp = getppid({});
  seccomp.syscalls?.push({ names: ["getpid"], action: "SCMP_ACT_ALLOW" });
  assertEquals(await callsUnder(seccomp, [`${GETPPID}`]), ["= -1"]);
});

for (const noNewPrivileges of [true, false]) {
  for (const uid of [0, 1000]) {
    const name = `user ${uid}, noNewPrivileges ${noNewPrivileges}`;
    Deno.test(`one filter is loaded for ${name}`, async () => {
      const args = ["cat", "/proc/self/status"];
      const status = parseStatus(
        await outputOf({
          args,
          edit: (spec) => {
            spec.process.noNewPrivileges = noNewPrivileges;
            spec.process.user = { uid, gid: uid };
            // getppid is what runc itself needs at that point.
            setSeccomp(spec, getppid({ names: ["getpriority"] }));
          },
        }),
      );
      assertEquals(status.Seccomp, "2");
      assertEquals(status.Seccomp_filters, "1");
      assertEquals(status.NoNewPrivs, noNewPrivileges ? "1" : "0");
      // CAP_SYS_ADMIN, which loading takes, is nowhere.
      for (const set of ["CapPrm", "CapEff", "CapInh", "CapBnd", "CapAmb"]) {
        const mask = BigInt(`0x${status[set]}`);
        assertEquals([set, mask >> 21n & 1n].join(), `${set},0`);
      }
    });
  }
}

Deno.test("without linux.seccomp there is no filter", async () => {
  const args = ["cat", "/proc/self/status"];
  assertEquals(parseStatus(await outputOf({ args })).Seccomp, "0");
});

Deno.test("startContainer hooks are filtered, those before are not", async () => {
  await using folder = {
    path: Deno.makeTempDirSync({ prefix: "burrow-test-" }),
    [Symbol.asyncDispose]() {
      return Deno.remove(this.path, { recursive: true });
    },
  };
  Deno.chmodSync(folder.path, 0o777);
  const hook = (name: string, file: string) => ({
    path: "/bin/sh",
    args: ["sh", "-c", `grep ^Seccomp: /proc/self/status >${file}/${name}`],
  });
  const { code, stderr } = await runOnce({
    args: ["true"],
    edit: (spec) => {
      setSeccomp(spec, getppid({}));
      spec.mounts.push({
        destination: "/mark",
        type: "bind",
        source: folder.path,
        options: ["rbind"],
      });
      spec.hooks = {
        createContainer: [hook("create", folder.path)],
        startContainer: [hook("start", "/mark")],
      };
    },
  });
  assertEquals(code, 0, stderr);
  const read = (name: string) =>
    Deno.readTextFileSync(`${folder.path}/${name}`).trim();
  assertEquals(read("create"), "Seccomp:\t0");
  assertEquals(read("start"), "Seccomp:\t2");
});

/** A filter over names, for what a static program needs. */
function allowing(rest: Partial<Seccomp>, ...more: Syscall[]): Seccomp {
  // The newest call that is named here is faccessat2 (439).
  const names = ["read", "write", "writev", "close", "execve", "exit_group"]
    .concat(["brk", "mmap", "munmap", "mprotect", "fstat", "newfstatat"])
    .concat(["arch_prctl", "set_tid_address", "set_robust_list", "rseq"])
    .concat(["prlimit64", "readlink", "readlinkat", "getrandom", "futex"])
    .concat(["rt_sigaction", "rt_sigprocmask", "clone", "fork", "wait4"])
    .concat(["pipe", "pipe2", "uname", "exit", "gettid", "getpid"])
    // What runtimes need under it.
    .concat(["capset", "capget", "prctl", "chdir", "getcwd", "setresuid"])
    .concat(["setuid", "setgid", "setresgid", "setgroups", "fcntl", "openat"])
    .concat(["statx", "stat", "fstatfs", "faccessat", "faccessat2"])
    .concat(["nanosleep", "epoll_pwait", "epoll_ctl", "epoll_create1"])
    .concat(["getdents64", "sigaltstack", "rt_sigreturn", "tgkill", "dup3"])
    .concat(["madvise", "lstat", "sched_yield", "getppid", "eventfd2"])
    .filter((name) => name !== "getppid");
  return {
    defaultAction: "SCMP_ACT_ERRNO",
    // Without it runc 1.1 does not look at newer calls.
    architectures: [X86 ? "SCMP_ARCH_X86_64" : "SCMP_ARCH_AARCH64"],
    ...rest,
    syscalls: [{ names, action: "SCMP_ACT_ALLOW" }, ...more],
  };
}

Deno.test("system calls newer than the profile fail with ENOSYS, older ones as it says", async () => {
  const seccomp = allowing({ defaultErrnoRet: 13 });
  // openat2 (437) is older than faccessat2, mount_setattr (442) newer.
  const calls = ["437:-1", "442:-1", "9999", `${GETPPID}`];
  assertEquals(await callsUnder(seccomp, calls), [
    "= -13",
    "= -38",
    "= -38",
    "= -13",
  ]);
});

Deno.test("a default action that allows leaves newer system calls to the kernel", async () => {
  // mount_setattr(-1): the kernel itself has something to say.
  const [line] = await callsUnder(getppid({}), ["442:-1:0:0:0:1"]);
  assertEquals(line, "= -22");
});

Deno.test("a default that kills answers newer system calls with ENOSYS", async () => {
  const seccomp = allowing({ defaultAction: "SCMP_ACT_KILL_PROCESS" });
  assertEquals(await callsUnder(seccomp, ["9999", `${GETPPID}`]), [
    "= -38",
    "signal 31",
  ]);
});

if (X86) {
  // int 0x80 in a program of 64 bits makes a call of the other architecture.
  const i386 = `i386:64`;

  Deno.test("calls of an architecture that the profile does not name kill", async () => {
    assertEquals(await callsUnder(getppid({}), [i386]), ["signal 31"]);
  });

  Deno.test("calls of a named architecture meet the rules, by their own numbers", async () => {
    const architectures = ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86"] as const;
    const seccomp = { ...getppid({}), architectures: [...architectures] };
    assertEquals(
      await callsUnder(seccomp, [i386, "i386:20", `${GETPPID}`]).then((l) => [
        l[0],
        l[1]?.startsWith("= "),
        l[2],
      ]),
      ["= -1", true, "= -1"],
    );
  });

  Deno.test("the native architecture is filtered where the profile names only others", async () => {
    const seccomp: Seccomp = {
      ...getppid({}),
      architectures: ["SCMP_ARCH_X86"],
    };
    assertEquals(await callsUnder(seccomp, [i386, `${GETPPID}`]), [
      "= -1",
      "= -1",
    ]);
  });

  Deno.test("newer calls of 32 bits fail with ENOSYS too", async () => {
    const seccomp = allowing({
      architectures: ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86"],
      defaultErrnoRet: 13,
    });
    assertEquals(await callsUnder(seccomp, ["i386:437:-1", "i386:442:-1"]), [
      "= -13",
      "= -38",
    ]);
  });
}

Deno.test("a filter that refuses the runtime's own calls is an error, and nothing is left", async () => {
  const { code, stderr } = await runOnce({
    edit: (spec) =>
      setSeccomp(spec, {
        defaultAction: "SCMP_ACT_ALLOW",
        syscalls: [{ names: ["execve", "execveat"], action: "SCMP_ACT_ERRNO" }],
      }),
  });
  assert(code !== 0);
  assertIncludes(stderr.toLowerCase(), "exec");
});
