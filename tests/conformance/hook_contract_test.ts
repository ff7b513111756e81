import {
  assert,
  assertEquals,
  assertExcludes,
  assertIncludes,
  assertMatch,
} from "../support/assert.ts";
import {
  type Bundle,
  type ContainerState,
  makeBundle,
} from "../support/bundle.ts";
import { program } from "../support/fixture.ts";
import { type CommandOptions, isRunc } from "../support/runtime.ts";
import type { HookName, SpecHook } from "../support/spec.ts";

/** Hooks that run on the host's tree, so that their report lies in `folder`. */
const ON_HOST: HookName[] = ["prestart", "createRuntime", "createContainer"];
const AFTER: HookName[] = ["poststart", "poststop"];
const ALL: HookName[] = [...ON_HOST, "startContainer", ...AFTER];

/** What report_hook wrote down. */
interface Report {
  argv: string[];
  env: string[];
  cwd: string;
  fd: string[];
  pid: number;
  ns: Record<string, string>;
  state: ContainerState & { root?: string };
  stdin: string;
}

/** The hook of a kind; `extra` replaces its fields. */
function reportHook(
  bundle: Bundle,
  name: HookName,
  extra: Partial<SpecHook> = {},
): SpecHook {
  const inContainer = name === "startContainer";
  const file = inContainer
    ? "/tmp/startContainer"
    : `${bundle.folder}/out/${name}`;
  return {
    path: inContainer ? "/test/report_hook" : program("report_hook"),
    args: ["argv zero", file],
    ...extra,
  };
}

/** Reads the report of a kind. */
function readReport(bundle: Bundle, name: HookName): Report {
  const file = name === "startContainer"
    ? `${bundle.rootfs}/tmp/startContainer`
    : `${bundle.folder}/out/${name}`;
  const text = Deno.readTextFileSync(file);
  const lines = text.split("\n").map((line) => line.split(" "));
  const all = (word: string) =>
    lines.filter(([first]) => first === word).map((words) => words.slice(1));
  const stdin = text.slice(text.indexOf("\nstdin ") + 7).trimEnd();
  return {
    argv: all("argv").map((words) => words.slice(1).join(" ")),
    env: all("env").map((words) => words.join(" ")),
    cwd: all("cwd")[0]?.join(" ") ?? "",
    fd: all("fd").map((words) => words.join(" ")),
    pid: Number(all("pid")[0]?.[0]),
    ns: Object.fromEntries(all("ns") as [string, string][]),
    state: JSON.parse(stdin),
    stdin,
  };
}

/** A bundle with a report hook of each kind of `names`. */
function makeReporting(
  names: HookName[],
  extra: Partial<SpecHook> = {},
): Bundle {
  return makeBundle({
    programs: ["report_hook"],
    edit: (spec, bundle) => {
      Deno.mkdirSync(`${bundle.folder}/out`);
      spec.annotations = { "org.example.path": "/a/b" };
      spec.hooks = Object.fromEntries(
        names.map((name) => [name, [reportHook(bundle, name, extra)]]),
      );
    },
  });
}

/** Creates, starts and deletes a container, and returns its pid on the host. */
async function live(bundle: Bundle, how: CommandOptions = {}) {
  await bundle.create(how);
  const { pid } = await bundle.state();
  const succeed = async (...args: string[]) => {
    const { code, stderr } = await bundle.runtimeWith(how, ...args);
    assertEquals(code, 0, stderr);
  };
  await succeed("start", bundle.id);
  await succeed("delete", "--force", bundle.id);
  return pid;
}

/** The status that a hook of each kind sees. */
const STATUS: Record<HookName, string> = {
  prestart: "creating",
  createRuntime: "creating",
  createContainer: "creating",
  startContainer: "created",
  // runc 1.1.5 looks before the program has taken the fifo away.
  poststart: isRunc() ? "created" : "running",
  poststop: "stopped",
};

for (const name of ALL) {
  Deno.test(`a ${name} hook reads its state to the end of its input`, async () => {
    await using bundle = makeReporting([name]);
    const pid = await live(bundle);
    const { state, stdin } = readReport(bundle, name);
    assertEquals(state.id, bundle.id);
    assertEquals(state.bundle, bundle.path, "bundle");
    assertEquals(state.annotations, { "org.example.path": "/a/b" });
    assertMatch(state.ociVersion, /^1\.\d+\.\d+/);
    assertEquals(state.status, STATUS[name], "status");
    // A hook in the container's namespaces is told the pid that the container
    // itself sees: runtime.md, "State".
    if (ON_HOST.includes(name) || name === "poststart") {
      const own = name === "createContainer" ? 1 : pid;
      assertEquals(state.pid, own, "pid");
    }
    // Slashes are not escaped: hooks written as shell scripts look for them.
    assertExcludes(stdin, "\\/");
  });

  Deno.test(`a ${name} hook gets its argv and only the env that it names`, async () => {
    const env = ["ONLY=this", "EMPTY="];
    await using bundle = makeReporting([name], { env });
    await live(bundle);
    const { argv, env: seen } = readReport(bundle, name);
    const file = reportHook(bundle, name).args?.[1] ?? "";
    assertEquals(argv, ["argv zero", file]);
    assertEquals(seen, env);
  });

  Deno.test(`a ${name} hook gets no descriptors but 0, 1 and 2`, async () => {
    await using bundle = makeReporting([name]);
    await live(bundle, { redirect: "7</etc/passwd" });
    const { fd } = readReport(bundle, name);
    // runc 1.1.5 leaks its own into createContainer, its caller's to poststop.
    if (isRunc() && ["createContainer", "poststop"].includes(name)) return;
    assertEquals(fd.map((line) => line.split(" ")[0]), ["0", "1", "2"]);
  });
}

Deno.test("hooks in the runtime's namespaces inherit its environment when env is absent", async () => {
  await using bundle = makeReporting([
    "prestart",
    "createRuntime",
    ...AFTER,
  ]);
  await live(bundle, { env: { MARK: "inherited" } });
  for (const name of ["prestart", "createRuntime", ...AFTER] as HookName[]) {
    assertIncludes(readReport(bundle, name).env, "MARK=inherited", name);
  }
});

Deno.test("a createContainer hook has no environment of the runtime or the image when env is absent", async () => {
  // CVE-2025-23266: LD_PRELOAD of the image's env ran in the hook.
  await using bundle = makeReporting(["createContainer"]);
  bundle.spec.process.env.push("LD_PRELOAD=/proc/self/cwd/evil.so");
  bundle.write();
  await live(bundle, { env: { MARK: "inherited" } });
  const { env } = readReport(bundle, "createContainer");
  assertExcludes(env, "MARK=inherited");
  // runc before 1.3 had set the container's variables by then.
  if (!isRunc()) assertEquals(env, []);
});

Deno.test("a hook with an empty args list is still run", async () => {
  await using bundle = makeBundle({
    edit: (spec) => {
      spec.hooks = { createRuntime: [{ path: "/bin/true" }] };
    },
  });
  assertEquals((await bundle.run()).code, 0);
});

Deno.test("hooks in the runtime's namespaces start in the bundle", async () => {
  const names: HookName[] = ["prestart", "createRuntime", ...AFTER];
  await using bundle = makeReporting(names);
  await bundle.ok("run", "--bundle", bundle.path, bundle.id);
  for (const name of names) {
    assertEquals(readReport(bundle, name).cwd, bundle.path, name);
  }
});

Deno.test("a createContainer hook starts in the container's root", async () => {
  await using bundle = makeReporting(["createContainer"]);
  await live(bundle);
  const { cwd } = readReport(bundle, "createContainer");
  assertEquals(cwd, bundle.rootfs);
});

Deno.test("hooks run in the namespaces that the specification names", async () => {
  await using bundle = makeReporting(ALL);
  await bundle.create();
  const { pid } = await bundle.state();
  const kinds = ["mnt", "net", "ipc", "uts", "pid"];
  const read = (of: number | "self") =>
    kinds.map((kind) => Deno.readLinkSync(`/proc/${of}/ns/${kind}`));
  const inside = read(pid);
  const outside = read("self");
  await bundle.ok("start", bundle.id);
  await bundle.ok("delete", "--force", bundle.id);
  for (const name of ALL) {
    const { ns } = readReport(bundle, name);
    const within = name === "createContainer" || name === "startContainer";
    const wanted = within ? inside : outside;
    const seen = kinds.map((kind) => ns[kind] ?? "");
    assertEquals(seen, wanted, name);
  }
  assert(inside[0] !== outside[0], "the container has its own mounts");
});

Deno.test("a createContainer hook sees the container's mounts below the bundle", async () => {
  await using bundle = makeBundle({
    edit: (spec, { folder }) => {
      spec.mounts.push({
        destination: "/data",
        type: "tmpfs",
        source: "tmpfs",
      });
      const script = `cat /proc/self/mountinfo > ${folder}/seen; ` +
        `test -e proc/self/status && test -c dev/null && test -L dev/fd`;
      spec.hooks = {
        createContainer: [{ path: "/bin/sh", args: ["sh", "-c", script] }],
      };
    },
  });
  const { code, stderr } = await bundle.run();
  assertEquals(code, 0, stderr);
  const seen = Deno.readTextFileSync(`${bundle.folder}/seen`);
  for (const point of ["", "/proc", "/dev", "/sys", "/data"]) {
    assertIncludes(seen, ` ${bundle.rootfs}${point} `);
  }
});

Deno.test("a createContainer hook's path is looked up on the host", async () => {
  await using bundle = makeReporting(["createContainer"]);
  // Nothing of that name is in the root.
  await live(bundle);
  assertEquals(readReport(bundle, "createContainer").argv[0], "argv zero");
});
