import {
  assert,
  assertEquals,
  assertIncludes,
  assertMatch,
} from "../support/assert.ts";
import { makeBundle } from "../support/bundle.ts";
import { isRunc } from "../support/runtime.ts";

Deno.test("state has the fields that callers read, and nothing on stderr", async () => {
  await using bundle = makeBundle({
    edit: (spec) => {
      spec.annotations = { "org.example": "a value" };
    },
  });
  await bundle.create();
  const { stdout, stderr } = await bundle.ok("state", bundle.id);
  assertEquals(stderr, "");
  const state = JSON.parse(stdout);
  assertEquals(state.id, bundle.id);
  assertEquals(state.status, "created");
  assertEquals(state.bundle, bundle.path);
  assertEquals(state.rootfs, bundle.rootfs);
  assertEquals(state.annotations, { "org.example": "a value" });
  assertEquals(typeof state.pid, "number");
  assertEquals(typeof state.owner, "string");
  assertMatch(state.ociVersion, /^1\.\d+\.\d+/);
  assertMatch(state.created, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/);
  const age = Date.now() - Date.parse(state.created);
  assert(age > -1_000 && age < 60_000, `created ${age} ms ago`);
});

Deno.test("state leaves annotations out where there are none", async () => {
  await using bundle = makeBundle();
  await bundle.create();
  assertEquals("annotations" in await bundle.state(), false);
});

Deno.test("state of a relative bundle names it by its absolute path", async () => {
  await using bundle = makeBundle();
  const { code, stderr } = await bundle.runtimeWith(
    { cwd: bundle.folder },
    ...["create", "--bundle", "./bundle", bundle.id],
  );
  assertEquals(code, 0, stderr);
  assertEquals((await bundle.state()).bundle, bundle.path);
});

Deno.test("list --format json has an entry for each container", async () => {
  await using bundle = makeBundle();
  await bundle.create();
  const { stdout, stderr } = await bundle.ok("list", "--format", "json");
  assertEquals(stderr, "");
  const [entry, ...more] = JSON.parse(stdout);
  assertEquals(more, []);
  assertEquals(entry.id, bundle.id);
  assertEquals(entry.status, "created");
  assertEquals(entry.bundle, bundle.path);
  assertEquals(entry.pid, (await bundle.state()).pid);
  assertEquals(entry.owner, "root");
});

Deno.test("list prints a table with six columns", async () => {
  await using bundle = makeBundle();
  await bundle.create();
  const { pid } = await bundle.state();
  const { stdout } = await bundle.ok("list");
  const [head = "", row = "", ...more] = stdout.trimEnd().split("\n");
  assertEquals(more, []);
  const columns = ["ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER"];
  assertEquals(head.trim().split(/\s+/), columns);
  const cells = row.trim().split(/\s+/);
  const start = [bundle.id, String(pid), "created", bundle.path];
  assertEquals(cells.slice(0, 4), start);
  assertEquals(cells[5], "root");
  // Columns stand below their names.
  assertEquals(row.indexOf(String(pid)), head.indexOf("PID"));
});

Deno.test("list --quiet prints only the ids", async () => {
  await using bundle = makeBundle();
  await bundle.create();
  const { stdout } = await bundle.ok("list", "--quiet");
  assertEquals(stdout, `${bundle.id}\n`);
});

Deno.test("list of a root without containers is empty", async () => {
  await using bundle = makeBundle();
  Deno.mkdirSync(bundle.stateRoot);
  const json = await bundle.ok("list", "--format", "json");
  assertEquals(JSON.parse(json.stdout) ?? [], []);
  assertEquals((await bundle.ok("list", "-q")).stdout, "");
});

Deno.test("list refuses an unknown format", async () => {
  await using bundle = makeBundle();
  Deno.mkdirSync(bundle.stateRoot);
  const { code, stderr } = await bundle.runtime("list", "--format", "xml");
  assertEquals(code, 1);
  assertIncludes(stderr, "format");
});

Deno.test("a folder without state does not exist, list goes on, and delete --force removes it", async () => {
  await using bundle = makeBundle();
  await bundle.create();
  Deno.mkdirSync(`${bundle.stateRoot}/broken`);
  const { code, stderr } = await bundle.runtime("state", "broken");
  assertEquals(code, 1);
  assertIncludes(stderr, "does not exist");
  const { stdout } = await bundle.ok("list", "--quiet");
  assertEquals(stdout, `${bundle.id}\n`);
  await bundle.ok("delete", "--force", "broken");
  const left = [...Deno.readDirSync(bundle.stateRoot)].map(({ name }) => name);
  assertEquals(left.includes("broken"), false, left.join(" "));
});

Deno.test("--log receives one JSON line when a command fails", async () => {
  await using bundle = makeBundle();
  const log = `${bundle.folder}/log.json`;
  const args = ["--log", log, "--log-format", "json", "start", "unknown"];
  const { code, stderr } = await bundle.runtime(...args);
  assertEquals(code, 1);
  assertIncludes(stderr, "does not exist");
  const lines = Deno.readTextFileSync(log).trimEnd().split("\n");
  const entry = JSON.parse(lines.pop() ?? "");
  assertEquals(entry.level, "error");
  assertIncludes(entry.msg, "does not exist");
  assertMatch(entry.time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d/);
  // podman parses the file as one object.
  assertEquals(lines, []);
});

Deno.test("--log json gets its line for an unknown flag too", async () => {
  await using bundle = makeBundle();
  const log = `${bundle.folder}/log.json`;
  const args = ["--log", log, "--log-format", "json", "create", "--nonsense"];
  const { code } = await bundle.runtime(...args, bundle.id);
  assertEquals(code, 1);
  if (isRunc()) return; // runc 1.1.5 prints its help, and logs nothing.
  const lines = Deno.readTextFileSync(log).trimEnd().split("\n");
  assertEquals(lines.length, 1);
  assertIncludes(JSON.parse(lines[0] ?? "").msg, "nonsense");
});

Deno.test("spec writes a config.json that runs, and does not overwrite one", async () => {
  await using bundle = makeBundle();
  Deno.removeSync(`${bundle.path}/config.json`);
  await bundle.ok("spec", "--bundle", bundle.path);
  const path = `${bundle.path}/config.json`;
  const spec = JSON.parse(Deno.readTextFileSync(path));
  assertEquals(spec.root.path, "rootfs");
  const again = await bundle.runtime("spec", "--bundle", bundle.path);
  assertEquals(again.code, 1);
  assertIncludes(again.stderr, "exists");
  spec.process.terminal = false;
  spec.process.args = ["sh", "-c", "exit 4"];
  Deno.writeTextFileSync(path, JSON.stringify(spec));
  assertEquals((await bundle.run()).code, 4);
});
