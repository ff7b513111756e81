import { deviceNames, makeRegistry } from "../../../mod/cdi/registry.ts";
import { lookUpNode, readRegistry } from "../../../mod/cdi/read.ts";
import { assert, assertEquals, assertMatch } from "../../support/assert.ts";
import { deviceFile, directory, registry, registryOf } from "./file.ts";

/** A file of these devices; `mark` is in their edits. */
function file(mark: string, ...names: string[]) {
  return deviceFile(undefined, {
    containerEdits: { env: [`FILE=${mark}`] },
    devices: names.map((name) => ({
      name,
      containerEdits: { env: [`DEVICE=${mark}`] },
    })),
  });
}

const D = "vendor.test/class=d";

/** A folder of the host, removed at the end. */
function temporaryFolder(): { path: string } & Disposable {
  const path = Deno.realPathSync(Deno.makeTempDirSync());
  return {
    path,
    [Symbol.dispose]: () => Deno.removeSync(path, { recursive: true }),
  };
}

Deno.test("the later directory wins, silently, and the files that lost are known", () => {
  const found = registryOf(
    directory("/low", { "a.json": file("low", "d", "only") }),
    directory("/high", { "b.json": file("high", "d") }),
  );
  const device = found.devices.get(D);
  assertEquals(device?.source.path, "/high/b.json");
  assertEquals(device?.device.containerEdits?.env, ["DEVICE=high"]);
  assertEquals(device?.hidden, ["/low/a.json"]);
  assertEquals(deviceNames(found), [D, "vendor.test/class=only"]);
  assertEquals(found.conflicts.size, 0);
});

Deno.test("of two files of one directory neither counts, for that device alone", () => {
  const found = registry({
    "a.json": file("a", "d", "x"),
    "b.yaml": file("b", "d", "y"),
  });
  assertEquals(deviceNames(found), [
    "vendor.test/class=x",
    "vendor.test/class=y",
  ]);
  assertEquals([...found.conflicts], [[D, ["/cdi/a.json", "/cdi/b.yaml"]]]);
});

Deno.test("a conflict of a high priority is not mended by a low one", () => {
  const found = registryOf(
    directory("/low", { "a.json": file("low", "d") }),
    directory("/high", { "a.json": file("a", "d"), "b.json": file("b", "d") }),
  );
  assertEquals(found.devices.has(D), false);
});

Deno.test("a conflict of a low priority is mended by a high one", () => {
  const found = registryOf(
    directory("/low", { "a.json": file("a", "d"), "b.json": file("b", "d") }),
    directory("/high", { "a.json": file("high", "d") }),
  );
  assertEquals(found.devices.get(D)?.source.path, "/high/a.json");
  assertEquals(found.conflicts.size, 0);
});

Deno.test("a file that is not good is dropped with its reason, others count", () => {
  const found = registry({
    "a.json": "{",
    "b.json": file("b", "d"),
    "c.json": { ...file("c", "e"), cdiVersion: "9.0.0" },
  });
  assertEquals(deviceNames(found), [D]);
  assertEquals(found.dropped.map(({ path }) => path), [
    "/cdi/a.json",
    "/cdi/c.json",
  ]);
  assertMatch(found.dropped[1]?.reason ?? "", /^cdiVersion: got "9.0.0"/);
});

Deno.test("readRegistry() reads .json and .yaml of each directory, nothing below", () => {
  using folder = temporaryFolder();
  const { path } = folder;
  Deno.mkdirSync(`${path}/sub.json`);
  const write = (name: string, device: string) =>
    Deno.writeTextFileSync(
      `${path}/${name}`,
      JSON.stringify(file(name, device)),
    );
  write("a.json", "a");
  write("b.yaml", "b");
  write("c.yml", "c");
  write("d.JSON", "d");
  write("sub.json/e.json", "e");
  write("f.json.bak", "f");
  Deno.symlinkSync("a.json", `${path}/dangling.txt`);
  const found = readRegistry([path]);
  assertEquals(deviceNames(found).map((name) => name.at(-1)), ["a", "b"]);
  assertEquals(found.directories[0]?.ignored, [
    "c.yml",
    "d.JSON",
    "dangling.txt",
    "f.json.bak",
  ]);
});

Deno.test("readRegistry() drops what is no regular file, no UTF-8, or dangles", () => {
  using folder = temporaryFolder();
  const { path } = folder;
  Deno.symlinkSync("/no/such", `${path}/a.json`);
  Deno.symlinkSync("/", `${path}/b.json`);
  Deno.symlinkSync("/dev/null", `${path}/c.json`);
  Deno.writeFileSync(`${path}/d.json`, new Uint8Array([0xff]));
  assertEquals(readRegistry([path]).dropped.map(({ reason }) => reason), [
    "no such file or directory",
    "is a directory",
    "not a regular file",
    "not UTF-8",
  ]);
});

Deno.test("readRegistry() follows a symlink to a file", () => {
  using folder = temporaryFolder();
  const { path } = folder;
  Deno.mkdirSync(`${path}/cdi`);
  Deno.writeTextFileSync(`${path}/x`, JSON.stringify(file("x", "d")));
  Deno.symlinkSync("../x", `${path}/cdi/a.json`);
  assertEquals(deviceNames(readRegistry([`${path}/cdi`])), [D]);
});

Deno.test("readRegistry() passes over a missing directory, and stops at a broken one", () => {
  using folder = temporaryFolder();
  const { path } = folder;
  Deno.mkdirSync(`${path}/good`);
  Deno.writeTextFileSync(
    `${path}/good/a.json`,
    JSON.stringify(file("x", "d")),
  );
  Deno.writeTextFileSync(`${path}/file`, "");
  const good = readRegistry([`${path}/missing`, `${path}/good`]);
  assertEquals(deviceNames(good), [D]);
  const stopped = readRegistry([`${path}/file`, `${path}/good`]);
  assertEquals(deviceNames(stopped), []);
  assertEquals(stopped.directories.map(({ state }) => state), [
    "failed",
    "unread",
  ]);
});

Deno.test("lookUpNode() tells type, numbers and mode, and follows no symlink", () => {
  using folder = temporaryFolder();
  const { path } = folder;
  assertEquals(lookUpNode("/dev/null"), {
    type: "c",
    major: 1,
    minor: 3,
    fileMode: 0o666,
  });
  Deno.symlinkSync("/dev/null", `${path}/link`);
  assertEquals(lookUpNode(`${path}/link`), { error: "not a device node" });
  assertEquals(lookUpNode(path), { error: "not a device node" });
  assertEquals(lookUpNode(`${path}/none`), {
    error: "no such file or directory",
  });
});

Deno.test("an error that is no refusal is not taken for a bad file", () => {
  let thrown: unknown;
  try {
    makeRegistry([directory("/cdi", { "a.json": "x" })], () => {
      throw new TypeError("a bug");
    });
  } catch (error) {
    thrown = error;
  }
  assert(thrown instanceof TypeError);
});
