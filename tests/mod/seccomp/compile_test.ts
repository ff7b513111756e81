import { compileRules } from "../../../mod/seccomp/compile.ts";
import type { Seccomp } from "../../../mod/spec/seccomp.ts";
import { assertEquals } from "../../support/assert.ts";

type Syscall = NonNullable<Seccomp["syscalls"]>[number];

/** The rules of a profile of one entry over ERRNO(1). */
function rulesOf(entry: Partial<Syscall>, rest: Partial<Seccomp> = {}) {
  return compileRules({
    defaultAction: "SCMP_ACT_ERRNO",
    ...rest,
    syscalls: [{ names: ["a"], action: "SCMP_ACT_ALLOW", ...entry }],
  });
}

Deno.test("compileRules() makes no filter where there is no default action", () => {
  assertEquals(compileRules({}), undefined);
  assertEquals(compileRules({ defaultAction: "" }), undefined);
});

Deno.test("compileRules() makes a filter of a default action alone", () => {
  const rules = compileRules({ defaultAction: "SCMP_ACT_KILL_PROCESS" });
  assertEquals(rules?.defaultAction, 0x80000000);
  assertEquals(rules?.rules, []);
});

Deno.test("compileRules() answers EPERM where no errno is given", () => {
  assertEquals(
    compileRules({ defaultAction: "SCMP_ACT_ERRNO" })?.defaultAction,
    0x50001,
  );
  const errno = rulesOf({ action: "SCMP_ACT_ERRNO" }, {
    defaultAction: "SCMP_ACT_ALLOW",
  });
  assertEquals(errno?.rules[0]?.action, 0x50001);
  const trace = rulesOf({ action: "SCMP_ACT_TRACE" });
  assertEquals(trace?.rules[0]?.action, 0x7ff00001);
});

Deno.test("compileRules() takes the errno that is given, 0 too", () => {
  const errno = (errnoRet: number) =>
    rulesOf({ action: "SCMP_ACT_ERRNO", errnoRet })?.rules[0]?.action;
  assertEquals(errno(38), 0x50026);
  assertEquals(errno(0), 0x50000);
  assertEquals(
    compileRules({ defaultAction: "SCMP_ACT_ERRNO", defaultErrnoRet: 38 })
      ?.defaultAction,
    0x50026,
  );
});

Deno.test("compileRules() leaves out what the default says, and only that", () => {
  assertEquals(rulesOf({ action: "SCMP_ACT_ERRNO" })?.rules, []);
  assertEquals(rulesOf({ action: "SCMP_ACT_ERRNO", errnoRet: 1 })?.rules, []);
  const other = rulesOf({ action: "SCMP_ACT_ERRNO", errnoRet: 2 });
  assertEquals(other?.rules.length, 1);
  // What is left out still says how new the profile is.
  assertEquals(rulesOf({ action: "SCMP_ACT_ERRNO" })?.names, ["a"]);
});

Deno.test("compileRules() joins conditions on different arguments", () => {
  const rules = rulesOf({
    args: [
      { index: 0, op: "SCMP_CMP_EQ", value: 1 },
      { index: 1, op: "SCMP_CMP_MASKED_EQ", value: 6, valueTwo: 2 },
    ],
  });
  const seen = rules?.rules.map(({ conditions }) =>
    conditions.map((c) => [c.index, c.operator, c.value, c.valueTwo].join(" "))
  );
  assertEquals(seen, [["0 4 1 0", "1 7 6 2"]]);
});

Deno.test("compileRules() takes conditions on one argument as alternatives", () => {
  const rules = rulesOf({
    args: [
      { index: 0, op: "SCMP_CMP_EQ", value: 1 },
      { index: 0, op: "SCMP_CMP_EQ", value: 2 },
      { index: 1, op: "SCMP_CMP_EQ", value: 3 },
    ],
  });
  assertEquals(
    rules?.rules.map(({ conditions }) => conditions.map((c) => `${c.value}`)),
    [["1"], ["2"], ["3"]],
  );
});

Deno.test("compileRules() allows speculation where no flags are given", () => {
  const flags = (flags?: Seccomp["flags"]) =>
    rulesOf({}, flags === undefined ? {} : { flags })?.flags;
  assertEquals(flags(), 4);
  assertEquals(flags([]), 0);
  assertEquals(flags(["SECCOMP_FILTER_FLAG_LOG"]), 2);
});

Deno.test("compileRules() waits killably only for a listener", () => {
  const flags = ["SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"] as const;
  const of = (action: Syscall["action"]) =>
    rulesOf({ action }, { flags: [...flags] })?.flags;
  assertEquals(of("SCMP_ACT_ALLOW"), 0);
  assertEquals(of("SCMP_ACT_NOTIFY"), 0x28);
});

Deno.test("compileRules() wants ENOSYS for newer calls where the default refuses", () => {
  const enosys = (rest: Partial<Seccomp>) => rulesOf({}, rest)?.enosys;
  assertEquals(enosys({}), true);
  assertEquals(enosys({ defaultAction: "SCMP_ACT_KILL" }), true);
  assertEquals(enosys({ defaultErrnoRet: 38 }), false);
  for (const word of ["ALLOW", "LOG", "TRACE"] as const) {
    const defaultAction = `SCMP_ACT_${word}` as const;
    const rules = rulesOf({ action: "SCMP_ACT_TRAP" }, { defaultAction });
    assertEquals(rules?.enosys, false);
  }
});
