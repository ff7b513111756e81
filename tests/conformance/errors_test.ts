import {
  assert,
  assertEquals,
  assertExcludes,
  assertIncludes,
} from "../support/assert.ts";
import type { Bundle } from "../support/bundle.ts";
import { makeBundle } from "../support/bundle.ts";
import { isRunc } from "../support/runtime.ts";

/** Globals that write a JSON log, and its lines. */
function logged(bundle: Bundle) {
  const path = `${bundle.folder}/log.json`;
  return {
    path,
    globals: ["--log", path, "--log-format", "json"],
    lines: () =>
      Deno.readTextFileSync(path).trim().split("\n")
        .map((line) => JSON.parse(line) as Record<string, string>),
  };
}

/** Commands that fail, and what must be told. */
const FAILURES: [what: string, args: (b: Bundle) => string[], text: string][] =
  [
    ["a state of nobody", () => ["state", "nobody"], "does not exist"],
    ["a start of nobody", () => ["start", "nobody"], "does not exist"],
    ["a kill of nobody", () => ["kill", "nobody", "KILL"], "does not exist"],
    ["a delete of nobody", () => ["delete", "nobody"], "does not exist"],
    ["an exec of nobody", () => ["exec", "nobody", "true"], "does not exist"],
    ["a pause of nobody", () => ["pause", "nobody"], "does not exist"],
    [
      "a missing program",
      (b) => ["create", "--bundle", b.path, b.id],
      'exec: "missing": executable file not found in $PATH',
    ],
    [
      "an unknown option of a command",
      () => ["state", "--nosuch", "a"],
      "flag provided but not defined: -",
    ],
  ];

for (const [what, args, text] of FAILURES) {
  Deno.test(`${what} is one JSON line in the log, and text on stderr`, async () => {
    await using bundle = makeBundle({ args: ["missing"] });
    const log = logged(bundle);
    const { code, stderr } = await bundle.runtime(
      ...log.globals,
      ...args(bundle),
    );
    assert(code !== 0, "it fails");
    const lines = log.lines();
    // runc warns in the same file of what has to do with cgroups.
    const errors = lines.filter(({ level }) => level === "error");
    if (!isRunc()) assertEquals(lines.length, 1);
    assertEquals(errors.length, 1);
    assertIncludes(errors[0]?.msg ?? "", text);
    assert(
      !Number.isNaN(Date.parse(errors[0]?.time ?? "")),
      "time is RFC 3339",
    );
    assertIncludes(stderr, text);
    assertExcludes(stderr, '"level"');
    assert(stderr.length < 8191 || isRunc(), "conmon reads 8191 bytes");
  });
}

Deno.test("a success leaves the log empty", async () => {
  await using bundle = makeBundle();
  const log = logged(bundle);
  await bundle.ok(...log.globals, "create", "--bundle", bundle.path, bundle.id);
  assertEquals(Deno.readTextFileSync(log.path), "");
});

Deno.test("a text log has the error too", async () => {
  await using bundle = makeBundle();
  const path = `${bundle.folder}/log`;
  await bundle.runtime("--log", path, "state", "nobody");
  const text = Deno.readTextFileSync(path);
  assertIncludes(text, "level=error");
  assertIncludes(text, "does not exist");
});

for (const command of ["checkpoint", "restore"]) {
  Deno.test(`${command} of nobody fails`, async () => {
    await using bundle = makeBundle();
    const { code } = await bundle.runtime(command, "nobody");
    assert(code !== 0, "it fails");
  });
}

Deno.test("delete --force of nobody is no error", async () => {
  await using bundle = makeBundle();
  await bundle.ok("delete", "--force", "nobody");
});

Deno.test("globals may be repeated, and the last wins", async () => {
  await using bundle = makeBundle();
  await bundle.create();
  const elsewhere = `${bundle.folder}/elsewhere`;
  const args = ["--root", elsewhere, `--root=${bundle.stateRoot}`];
  const { stdout } = await bundle.ok(...args, "state", bundle.id);
  assertEquals(JSON.parse(stdout).id, bundle.id);
});
