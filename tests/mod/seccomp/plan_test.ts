import { ARCH, SYSCALL } from "../../../ffi/abi/arch.ts";
import { SECCOMP } from "../../../ffi/abi/seccomp.ts";
import type { SyscallName } from "../../../ffi/abi/syscall_x86_64.ts";
import { planSeccomp } from "../../../mod/seccomp/plan.ts";
import type { SeccompFacts } from "../../../mod/seccomp/plan.ts";
import { assemble } from "../../../mod/seccomp/program.ts";
import { assertEquals, assertIncludes, fail } from "../../support/assert.ts";

const SETS = { effective: ["CAP_KILL"], permitted: [], inheritable: [] };

/** Plans a filter that answers some calls with `value`, and allows the rest. */
function plan(
  names: readonly SyscallName[],
  value: number,
  facts: Partial<SeccompFacts> = {},
) {
  const program = assemble([
    { code: 0x20, jt: 0, jf: 0, k: 0 },
    ...names.flatMap((name) => [
      { code: 0x15, jt: 0, jf: 1, k: SYSCALL[ARCH][name] },
      { code: 6, jt: 0, jf: 0, k: value },
    ]),
    { code: 6, jt: 0, jf: 0, k: SECCOMP.SECCOMP_RET_ALLOW },
  ]);
  const rules = {
    defaultAction: 0,
    architectures: [],
    rules: [],
    names: [],
    flags: 0,
    enosys: false,
  };
  return planSeccomp({ defaultAction: "SCMP_ACT_ALLOW" }, { rules, program }, {
    noNewPrivileges: false,
    hooks: false,
    capabilities: SETS,
    more: [],
    ...facts,
  });
}

/** Fails unless a plan is refused with these words. */
function assertThrows(make: () => unknown, words: string): void {
  try {
    make();
  } catch (error) {
    return assertIncludes((error as Error).message, words);
  }
  fail(`not refused: ${words}`);
}

const ERRNO = SECCOMP.SECCOMP_RET_ERRNO | 1;

Deno.test("planSeccomp() loads before the re-exec what lets the rest pass", () => {
  const { when, retain, step } = plan(["mount"], ERRNO);
  assertEquals([when, retain, step.capabilities], ["early", false, undefined]);
});

Deno.test("planSeccomp() loads last under no_new_privs, and keeps nothing for it", () => {
  const { when, retain, step } = plan([], 0, { noNewPrivileges: true });
  assertEquals([when, retain, step.capabilities], ["late", false, undefined]);
});

Deno.test("planSeccomp() loads last what refuses a call of the second half", () => {
  const names = ["execveat", "statx", "setresuid", "prctl", "umask"] as const;
  for (const name of names) {
    const { when, retain, step } = plan([name], ERRNO);
    assertEquals([name, when, retain], [name, "late", true]);
    assertEquals(step.capabilities, SETS);
  }
});

Deno.test("planSeccomp() takes calls for granted that are only logged", () => {
  assertEquals(plan(["statx"], SECCOMP.SECCOMP_RET_LOG).when, "early");
});

Deno.test("planSeccomp() counts a listener, a tracer and a trap as refusals", () => {
  const { SECCOMP_RET_USER_NOTIF, SECCOMP_RET_TRACE, SECCOMP_RET_TRAP } =
    SECCOMP;
  const values = [SECCOMP_RET_USER_NOTIF, SECCOMP_RET_TRACE, SECCOMP_RET_TRAP];
  for (const value of values) {
    assertEquals(plan(["openat"], value).when, "late");
  }
});

Deno.test("planSeccomp() looks at what only some specs need", () => {
  const more = [{ syscall: "set_mempolicy" } as const];
  assertEquals(plan(["set_mempolicy"], ERRNO).when, "early");
  assertEquals(plan(["set_mempolicy"], ERRNO, { more }).when, "late");
});

Deno.test("planSeccomp() names the call without which nothing can be started", () => {
  for (const name of ["read", "write", "execve", "close"] as const) {
    for (const noNewPrivileges of [true, false]) {
      assertThrows(
        () => plan([name], ERRNO, { noNewPrivileges }),
        `must allow "${name}"`,
      );
    }
  }
  assertThrows(() => plan(["capset"], ERRNO), 'must allow "capset"');
  plan(["capset"], ERRNO, { noNewPrivileges: true });
  // Harmless to refuse, not to die of.
  plan(["getpid"], ERRNO, { noNewPrivileges: true });
  assertThrows(() => plan(["getpid"], 0), 'must allow "getpid"');
});

Deno.test("planSeccomp() wants calls for startContainer hooks where there are any", () => {
  const facts = { noNewPrivileges: true };
  for (const name of ["clone", "dup3", "wait4", "close_range"] as const) {
    plan([name], ERRNO, facts);
    assertThrows(
      () => plan([name], ERRNO, { ...facts, hooks: true }),
      `must allow "${name}"`,
    );
  }
});
