import {
  assertEquals,
  assertExcludes,
  assertIncludes,
  assertMatch,
} from "../support/assert.ts";
import { makeFolder } from "../support/bundle.ts";
import { runtimePath } from "../support/runtime.ts";

/** A folder with CDI files. */
interface Files extends Disposable {
  readonly path: string;
  /** Runs `burrow cdi` with the folder's files. */
  cdi(command: string, ...args: string[]): {
    code: number;
    stdout: string;
    stderr: string;
  };
}

/** A good file of one device. */
const GOOD = {
  cdiVersion: "0.3.0",
  kind: "a.test/b",
  devices: [{ name: "c", containerEdits: { env: ["DEVICE=c"] } }],
};

/** Makes such a folder. */
function makeFiles(files: Record<string, unknown>): Files {
  const path = makeFolder();
  for (const [name, file] of Object.entries(files)) {
    const text = typeof file === "string" ? file : JSON.stringify(file);
    Deno.writeTextFileSync(`${path}/${name}`, text);
  }
  return {
    path,
    cdi: (command, ...args) => {
      const { code, stdout, stderr } = new Deno.Command(runtimePath(), {
        args: ["cdi", command, "--cdi-spec-dir", path, ...args],
      }).outputSync();
      const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
      return { code, stdout: text(stdout), stderr: text(stderr) };
    },
    [Symbol.dispose]: () => Deno.removeSync(path, { recursive: true }),
  };
}

Deno.test("cdi list prints names, and warns of files that do not count", () => {
  using files = makeFiles({ "a.json": GOOD, "b.yaml": "[" });
  const { code, stdout, stderr } = files.cdi("list");
  assertEquals([code, stdout], [0, "a.test/b=c\n"]);
  assertMatch(stderr, /b\.yaml.* is dropped: neither JSON nor YAML/);
});

Deno.test("cdi list --format json says the file of each device", () => {
  using files = makeFiles({ "a.json": GOOD });
  assertEquals(JSON.parse(files.cdi("list", "--format", "json").stdout), [{
    name: "a.test/b=c",
    file: `${files.path}/a.json`,
    cdiVersion: "0.3.0",
    hidden: [],
  }]);
});

Deno.test("cdi show prints the edits of devices, and fails for one that is not there", () => {
  using files = makeFiles({ "a.json": GOOD });
  const shown = JSON.parse(files.cdi("show", "a.test/b=c").stdout);
  assertEquals(shown[0].deviceEdits, { env: ["DEVICE=c"] });
  const missing = files.cdi("show", "a.test/b=d");
  assertEquals([missing.code, missing.stdout], [1, ""]);
  assertIncludes(missing.stderr, "unresolvable CDI devices a.test/b=d: ");
});

Deno.test("cdi validate checks a file, a directory, and the directories", () => {
  using files = makeFiles({ "a.json": GOOD, "b.txt": { ...GOOD, kind: "x" } });
  for (const operand of [["a.json"], [""], []]) {
    const paths = operand.map((name) => `${files.path}/${name}`);
    const { code, stdout } = files.cdi("validate", ...paths);
    assertEquals(code, 0);
    assertIncludes(stdout, "valid: a.test/b, devices c");
  }
  // A file that is named is checked whatever its name.
  const bad = files.cdi("validate", `${files.path}/b.txt`);
  assertEquals(bad.code, 1);
  assertIncludes(bad.stdout, 'not valid: kind: got "x", expected vendor/class');
});

Deno.test("cdi validate finds two files in conflict", () => {
  using files = makeFiles({ "a.json": GOOD, "b.json": GOOD });
  const { code, stdout } = files.cdi("validate");
  assertEquals(code, 1);
  assertMatch(
    stdout,
    /^a\.test\/b=c: not valid: in ".*a\.json" and ".*b\.json"/m,
  );
});

/** A config.json with what a runtime must not lose. */
const CONFIG = `{
  "ociVersion": "1.0.2",
  "process": {"user": {"uid": 0, "gid": 0}, "args": ["x"], "cwd": "/",
    "rlimits": [{"type": "RLIMIT_CORE", "soft": 18446744073709551615,
      "hard": 18446744073709551615}]},
  "root": {"path": "rootfs"},
  "mounts": [{"destination": "/x", "source": "here", "options": ["bind"]}],
  "linux": {"resources": {"memory": {"limit": 9223372036854775807}}},
  "x-unknown": {"kept": true}
}`;

Deno.test("cdi inject prints the edited spec, with what it does not know", () => {
  using files = makeFiles({ "a.json": GOOD, "config.json.txt": CONFIG });
  const path = `${files.path}/config.json.txt`;
  const { code, stdout, stderr } = files.cdi(
    "inject",
    ...["--device", "a.test/b=c", path],
  );
  assertEquals(code, 0, stderr);
  const spec = JSON.parse(stdout);
  assertEquals(spec.process.env, ["DEVICE=c"]);
  assertEquals(spec["x-unknown"], { kept: true });
  assertEquals([spec.root.path, spec.mounts[0].source], ["rootfs", "here"]);
  // Go reads no integer that is larger than its type.
  assertIncludes(stdout, "18446744073709551615");
  assertIncludes(stdout, "9223372036854775807");
  assertEquals(Deno.readTextFileSync(path), CONFIG);
});

Deno.test("cdi inject --in-place writes the bundle's file, and keeps its mode", () => {
  using files = makeFiles({ "a.json": GOOD, "config.txt": CONFIG });
  const bundle = `${files.path}/bundle`;
  Deno.mkdirSync(bundle);
  Deno.copyFileSync(`${files.path}/config.txt`, `${bundle}/config.json`);
  Deno.chmodSync(`${bundle}/config.json`, 0o640);
  const { code, stdout } = files.cdi(
    "inject",
    ...["--device", "a.test/b=c", "--in-place", bundle],
  );
  assertEquals([code, stdout], [0, ""]);
  const written = Deno.readTextFileSync(`${bundle}/config.json`);
  assertIncludes(written, "DEVICE=c");
  assertEquals(
    (Deno.statSync(`${bundle}/config.json`).mode ?? 0) & 0o777,
    0o640,
  );
  assertEquals([...Deno.readDirSync(bundle)].length, 1);
});

Deno.test("cdi inject leaves the file alone where a device cannot be had", () => {
  using files = makeFiles({ "a.json": GOOD, "config.txt": CONFIG });
  const path = `${files.path}/config.txt`;
  const { code } = files.cdi(
    "inject",
    ...["--device", "a.test/b=d", "--in-place", path],
  );
  assertEquals(code, 1);
  assertEquals(Deno.readTextFileSync(path), CONFIG);
});

Deno.test("cdi inject takes devices of annotations, where it is asked to", () => {
  using files = makeFiles({
    "a.json": GOOD,
    "config.txt": CONFIG.replace(
      '"root"',
      '"annotations": {"cdi.k8s.io/x_y": "a.test/b=c"}, "root"',
    ),
  });
  const path = `${files.path}/config.txt`;
  assertEquals(files.cdi("inject", path).code, 1);
  assertIncludes(
    files.cdi("inject", "--cdi-annotations", path).stdout,
    "DEVICE=c",
  );
});

Deno.test("cdi doctor says what is read, what is wrong, and what to try", () => {
  using files = makeFiles({
    "a.json": {
      ...GOOD,
      containerEdits: {
        deviceNodes: [{ path: "/dev/burrow-none" }],
        hooks: [{ hookName: "createContainer", path: "/no/such/hook" }],
      },
    },
    "b.json": { ...GOOD, cdiVersion: "7.0.0" },
    "c.yml": "",
  });
  const { code, stdout } = files.cdi("doctor");
  assertEquals(code, 1);
  for (
    const part of [
      `directory "${files.path}" (2 files)`,
      'cdiVersion: got "7.0.0"',
      'device node "/dev/burrow-none": no such file or directory; try: ',
      'hook "/no/such/hook" is not there; try: ',
      "does not end in .json or .yaml; try: ",
      "devices: 1, errors: 3, warnings: 1",
    ]
  ) assertIncludes(stdout, part);
});

Deno.test("cdi doctor exits 0 where all is well", () => {
  using files = makeFiles({ "a.json": GOOD });
  const { code, stdout } = files.cdi("doctor");
  assertEquals(code, 0, stdout);
  assertExcludes(stdout, "try:");
});

Deno.test("cdi without a command lists its commands, and refuses an unknown one", () => {
  const run = (...args: string[]) => {
    const { code, stdout, stderr } = new Deno.Command(runtimePath(), { args })
      .outputSync();
    return {
      code,
      text: new TextDecoder().decode(stdout.length ? stdout : stderr),
    };
  };
  assertMatch(run("cdi").text, /^ {2}validate +check CDI files/m);
  assertEquals([run("cdi").code, run("cdi", "--help").code], [1, 0]);
  assertIncludes(run("cdi", "nothing").text, 'unknown command "nothing"');
  assertIncludes(run("cdi", "show", "--help").text, "burrow cdi show");
});
