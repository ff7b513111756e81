import { defaultSpec } from "../../../mod/spec/default.ts";
import { loadSpec, parseSpec, readText } from "../../../mod/spec/load.ts";
import { assert, assertEquals, assertMatch } from "../../support/assert.ts";
import { refusal } from "./refusal.ts";

/** A directory for one test, removed with its contents at the end. */
function temporaryDirectory(): { path: string } & Disposable {
  const path = Deno.realPathSync(Deno.makeTempDirSync());
  return {
    path,
    [Symbol.dispose]: () => Deno.removeSync(path, { recursive: true }),
  };
}

/** A bundle whose config.json has this text. */
function bundleOf(text: string | Uint8Array<ArrayBuffer>) {
  const directory = temporaryDirectory();
  const bytes = typeof text === "string"
    ? new TextEncoder().encode(text)
    : text;
  Deno.writeFileSync(`${directory.path}/config.json`, bytes);
  return directory;
}

Deno.test("loadSpec() reads a bundle and resolves it", () => {
  using bundle = bundleOf(JSON.stringify(defaultSpec()));
  const { path, spec, warnings } = loadSpec(bundle.path);
  assertEquals(path, bundle.path);
  assertEquals(spec.root?.path, `${bundle.path}/rootfs`);
  assertEquals(warnings, []);
});

Deno.test("loadSpec() follows a symlink to the bundle", () => {
  using bundle = bundleOf(JSON.stringify(defaultSpec()));
  using other = temporaryDirectory();
  Deno.symlinkSync(bundle.path, `${other.path}/link`);
  const { path, spec } = loadSpec(`${other.path}/link/.`);
  assertEquals(path, bundle.path);
  assertEquals(spec.root?.path, `${bundle.path}/rootfs`);
});

Deno.test("loadSpec() takes comments, trailing commas and a byte order mark", () => {
  const text = JSON.stringify(defaultSpec(), null, 2);
  using bundle = bundleOf(
    `\uFEFF// a line\n${text.slice(0, -2)}, /* more */\n}\n`,
  );
  assertEquals(loadSpec(bundle.path).spec.hostname, "burrow");
});

Deno.test("loadSpec() says that a bundle is missing", () => {
  assertEquals(
    refusal(() => loadSpec("/no/such/bundle")),
    'bundle "/no/such/bundle": no such file or directory',
  );
});

Deno.test("loadSpec() says that a bundle is no directory", () => {
  assertEquals(
    refusal(() => loadSpec("/dev/null")),
    'bundle "/dev/null": not a directory',
  );
  assertEquals(
    refusal(() => loadSpec("/dev/null/a")),
    'bundle "/dev/null/a": not a directory',
  );
});

Deno.test("loadSpec() tells how to make a missing config.json", () => {
  using bundle = temporaryDirectory();
  assertEquals(
    refusal(() => loadSpec(bundle.path)),
    `open "${bundle.path}/config.json": no such file or directory ` +
      `(\`burrow spec --bundle ${bundle.path}\` makes one)`,
  );
});

Deno.test("loadSpec() does not read what is not a file", () => {
  using bundle = temporaryDirectory();
  Deno.mkdirSync(`${bundle.path}/config.json`);
  assertEquals(
    refusal(() => loadSpec(bundle.path)),
    `open "${bundle.path}/config.json": is a directory`,
  );
  Deno.removeSync(`${bundle.path}/config.json`);
  Deno.symlinkSync("/dev/zero", `${bundle.path}/config.json`);
  assertEquals(
    refusal(() => loadSpec(bundle.path)),
    `open "${bundle.path}/config.json": not a regular file`,
  );
});

Deno.test("loadSpec() says that config.json is a loop of links", () => {
  using bundle = temporaryDirectory();
  Deno.symlinkSync("config.json", `${bundle.path}/config.json`);
  assertEquals(
    refusal(() => loadSpec(bundle.path)),
    `open "${bundle.path}/config.json": too many levels of symbolic links`,
  );
});

Deno.test("loadSpec() names line and column of what is not JSON", () => {
  for (
    const [text, where] of [
      ['{\n  "a": 1\n  "b": 2\n}', 'unexpected "\\"" at line 3, column 3'],
      ['{"a": b}', 'unexpected "b" at line 1, column 7'],
      ["", "unexpected the end at line 1, column 1"],
      ['{\n"a": [1', "unexpected the end at line 2, column 8"],
    ] as const
  ) {
    using bundle = bundleOf(text);
    assertEquals(
      refusal(() => loadSpec(bundle.path), text),
      `${bundle.path}/config.json: not JSON: ${where}`,
    );
  }
});

Deno.test("loadSpec() says that config.json is not UTF-8", () => {
  using bundle = bundleOf(new Uint8Array([0x22, 0xff, 0x22]));
  assertEquals(
    refusal(() => loadSpec(bundle.path)),
    `read "${bundle.path}/config.json": not UTF-8`,
  );
});

Deno.test("readText() takes 8 MiB, and not a byte more", () => {
  using bundle = bundleOf(" ".repeat(8 * 1024 * 1024));
  const file = `${bundle.path}/config.json`;
  assertEquals(readText(file).length, 8388608);
  Deno.writeTextFileSync(file, " ", { append: true });
  assertEquals(
    refusal(() => readText(file)),
    `read "${file}": 8388609 bytes, more than 8388608`,
  );
});

Deno.test("loadSpec() names the file in what the rules refuse", () => {
  using bundle = bundleOf('{"ociVersion":"1.0.0"}');
  assertMatch(
    refusal(() => loadSpec(bundle.path)),
    /^\/.*\/config\.json: process: is missing, .* \(and 2 more faults\)$/,
  );
});

Deno.test("loadSpec() takes what runc writes", () => {
  for (const name of ["runc_spec.json", "runc_spec_rootless.json"]) {
    const file = new URL(`../../testdata/spec/${name}`, import.meta.url);
    using bundle = bundleOf(Deno.readFileSync(file));
    const { spec, warnings } = loadSpec(bundle.path);
    assertEquals(spec.ociVersion, "1.0.2-dev");
    assertEquals(warnings, []);
  }
});

Deno.test("loadSpec() takes a spec with every field of the spec", () => {
  const file = new URL("../../testdata/spec/maximal.json", import.meta.url);
  using bundle = bundleOf(Deno.readFileSync(file));
  const { spec, warnings } = loadSpec(bundle.path);
  assertEquals(spec.mounts?.[0]?.source, `${bundle.path}/volumes/data`);
  assertEquals(warnings, []);
});

Deno.test("parseSpec() leaves long integers of unknown fields alone", () => {
  const spec = parseSpec('{"ociVersion":"1.0.0","x":9007199254740993}', "f");
  // Nothing that JSON cannot write may stay behind.
  assert(JSON.stringify(spec).includes('"x":900719925474099'));
});
