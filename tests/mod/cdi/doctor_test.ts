import type { HostView } from "../../../mod/cdi/doctor.ts";
import { diagnose } from "../../../mod/cdi/doctor.ts";
import type { Registry } from "../../../mod/cdi/registry.ts";
import { assert, assertEquals } from "../../support/assert.ts";
import { deviceFile, directory, HOST, registry, registryOf } from "./file.ts";

const ENV = { env: ["A=1"] };
const V3 = { cdiVersion: "0.3.0" };

const VIEW: HostView = {
  lookUp: HOST.lookUp,
  exists: (path) => path === "/there",
  programFault: (path) => path === "/there" ? undefined : "is not there",
};

/** The findings as lines. */
function lines(found: Registry): string[] {
  return diagnose(found, VIEW).map(({ level, subject, problem }) =>
    `${level} ${subject}: ${problem}`
  );
}

Deno.test("the doctor finds nothing where all is well", () => {
  const good = deviceFile({
    deviceNodes: [{ path: "/dev/char" }],
    mounts: [{ hostPath: "/there", containerPath: "/x" }],
    hooks: [{ hookName: "poststop", path: "/there" }],
  }, V3);
  assertEquals(lines(registry({ "a.json": good })), []);
});

Deno.test("the doctor tells of missing sources, hooks and nodes, each once", () => {
  const bad = {
    deviceNodes: [{ path: "/dev/gone" }],
    mounts: [{ hostPath: "/gone", containerPath: "/x" }],
    hooks: [{ hookName: "poststop", path: "/gone" }],
  };
  const file = deviceFile(bad, { ...V3, containerEdits: bad });
  assertEquals(lines(registry({ "a.json": file })), [
    'error /cdi/a.json: device node "/dev/gone": no such file or directory',
    'error /cdi/a.json: mount source "/gone" is not there',
    'error /cdi/a.json: hook "/gone" is not there',
  ]);
});

Deno.test("the doctor tells of stale numbers and of another type", () => {
  const file = deviceFile({
    deviceNodes: [
      { path: "/dev/char", major: 99, minor: 7 },
      { path: "/dev/block", type: "c" },
      { path: "/dev/char", type: "u", major: 195, minor: 3 },
      { path: "/dev/gone", type: "c", major: 9 },
    ],
  }, V3);
  assertEquals(lines(registry({ "a.json": file })), [
    'warning /cdi/a.json: device node "/dev/char" is 195:3, the file says 99:7',
    'error /cdi/a.json: device node "/dev/block" is of type "b", the file says "c"',
    'warning /cdi/a.json: device node "/dev/gone": no such file or directory',
  ]);
});

Deno.test("the doctor says which hooks Burrow can serve itself", () => {
  const hook = (...args: string[]) =>
    deviceFile({
      hooks: [{ hookName: "createContainer", path: args[0], args }],
    }, V3);
  const suggestion = (file: unknown) =>
    diagnose(registry({ "a.json": file }), VIEW)[0]?.suggestion ?? "";
  assert(
    suggestion(hook("/usr/bin/nvidia-ctk", "hook", "update-ldcache"))
      .includes("--native-hooks"),
  );
  assert(!suggestion(hook("/usr/bin/other")).includes("--native-hooks"));
});

Deno.test("the doctor tells of dropped files, with the version to write", () => {
  const file = deviceFile({ additionalGids: [4] }, { cdiVersion: "0.5.0" });
  const [finding] = diagnose(registry({ "a.json": file }), VIEW);
  assertEquals(finding?.level, "error");
  assertEquals(finding?.suggestion, "write cdiVersion 0.7.0 into it");
});

Deno.test("the doctor tells of conflicts, and of devices that are hidden", () => {
  const file = deviceFile(ENV, V3);
  assertEquals(lines(registry({ "a.json": file, "b.json": file })), [
    'error vendor.test/class=dev: is in "/cdi/a.json" and "/cdi/b.json", of the same priority: neither counts',
  ]);
  assertEquals(
    lines(registryOf(
      directory("/low", { "a.json": file }),
      directory("/high", { "a.json": file }),
    )),
    [
      'warning vendor.test/class=dev: is taken from "/high/a.json", and hides what "/low/a.json" says',
    ],
  );
});

Deno.test("the doctor tells of versions that are newer than what is used", () => {
  assertEquals(lines(registry({ "a.json": deviceFile(ENV) })), [
    "warning /cdi/a.json: says cdiVersion 1.1.0, needs only 0.3.0",
  ]);
});

Deno.test("the doctor tells of names that nobody reads, and of emptiness", () => {
  assertEquals(
    lines(
      registryOf({ ...directory("/cdi", {}), ignored: ["a.yml", "README"] }),
    ),
    [
      "warning /cdi/a.yml: is not read: its name does not end in .json or .yaml",
      "warning /cdi: no CDI file is there",
    ],
  );
});

Deno.test("every finding has a suggestion", () => {
  const found = registryOf(
    { path: "/x", state: "failed", error: "EIO", files: [], ignored: [] },
    directory("/cdi", { "a.json": "[", "b.json": { cdiVersion: "7" } }),
  );
  for (const { suggestion } of diagnose(found, VIEW)) assert(suggestion !== "");
});
