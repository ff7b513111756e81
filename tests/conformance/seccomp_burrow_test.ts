/**
 * Filters, as far as only Burrow promises it: when they are loaded, what it
 * says where they cannot be, and what runc 1.1 does not know yet.
 */
import { lastCalls, laterCalls } from "../../mod/seccomp/remaining.ts";
import type { Seccomp } from "../../mod/spec/seccomp.ts";
import { assert, assertEquals, assertIncludes } from "../support/assert.ts";
import { eventually, exists } from "../support/assert.ts";
import { makeBundle, outputOf, runOnce } from "../support/bundle.ts";
import type { BundleOptions } from "../support/bundle.ts";
import { engineProfile, setSeccomp } from "../support/engine_profile.ts";
import { program } from "../support/fixture.ts";
import { host, spawn } from "../support/runtime.ts";
import { parseStatus } from "../support/process.ts";
import { mapUser } from "../support/spec.ts";

const GETPPID = Deno.build.arch === "x86_64" ? 110 : 173;
const NATIVE = Deno.build.arch === "x86_64"
  ? "SCMP_ARCH_X86_64"
  : "SCMP_ARCH_AARCH64";

/** A filter that refuses calls of these names. */
function refusing(...names: string[]): Seccomp {
  return {
    defaultAction: "SCMP_ACT_ALLOW",
    syscalls: [{ names, action: "SCMP_ACT_ERRNO", errnoRet: 77 }],
  };
}

/** The kinds of the steps that were made, from a trace. */
async function stepsOf(
  options: BundleOptions,
): Promise<{ name: string; args: Record<string, unknown> }[]> {
  await using bundle = makeBundle(options);
  const trace = `${bundle.folder}/trace`;
  const args = ["--trace", trace, "run", "--bundle", bundle.path, bundle.id];
  await bundle.ok(...args);
  return Deno.readTextFileSync(trace).trim().split("\n")
    .map((line) => JSON.parse(line));
}

/** Of two steps, is the first the earlier? */
async function isBeforeReexec(
  seccomp: Seccomp,
  noNewPrivileges: boolean,
  edit: NonNullable<BundleOptions["edit"]> = () => {},
): Promise<boolean> {
  const steps = await stepsOf({
    programs: ["system_call"],
    args: ["/test/system_call"],
    edit: (spec, bundle) => {
      spec.process.noNewPrivileges = noNewPrivileges;
      setSeccomp(spec, seccomp);
      edit(spec, bundle);
    },
  });
  const names = steps.map(({ name }) => name);
  assertEquals(names.filter((name) => name === "load-seccomp").length, 1);
  return names.indexOf("load-seccomp") < names.indexOf("reexec");
}

Deno.test("the engines' profiles are loaded before CAP_SYS_ADMIN is given away", async () => {
  for (const errno of [undefined, 1]) {
    assert(await isBeforeReexec(engineProfile([], errno), false));
  }
});

Deno.test("under no_new_privs a filter is loaded at the end", async () => {
  assert(!await isBeforeReexec(engineProfile(), true));
});

Deno.test("a filter that refuses a call of the second half is loaded at the end, and holds", async () => {
  const names = laterCalls(true).map(({ syscall }) => syscall)
    .filter((name) =>
      !lastCalls({ capset: true, hooks: true }).some(({ syscall }) =>
        syscall === name
      )
    );
  assert(!await isBeforeReexec(refusing(...names), false));
  for (const uid of [0, 1000]) {
    const output = await outputOf({
      programs: ["system_call"],
      args: ["/test/system_call", Deno.build.arch === "x86_64" ? "95" : "166"],
      edit: (spec) => {
        spec.process.noNewPrivileges = false;
        spec.process.user = { uid, gid: uid };
        setSeccomp(spec, refusing("umask"));
      },
    });
    assertEquals(output, "= -77");
  }
});

/** What a static program calls to begin, and no more than that. */
const STATIC = ["arch_prctl", "set_tid_address", "set_robust_list", "rseq"]
  .concat(["brk", "mmap", "munmap", "mprotect", "newfstatat", "fstat"])
  .concat(["prlimit64", "readlink", "readlinkat", "getrandom"]);

Deno.test("the calls that are counted on are all that are made: no others are allowed", async () => {
  const hooks = {
    startContainer: [{ path: "/test/system_call", env: ["A=b"] }],
  };
  for (const ambient of [[], ["CAP_KILL"]]) {
    const names = [
      ...laterCalls(true).map(({ syscall }): string => syscall),
      ...STATIC,
    ];
    const early = await isBeforeReexec(
      {
        defaultAction: "SCMP_ACT_KILL_PROCESS",
        architectures: [NATIVE],
        syscalls: [{ names: [...new Set(names)], action: "SCMP_ACT_ALLOW" }],
      },
      false,
      (spec) => {
        spec.hooks = hooks;
        const sets = spec.process.capabilities;
        if (sets !== undefined) {
          sets.inheritable = ambient;
          sets.ambient = ambient;
        }
      },
    );
    assert(early);
  }
});

Deno.test("the calls that are counted on at the end are all that are made", async () => {
  for (const withHooks of [false, true]) {
    for (const noNewPrivileges of [true, false]) {
      const facts = { capset: !noNewPrivileges, hooks: withHooks };
      const names = [
        ...lastCalls(facts).map(({ syscall }): string => syscall),
        ...STATIC,
      ];
      assert(
        !await isBeforeReexec(
          {
            defaultAction: "SCMP_ACT_KILL_PROCESS",
            architectures: [NATIVE],
            syscalls: [{ names, action: "SCMP_ACT_ALLOW" }],
          },
          noNewPrivileges,
          (spec) => {
            if (withHooks) {
              spec.hooks = { startContainer: [{ path: "/test/system_call" }] };
            }
          },
        ),
      );
    }
  }
});

Deno.test("parked behind a filter that was loaded last, no set holds CAP_SYS_ADMIN", async () => {
  await using bundle = makeBundle({
    edit: (spec) => {
      spec.process.noNewPrivileges = false;
      setSeccomp(spec, refusing("umask"));
    },
  });
  await bundle.create();
  const { pid } = await bundle.state();
  const status = parseStatus(Deno.readTextFileSync(`/proc/${pid}/status`));
  assertEquals(status.Seccomp, "2");
  for (const set of ["CapPrm", "CapEff", "CapInh", "CapBnd", "CapAmb"]) {
    const mask = BigInt(`0x${status[set]}`);
    assertEquals([set, mask >> 21n & 1n].join(), `${set},0`);
  }
});

Deno.test("a filter that refuses what must follow is an error that names the call", async () => {
  for (const name of ["read", "write", "execve", "close", "capset"]) {
    const { code, stderr } = await runOnce({
      edit: (spec) => {
        spec.process.noNewPrivileges = false;
        setSeccomp(spec, refusing(name));
      },
    });
    assertEquals(code, 1);
    assertIncludes(stderr, `linux.seccomp: the filter must allow "${name}"`);
  }
});

Deno.test("the step tells what is loaded, and not the program", async () => {
  const steps = await stepsOf({
    edit: (spec) => setSeccomp(spec, refusing("getppid", "umask")),
  });
  const step = steps.find(({ name }) => name === "load-seccomp");
  assertEquals(step?.args, {
    defaultAction: "SCMP_ACT_ALLOW",
    architectures: [],
    rules: 2,
    flags: 4,
  });
});

Deno.test("a filter is loaded in a user namespace too", async () => {
  for (const noNewPrivileges of [true, false]) {
    const output = await outputOf({
      programs: ["system_call"],
      args: ["/test/system_call", `${GETPPID}`],
      edit: (spec) => {
        spec.process.noNewPrivileges = noNewPrivileges;
        mapUser(spec);
        setSeccomp(spec, refusing("getppid"));
      },
    });
    assertEquals(output, "= -77");
  }
});

for (const flags of [undefined, [], ["LOG"], ["TSYNC"], ["SPEC_ALLOW"]]) {
  Deno.test(`a filter is loaded with flags ${flags ?? "absent"}`, async () => {
    const words = flags?.map((word) =>
      `SECCOMP_FILTER_FLAG_${word}` as "SECCOMP_FILTER_FLAG_LOG"
    );
    const seccomp = {
      ...refusing("getppid"),
      ...words === undefined ? {} : { flags: words },
    };
    const output = await outputOf({
      programs: ["system_call"],
      args: ["/test/system_call", `${GETPPID}`],
      edit: (spec) => setSeccomp(spec, seccomp),
    });
    assertEquals(output, "= -77");
  });
}

Deno.test("a missing library is an error that says what to install", async () => {
  const library = host("ldconfig", "-p").split("\n")
    .find((line) => line.includes("libseccomp.so.2"))?.split(" => ")[1] ?? "";
  const hide = 'mount --bind /dev/null "$0" && exec "$@"';
  const wrap = ["unshare", "-m", "sh", "-c", hide, library];
  const { code, stderr } = await runOnce(
    { edit: (spec) => setSeccomp(spec, refusing("getppid")) },
    { wrap },
  );
  assertEquals(code, 1);
  assertIncludes(stderr, "linux.seccomp: cannot load libseccomp.so.2");
  assertIncludes(stderr, "install");
  // It is opened for those who ask for a filter only.
  assertEquals((await runOnce({}, { wrap })).code, 0);
});

Deno.test("a listener's path may be longer than a socket's address", async () => {
  await using bundle = makeBundle({
    programs: ["system_call"],
    args: ["/test/system_call", `${GETPPID}`],
  });
  const folder = `${bundle.folder}/${"long".repeat(30)}`;
  Deno.mkdirSync(folder);
  setSeccomp(bundle.spec, {
    defaultAction: "SCMP_ACT_ALLOW",
    listenerPath: `${folder}/socket`,
    syscalls: [{ names: ["getppid"], action: "SCMP_ACT_NOTIFY" }],
  });
  bundle.write();
  const listener = spawn(bundle.folder, [
    program("notify_listener"),
    `${folder}/socket`,
    `${bundle.folder}/message`,
    "77",
  ]);
  await eventually("the listener", () => exists(`${folder}/socket`));
  assertEquals((await bundle.run()).stdout, "= -77\n");
  assertEquals((await listener.finished()).code, 0);
});

Deno.test("features tells of seccomp", async () => {
  await using bundle = makeBundle();
  const { linux } = JSON.parse((await bundle.ok("features")).stdout);
  assertEquals(linux.seccomp.enabled, true);
  assertEquals(linux.seccomp.actions.length, 9);
  assertEquals(linux.seccomp.operators.length, 7);
  assertIncludes(linux.seccomp.archs as string[], NATIVE);
  assertEquals(linux.seccomp.knownFlags.length, 4);
  assertIncludes(
    linux.seccomp.supportedFlags as string[],
    "SECCOMP_FILTER_FLAG_LOG",
  );
});
