import { assert, assertEquals, assertIncludes } from "../support/assert.ts";
import { makeBundle } from "../support/bundle.ts";
import { grant, mapUser } from "../support/spec.ts";
import type { Spec } from "../support/spec.ts";

/** What the program sees of its session keyring: a line of /proc/keys. */
const SEE = ["sh", "-c", "grep -F '_ses' /proc/keys || echo none"];

/** Shows /proc/keys, which is masked elsewhere. */
function unmask(spec: Spec): void {
  spec.linux.maskedPaths = spec.linux.maskedPaths
    .filter((path) => path !== "/proc/keys");
}

/** The permissions and name in a line of /proc/keys. */
function parse(line: string): { permissions: number; name: string } {
  const fields = line.trim().split(/\s+/);
  return {
    permissions: parseInt(fields[4] ?? "", 16),
    name: fields.slice(8).join(" "),
  };
}

Deno.test("the program has a session keyring of the container's name", async () => {
  await using bundle = makeBundle({ args: SEE, edit: unmask });
  const { stdout, stderr } = await bundle.run();
  const { name, permissions } = parse(stdout);
  assertIncludes(name, `_ses.${bundle.id}`, stderr);
  assert((permissions & 0x80000) !== 0, `its owner may search: ${stdout}`);
});

Deno.test("--no-new-keyring leaves the caller's session keyring", async () => {
  await using bundle = makeBundle({ args: SEE, edit: unmask });
  const { stdout } = await bundle.runtimeWith(
    {},
    "run",
    "--no-new-keyring",
    "--bundle",
    bundle.path,
    bundle.id,
  );
  assertEquals(stdout.includes(bundle.id), false, stdout);
});

Deno.test("an ordinary user of the container may search its session keyring", async () => {
  await using bundle = makeBundle({
    args: SEE,
    edit: (spec) => {
      unmask(spec);
      grant(spec);
      spec.process.user = { uid: 1000, gid: 1000 };
    },
  });
  const { stdout, stderr } = await bundle.run();
  assertIncludes(stdout, `_ses.${bundle.id}`, stderr);
});

Deno.test("in a user namespace others may search the session keyring", async () => {
  await using bundle = makeBundle({
    args: SEE,
    edit: (spec) => {
      unmask(spec);
      mapUser(spec);
    },
  });
  const { stdout, stderr } = await bundle.run();
  const { name, permissions } = parse(stdout);
  assertIncludes(name, `_ses.${bundle.id}`, stderr);
  assert((permissions & 0x8) !== 0, stdout);
});
