import { assertEquals, assertGone, assertIncludes } from "../support/assert.ts";
import { type Bundle, makeBundle, outputOf } from "../support/bundle.ts";
import { isRunc } from "../support/runtime.ts";

/** Makes an executable script in the root. */
function script(bundle: Bundle, path: string, text: string, mode = 0o755) {
  const file = `${bundle.rootfs}${path}`;
  Deno.mkdirSync(file.slice(0, file.lastIndexOf("/")), { recursive: true });
  Deno.writeTextFileSync(file, text);
  Deno.chmodSync(file, mode);
}

/** Runs with `args` in a root that holds a few scripts. */
async function run(args: string[], PATH = "/one:/two:/bin"): Promise<string> {
  return await outputOf({
    args,
    edit: (spec, bundle) => {
      spec.process.env = [`PATH=${PATH}`];
      spec.process.cwd = "/work";
      script(bundle, "/one/tool", "#!/bin/sh\necho one\n", 0o644);
      script(bundle, "/two/tool", "#!/bin/sh\necho two\n");
      script(bundle, "/bin/tool", "#!/bin/sh\necho bin\n");
      script(bundle, "/work/sub/tool", "#!/bin/sh\necho sub\n");
    },
  });
}

Deno.test("a name is looked up in the PATH of the spec, past files that are not executable", async () => {
  assertEquals(await run(["tool"]), "two");
});

Deno.test("a name with a slash is relative to cwd", async () => {
  assertEquals(await run(["sub/tool"]), "sub");
  assertEquals(await run(["./sub/tool"]), "sub");
});

Deno.test("an absolute path is taken as it is", async () => {
  assertEquals(await run(["/bin/tool"]), "bin");
});

/** Creates a container that cannot start, and returns what is said. */
async function refuse(
  args: string[],
  edit: (bundle: Bundle) => void = () => {},
): Promise<string> {
  await using bundle = makeBundle({ args });
  edit(bundle);
  bundle.write();
  const create = ["create", "--bundle", bundle.path, bundle.id];
  const { code, stderr } = await bundle.runtime(...create);
  assertEquals(code, 1, `exit status of create, which said ${stderr}`);
  assertGone(`${bundle.stateRoot}/${bundle.id}`);
  return stderr;
}

Deno.test("create reports a name that is not in PATH", async () => {
  const said = await refuse(["nosuch"]);
  assertIncludes(said, "nosuch");
  assertIncludes(said, "executable file not found in $PATH");
});

Deno.test("create reports a path that is missing", async () => {
  const said = await refuse(["/no/such"]);
  assertIncludes(said, "/no/such");
  assertIncludes(said, "no such file or directory");
});

Deno.test("create reports a file that is not executable", async () => {
  const said = await refuse(["/etc/passwd"]);
  assertIncludes(said, "/etc/passwd");
  assertIncludes(said, "permission denied");
});

Deno.test("create reports a directory", async () => {
  const said = await refuse(["/etc"]);
  assertIncludes(said, "/etc");
  // docker's client accepts either; runc 1.1.5 says the second.
  const named = isRunc() ? "permission denied" : "is a directory";
  assertIncludes(said, named);
});

Deno.test("create reports a file that the user may not execute", async () => {
  const said = await refuse(["/bin/private"], (bundle) => {
    script(bundle, "/bin/private", "#!/bin/sh\n", 0o700);
    bundle.spec.process.user = { uid: 1000, gid: 1000 };
  });
  assertIncludes(said, "permission denied");
});

/** Creates and starts a program that execve refuses. */
async function startAndFail(text: string | Uint8Array): Promise<string> {
  await using bundle = makeBundle({ args: ["/bin/odd"] });
  script(bundle, "/bin/odd", "");
  Deno.writeFileSync(
    `${bundle.rootfs}/bin/odd`,
    typeof text === "string" ? new TextEncoder().encode(text) : text,
  );
  const { code, stdout, stderr } = await bundle.run();
  assertEquals(code !== 0, true, "the run failed");
  return stdout + stderr;
}

Deno.test("a file in no known format is an exec format error", async () => {
  assertIncludes(await startAndFail("neither ELF nor script"), "format error");
});

Deno.test("a script whose interpreter is missing is reported", async () => {
  const said = await startAndFail("#!/no/such/interpreter\n");
  assertIncludes(said, "no such file or directory");
});
