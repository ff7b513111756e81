import { renderError } from "../../../mod/errors.ts";
import type { FoundDirectory } from "../../../mod/cdi/registry.ts";
import { unresolvedError } from "../../../mod/cdi/unresolved.ts";
import {
  assertEquals,
  assertExcludes,
  assertIncludes,
} from "../../support/assert.ts";
import { deviceFile, directory, registry, registryOf } from "./file.ts";

const ENV = { env: ["A=1"] };

/** The one line for a name in some files. */
function line(files: Record<string, unknown>, ...names: string[]): string {
  return renderError(unresolvedError(registry(files), names));
}

Deno.test("the error begins as the library's does", () => {
  assertEquals(
    line({}, "a/b=c", "d/e=f").startsWith(
      "unresolvable CDI devices a/b=c, d/e=f: ",
    ),
    true,
  );
});

Deno.test("the error says which directories were read, and what became of them", () => {
  const lost = (
    path: string,
    more: Partial<FoundDirectory>,
  ): FoundDirectory => ({
    path,
    state: "read",
    files: [],
    ignored: [],
    ...more,
  });
  const found = registryOf(
    lost("/none", { state: "missing" }),
    directory("/cdi", { "a.json": deviceFile(ENV) }),
    lost("/bad", { state: "failed", error: "not a directory" }),
    lost("/late", { state: "unread" }),
  );
  assertIncludes(
    renderError(unresolvedError(found, ["x/y=z"])),
    'read "/none" (missing), "/cdi" (1 file), "/bad" (not a directory), "/late" (not read: an earlier one failed)',
  );
});

Deno.test("the error names the file that was dropped, why, and the version needed", () => {
  const old = deviceFile({ additionalGids: [4] }, { cdiVersion: "0.5.0" });
  assertIncludes(
    line({ "a.json": old }, "vendor.test/class=dev"),
    '"/cdi/a.json" was dropped: cdiVersion: got "0.5.0", expected at least "0.7.0", which devices[0].containerEdits.additionalGids needs',
  );
});

Deno.test("the error does not speak of files of other kinds, where the kind is known", () => {
  const told = line({
    "a.json": deviceFile(ENV),
    "b.json": "kind: other.test/x",
  }, "vendor.test/class=none");
  assertExcludes(told, "b.json");
  assertIncludes(told, 'did you mean "vendor.test/class=dev"');
});

Deno.test("the error speaks of every dropped file, where none is about the kind", () => {
  assertIncludes(
    line({ "b.json": "[" }, "vendor.test/class=none"),
    '"/cdi/b.json" was dropped: ',
  );
});

Deno.test("the error names both files of a conflict", () => {
  const file = deviceFile(ENV);
  assertIncludes(
    line({ "a.json": file, "b.json": file }, "vendor.test/class=dev"),
    '"vendor.test/class=dev" is in "/cdi/a.json" and "/cdi/b.json", of the same priority: neither counts',
  );
});

Deno.test("the error says that a name is none, and what was meant", () => {
  assertIncludes(
    line({ "a.json": deviceFile(ENV) }, "dev"),
    '"dev" is not of the form vendor/class=name, did you mean "vendor.test/class=dev"',
  );
});

Deno.test("the error is one line, whatever is in the files and the names", () => {
  const told = line({ "a.json": "a: 'x\n\n  y'\n\tb" }, "x\ny=z");
  assertExcludes(told, "\n");
});
