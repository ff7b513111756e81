import {
  assertEquals,
  assertExcludes,
  assertGone,
  assertIncludes,
  assertMatch,
} from "../support/assert.ts";
import { type Bundle, makeBundle } from "../support/bundle.ts";
import { leaks, takeSnapshot } from "../support/leak.ts";
import { type Result, runtimePath, spawn } from "../support/runtime.ts";

/** Fails unless it is one clear line, status 1, and nothing is left. */
function assertOneLine({ code, stdout, stderr }: Result): void {
  assertEquals(code, 1, `exit status, with ${stderr}`);
  assertEquals(stdout, "", "stdout");
  assertEquals(stderr.trimEnd().split("\n").length, 1, `lines of ${stderr}`);
  // No stack trace, no file of ours, no panic.
  assertExcludes(stderr, ".ts:");
  assertExcludes(stderr, "    at ");
  assertExcludes(stderr, "panic");
}

/** Runs create on a config.json of this text. */
async function createFrom(text: string | undefined): Promise<string> {
  const before = takeSnapshot();
  await using bundle = makeBundle();
  const config = `${bundle.path}/config.json`;
  if (text === undefined) Deno.removeSync(config);
  else Deno.writeTextFileSync(config, text);
  const args = ["create", "--bundle", bundle.path, bundle.id];
  const result = await bundle.runtime(...args);
  assertOneLine(result);
  assertEquals(leaks(before, bundle.id, bundle.folder), []);
  return result.stderr;
}

/** The text of a config.json that `edit` has changed as plain data. */
function editedConfig(path: (string | number)[], value: unknown): string {
  const root = {
    ociVersion: "1.0.2",
    process: { user: { uid: 0, gid: 0 }, args: ["true"], cwd: "/" },
    root: { path: "rootfs" },
    mounts: [{ destination: "/proc", type: "proc", source: "proc" }],
    linux: { namespaces: [{ type: "mount" }] },
  };
  let at: Record<string | number, unknown> = root;
  for (const key of path.slice(0, -1)) at = at[key] as Record<string, unknown>;
  at[path.at(-1) ?? ""] = value;
  return JSON.stringify(root);
}

for (
  const [path, value, said] of [
    [["process", "args"], "true", "process.args"],
    [["process", "user", "uid"], "root", "process.user.uid"],
    [["process", "user", "uid"], -1, "process.user.uid"],
    [["mounts", 0, "destination"], 7, "mounts[0].destination"],
    [["linux", "namespaces", 0, "type"], "nonsense", "nonsense"],
    [["root"], "rootfs", "root"],
  ] as const
) {
  Deno.test(`config.json with ${path.join(".")} ${JSON.stringify(value)} is refused by file and path`, async () => {
    const stderr = await createFrom(editedConfig([...path], value));
    assertIncludes(stderr, "config.json");
    assertIncludes(stderr, said);
    assertIncludes(stderr, String(value));
  });
}

Deno.test("config.json that is no JSON is refused by line", async () => {
  const stderr = await createFrom('{\n  "ociVersion": nonsense\n}');
  assertIncludes(stderr, "config.json");
});

Deno.test("config.json may have comments and trailing commas", async () => {
  await using bundle = makeBundle();
  const config = `${bundle.path}/config.json`;
  const text = Deno.readTextFileSync(config);
  const body = text.replace(/\}$/, ",}");
  Deno.writeTextFileSync(config, `// by hand\n${body} /* end */`);
  assertEquals((await bundle.run()).code, 0);
});

Deno.test("unknown fields of config.json are passed over", async () => {
  await using bundle = makeBundle();
  Object.assign(bundle.spec, { future: { a: 1 } });
  Object.assign(bundle.spec.linux, { future: [] });
  bundle.write();
  const { code, stderr } = await bundle.run();
  assertEquals([code, stderr], [0, ""]);
});

Deno.test("a bundle without config.json is refused by name", async () => {
  const stderr = await createFrom(undefined);
  assertIncludes(stderr, "config.json");
  assertIncludes(stderr, "no such file or directory");
});

/** Commands that cannot work, and what is said. */
const COMMANDS: [string, (bundle: Bundle) => string[], RegExp][] = [
  ["an unknown flag", (b) => ["create", "--nonsense", b.id], /nonsense/],
  ["an unknown global flag", (b) => ["--nonsense", "state", b.id], /nonsense/],
  ["an unknown command", () => ["nonsense"], /nonsense/],
  ["a missing id", (b) => ["create", "--bundle", b.path], /id/i],
  [
    "too many arguments",
    (b) => ["create", "--bundle", b.path, b.id, "extra"],
    /extra|argument|too many/,
  ],
  [
    "a missing bundle",
    (b) => ["create", "--bundle", "/no/such/bundle", b.id],
    /\/no\/such\/bundle/,
  ],
  [
    "a flag without its value",
    (b) => ["create", b.id, "--bundle"],
    /bundle/,
  ],
  ["an unknown id", () => ["start", "unknown"], /unknown.*does not exist/],
  ["a bad id", (b) => ["create", "--bundle", b.path, "a/b"], /a\/b/],
];

for (const [what, args, said] of COMMANDS) {
  Deno.test(`${what} gets one clear line, and leaves nothing`, async () => {
    const before = takeSnapshot();
    await using bundle = makeBundle();
    const result = await bundle.runtime(...args(bundle));
    assertOneLine(result);
    assertMatch(result.stderr, said);
    assertEquals(leaks(before, bundle.id, bundle.folder), []);
  });
}

Deno.test("a duplicate id gets one clear line, and the first lives on", async () => {
  await using bundle = makeBundle();
  await bundle.create();
  const args = ["create", "--bundle", bundle.path, bundle.id];
  const result = await bundle.runtime(...args);
  assertOneLine(result);
  assertIncludes(result.stderr, "container with given ID already exists");
  assertEquals((await bundle.state()).status, "created");
});

for (const verb of ["create", "run"]) {
  Deno.test(`${verb} without root gets one clear line`, async () => {
    await using bundle = makeBundle();
    const { id, path, folder } = bundle;
    Deno.chmodSync(folder, 0o777);
    const state = `${folder}/other`;
    const running = spawn(
      folder,
      [runtimePath(), "--root", state, verb, "--bundle", path, id],
      { wrap: ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"] },
    );
    const result = await running.finished();
    assertOneLine(result);
    assertIncludes(result.stderr, "root");
    assertGone(`${state}/${id}`);
  });
}

Deno.test("a kernel without what we need gets one clear line", async () => {
  // A machine that says it is older is as good as one that is.
  await using bundle = makeBundle();
  const args = ["create", "--bundle", bundle.path, bundle.id];
  const result = await bundle.runtimeWith(
    { wrap: ["setarch", "--uname-2.6"] },
    ...args,
  );
  assertOneLine(result);
  assertIncludes(result.stderr, "5.15");
});

Deno.test("--help of the program and of each command explains it", async () => {
  await using bundle = makeBundle();
  const verbs = ["create", "start", "run", "state", "kill", "delete", "list"]
    .concat(["spec", "features", "plan", "do"]);
  const { stdout } = await bundle.ok("--help");
  for (const verb of verbs) {
    assertIncludes(stdout, verb);
    const help = await bundle.ok(verb, "--help");
    assertIncludes(help.stdout, verb);
    assertEquals(help.stderr, "");
  }
});

Deno.test("--version has the word version on its first line only", async () => {
  // dockerd takes the version from every line that has the word.
  await using bundle = makeBundle();
  const { stdout, stderr } = await bundle.ok("--version");
  assertEquals(stderr, "");
  const lines = stdout.trimEnd().split("\n");
  assertMatch(lines[0] ?? "", /^burrow version \S+$/);
  assertExcludes(lines.slice(1).join("\n"), "version");
  assertMatch(stdout, /^spec: 1\.\d+\.\d+$/m);
});
