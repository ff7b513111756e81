import { assertEquals, assertMatch, eventually } from "../support/assert.ts";
import { makeBundle, outputOf, runOnce } from "../support/bundle.ts";
import { waitForOrphan } from "../support/process.ts";

Deno.test("run passes standard input, output and error", async () => {
  const { code, stdout, stderr } = await runOnce(
    { args: ["sh", "-c", "read line; echo out $line; echo err >&2"] },
    { stdin: "hello\n" },
  );
  assertEquals([code, stdout, stderr], [0, "out hello\n", "err\n"]);
});

Deno.test("run passes megabytes on without loss", async () => {
  const script = "dd if=/dev/zero bs=1k count=3000 2>/dev/null | tr '\\0' x";
  const { stdout } = await runOnce({ args: ["sh", "-c", script] });
  assertEquals(stdout.length, 3_072_000);
});

Deno.test("run ends when the program ends, whoever holds its output", async () => {
  const script = "sleep 100 & echo done";
  const { code, stdout } = await runOnce(
    { args: ["sh", "-c", script] },
    { deadlineMs: 20_000 },
  );
  assertEquals([code, stdout], [0, "done\n"]);
});

Deno.test("a created container inherits the streams of create", async () => {
  await using bundle = makeBundle({
    args: ["sh", "-c", "cat; echo err >&2"],
  });
  const args = ["create", "--bundle", bundle.path, bundle.id];
  const create = bundle.spawn({ stdin: "from create" }, ...args);
  await create.finished();
  const { pid } = await bundle.state();
  await bundle.ok("start", bundle.id);
  await waitForOrphan(pid);
  await eventually("output", () => create.stdout() === "from create");
  assertEquals(create.stderr(), "err\n");
});

Deno.test("create and start print nothing when all is well", async () => {
  await using bundle = makeBundle();
  const created = await bundle.create();
  assertEquals(created.stdout + created.stderr, "");
  const started = await bundle.ok("start", bundle.id);
  assertEquals(started.stdout + started.stderr, "");
});

Deno.test("the program has no descriptors but 0, 1 and 2", async () => {
  // CVE-2024-21626 began with one too many.
  const seen = await outputOf(
    { args: ["sh", "-c", "ls /proc/1/fd; exit 0"] },
    { redirect: "7</etc/passwd 9</" },
  );
  assertEquals(seen.split("\n"), ["0", "1", "2"]);
});

Deno.test("a created container holds no descriptor of its caller", async () => {
  await using bundle = makeBundle({ args: ["sleep", "100"] });
  await bundle.create({ redirect: "7</etc/passwd" });
  const { pid } = await bundle.state();
  await bundle.ok("start", bundle.id);
  await eventually("the program", () => {
    return Deno.readLinkSync(`/proc/${pid}/exe`).endsWith("/busybox");
  });
  const open = [...Deno.readDirSync(`/proc/${pid}/fd`)].map(({ name }) => name);
  assertEquals(open.sort(), ["0", "1", "2"]);
});

Deno.test("--preserve-fds passes that many descriptors on", async () => {
  await using bundle = makeBundle({
    args: ["sh", "-c", "cat <&3; ls /proc/1/fd; exit 0"],
  });
  const { code, stdout, stderr } = await bundle.runtimeWith(
    { redirect: "3</etc/hostname 7</etc/passwd" },
    ...["run", "--preserve-fds", "1", "--bundle", bundle.path, bundle.id],
  );
  assertEquals(code, 0, stderr);
  const [first = "", ...descriptors] = stdout.trimEnd().split("\n");
  assertEquals(`${first}\n`, Deno.readTextFileSync("/etc/hostname"));
  assertEquals(descriptors, ["0", "1", "2", "3"]);
});

Deno.test("an ordinary user may write to its own streams again", async () => {
  const { code, stdout, stderr } = await runOnce({
    args: ["sh", "-c", "echo out >/dev/stdout; echo err >/dev/stderr"],
    edit: (spec) => {
      spec.process.user = { uid: 1000, gid: 1000 };
    },
  });
  assertEquals(code, 0, stderr);
  assertMatch(stdout, /out/);
});
