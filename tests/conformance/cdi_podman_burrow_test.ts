import { assert, assertEquals, assertMatch } from "../support/assert.ts";
import { runtimePath } from "../support/runtime.ts";
import { type EditedConfig, makePodman, type Podman } from "./cdi_podman.ts";

/** Runs `burrow cdi inject` on a config.json, with podman's CDI files. */
function burrow(
  podman: Podman,
  config: string,
  devices: readonly string[],
): { config?: EditedConfig; stderr: string } {
  const path = `${podman.folder}/base.json`;
  Deno.writeTextFileSync(path, config);
  const args = [
    ...devices.flatMap((name) => ["--device", name]),
    ...podman.specDirs.flatMap((dir) => ["--cdi-spec-dir", dir]),
  ];
  const { code, stdout, stderr } = new Deno.Command(runtimePath(), {
    args: ["cdi", "inject", ...args, path],
  }).outputSync();
  const told = new TextDecoder().decode(stderr);
  if (code !== 0) return { stderr: told };
  const text = new TextDecoder().decode(stdout);
  return { config: JSON.parse(text) as EditedConfig, stderr: told };
}

/** Sorts the fields of all objects, so that their order is no difference. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== "object" || value === null) return value;
  const fields = Object.entries(value).filter(([, field]) =>
    field !== undefined
  );
  fields.sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(fields.map(([key, field]) => [key, sorted(field)]));
}

/** How deep a destination is. */
function depth(destination: string): number {
  return destination.split("/").length;
}

/** Of variables that are there twice, the last: what a program gets. */
function lastOf(env: readonly string[]): string[] {
  const named = env.map((entry) => [entry.split("=")[0], entry] as const);
  return [...new Map(named).values()].sort();
}

/**
 * What CDI edits in a config.json. Podman 4.3.1's library appends variables
 * that are there already, and a program gets the last. Podman's variables and mounts are in another
 * order at each start, and it adds the cgroup mount after the injection: so
 * they are compared sorted. Podman 4.3.1's library does not yet take the mode
 * of a node from the host, so modes are left out where the file says none.
 */
function edits(config: EditedConfig, modes: boolean): string[] {
  const { process, mounts, hooks = {}, linux } = config;
  const lines = (kind: string, list: readonly unknown[]) =>
    list.map((item) => `${kind} ${JSON.stringify(sorted(item))}`);
  return [
    ...lines("env", lastOf(process.env)),
    ...lines("user", [process.user]),
    ...lines("mount", mounts.filter(({ type }) => type !== "cgroup")).sort(),
    ...Object.entries(hooks).flatMap(([name, list]) => lines(name, list)),
    ...lines(
      "device",
      (linux.devices ?? []).map((device) =>
        modes ? device : { ...device, fileMode: undefined }
      ),
    ),
    ...lines("rule", linux.resources.devices ?? []),
  ];
}

/** Fails unless two lists of lines are the same; tells where they part. */
function assertSame(ours: readonly string[], theirs: readonly string[]): void {
  assertEquals(
    ours.filter((line, i) => line !== theirs[i]).slice(0, 5),
    theirs.filter((line, i) => line !== ours[i]).slice(0, 5),
    "Burrow's, against podman's,",
  );
}

/** Fails unless podman and Burrow make the same of devices. */
function compare(
  podman: Podman,
  devices: readonly string[],
  options: { run?: readonly string[]; modes?: boolean } = {},
): void {
  const run = options.run ?? [];
  const flags = devices.flatMap((name) => ["--device", name]);
  const base = podman.inject(...run);
  const theirs = podman.inject(...run, ...flags);
  const ours = burrow(podman, base.text, devices);
  assert(theirs.config !== undefined, theirs.stderr);
  assert(ours.config !== undefined, ours.stderr);
  const modes = options.modes ?? false;
  assertSame(edits(ours.config, modes), edits(theirs.config, modes));
  const depths = ours.config.mounts.map(({ destination }) =>
    depth(destination)
  );
  assertEquals(depths, depths.toSorted((a, b) => a - b), "depths");
  assert(
    JSON.stringify(edits(ours.config, false)) !==
      JSON.stringify(edits(JSON.parse(base.text) as EditedConfig, false)),
    "nothing was injected",
  );
}

const FILE = {
  cdiVersion: "0.5.0",
  kind: "vendor.test/class",
  containerEdits: {
    env: ["FILE=1", "PATH=/spec"],
    hooks: [
      { hookName: "createContainer", path: "/bin/a", args: ["a", "--x"] },
      { hookName: "poststop", path: "/bin/b", env: ["A=1"], timeout: 3 },
    ],
    mounts: [{
      hostPath: "/usr/lib",
      containerPath: "/opt/lib",
      options: ["ro", "rbind"],
    }],
  },
  devices: [
    {
      name: "aa",
      containerEdits: {
        env: ["DEVICE=a", "FILE=2", "TERM=dumb"],
        deviceNodes: [
          { path: "/dev/null" },
          { path: "/dev/moved", hostPath: "/dev/zero", permissions: "r" },
        ],
      },
    },
    {
      name: "bb",
      containerEdits: {
        env: ["DEVICE=b"],
        deviceNodes: [
          { path: "/dev/given", type: "c", major: 1, minor: 7, fileMode: 384 },
          { path: "/dev/block", type: "b", major: 7, minor: 0, uid: 3, gid: 4 },
          { path: "/dev/moved", type: "c", major: 1, minor: 8 },
        ],
        mounts: [
          { hostPath: "/etc", containerPath: "/opt/lib/etc/deep" },
          { hostPath: "/usr", containerPath: "/opt" },
          {
            hostPath: "tmpfs",
            containerPath: "/scratch",
            type: "tmpfs",
            options: ["size=1m"],
          },
          { hostPath: "/etc/os-release", containerPath: "/etc/hostname" },
        ],
      },
    },
    {
      name: "c:1",
      containerEdits: {
        hooks: [{ hookName: "createContainer", path: "/bin/c" }],
      },
    },
  ],
};

/** The qualified names of devices of that file. */
function devices(...names: string[]): string[] {
  return names.map((name) => `vendor.test/class=${name}`);
}

Deno.test("devices of one file come out as podman's own injection has them", () => {
  using podman = makePodman();
  podman.write("run", "a.json", FILE);
  compare(podman, devices("aa"));
  compare(podman, devices("bb"));
  compare(podman, devices("bb", "aa"));
  compare(podman, devices("c:1", "bb", "aa"));
});

Deno.test("devices get the owner that podman's injection gives them", () => {
  using podman = makePodman();
  podman.write("run", "a.json", FILE);
  compare(podman, devices("aa", "bb"), { run: ["--user", "1000:1001"] });
});

Deno.test("devices of several directories and files come out as podman's", () => {
  using podman = makePodman();
  const mark = (kind: string, name: string, ...names: string[]) => ({
    cdiVersion: "0.3.0",
    kind,
    containerEdits: { env: [`${name}_FILE=1`, `FILE=${name}`] },
    devices: names.map((device) => ({
      name: device,
      containerEdits: { env: [`${name}_${device}=1`, `LAST=${name}`] },
    })),
  });
  podman.write("etc", "a.json", mark("v.test/cl", "LOW", "xx", "low"));
  podman.write("run", "a.yaml", mark("v.test/cl", "HIGH", "xx", "high"));
  podman.write("run", "b.json", mark("w.test/cl", "OTHER", "xx"));
  podman.write("run", "c.yml", mark("v.test/cl", "NEVER", "low"));
  const names = [
    "v.test/cl=low",
    "v.test/cl=xx",
    "w.test/cl=xx",
    "v.test/cl=high",
  ];
  for (let turn = 0; turn < names.length; turn++) {
    compare(podman, [...names.slice(turn), ...names.slice(0, turn)]);
  }
});

Deno.test("YAML comes out as podman's injection has it", () => {
  using podman = makePodman();
  podman.write(
    "etc",
    "a.yaml",
    `---
# a comment
CdiVersion: "0.5.0"
kind: "v.test/cl"
devices:
- name: 77
  containerEdits: &edits
    env: [A=1, "B=\\u00e9", 'C=x y']
    deviceNodes:
    - {path: /dev/full, type: c, major: 1, minor: 7, fileMode: 0640}
- name: all
  containerEdits: *edits
---
- nothing
`,
  );
  compare(podman, ["v.test/cl=77"], { modes: true });
  compare(podman, ["v.test/cl=all"], { modes: true });
});

/** The names in an error of unresolvable devices. */
function unresolved(stderr: string): string[] {
  const [, list = ""] = /unresolvable CDI devices ([^:\n"]+)/.exec(stderr) ??
    [];
  return list.split(",").map((name) => name.trim()).filter((name) =>
    name !== ""
  ).sort();
}

/** A config.json to inject into. */
const BASE = JSON.stringify({
  ociVersion: "1.0.2",
  process: { user: { uid: 0, gid: 0 }, args: ["true"], cwd: "/" },
  root: { path: "rootfs" },
});

/** Edits, good and bad, that podman's version of CDI knows. */
const EDITS: readonly unknown[] = [
  { env: ["A=1"] },
  { env: ["A"] },
  { env: ["=A"] },
  { env: [""] },
  { env: [7] },
  { env: "A=1" },
  {},
  { env: [] },
  { unknown: 1, env: ["A=1"] },
  { ENV: ["A=1"] },
  { deviceNodes: [{ path: "/dev/null" }] },
  { deviceNodes: [{ path: "" }] },
  { deviceNodes: [{}] },
  { deviceNodes: [{ path: "/dev/null", type: "x" }] },
  { deviceNodes: [{ path: "/dev/null", type: "c" }] },
  { deviceNodes: [{ path: "/dev/null", permissions: "rwx" }] },
  { deviceNodes: [{ path: "/dev/null", permissions: "mr" }] },
  { deviceNodes: [{ path: "/dev/null", uid: -1 }] },
  { deviceNodes: [{ path: "/dev/null", uid: 4294967296 }] },
  { deviceNodes: [{ path: "/dev/null", major: "1" }] },
  { deviceNodes: [{ path: "/dev/null", fileMode: 438 }] },
  { deviceNodes: [{ path: "/dev/null", odd: 1 }] },
  { deviceNodes: [{ path: "/dev/x", hostPath: "/dev/null" }] },
  { mounts: [{ hostPath: "/a", containerPath: "/b" }] },
  { mounts: [{ hostPath: "/a", containerPath: "/b", type: "bind" }] },
  { mounts: [{ hostPath: "", containerPath: "/b" }] },
  { mounts: [{ hostPath: "/a" }] },
  { mounts: [{ hostPath: "a", containerPath: "b", options: ["odd"] }] },
  { hooks: [{ hookName: "prestart", path: "/h" }] },
  { hooks: [{ hookName: "Prestart", path: "/h" }] },
  { hooks: [{ hookName: "prestart", path: "" }] },
  { hooks: [{ hookName: "prestart", path: "h", timeout: -1 }] },
  { hooks: [{ hookName: "poststop", path: "/h", env: ["A"] }] },
  { hooks: [{ hookName: "poststop", path: "/h", env: [] }] },
  null,
];

Deno.test("files are good and bad as podman has them: by edits, version and kind", () => {
  using podman = makePodman();
  const files: Record<string, unknown>[] = [];
  const add = (kind: string, device: unknown, more = {}) =>
    files.push({
      cdiVersion: "0.5.0",
      kind: `v${files.length}.test/${kind}`,
      devices: [device],
      ...more,
    });
  const good = { env: ["A=1"] };
  for (const containerEdits of EDITS) {
    add("cl", { name: "dev", containerEdits });
  }
  add("cl", { name: "dev", containerEdits: good }, { containerEdits: {} });
  add("cl", { name: "dev", containerEdits: good }, {
    containerEdits: { env: ["A"] },
  });
  // This podman takes 0.1.0 and 0.2.0, and does not yet ask whether a file uses
  // more than its version has.
  for (const version of ["0.3.0", "0.5.0", "9.0.0", "", 0.5, "0.5"]) {
    add("cl", { name: "dev", containerEdits: good }, { cdiVersion: version });
  }
  for (const kind of ["cl", "cl/d", "cl-", "", "1cl"]) {
    add(kind, { name: "dev", containerEdits: good });
  }
  for (const name of ["-d", "d-", "", "d/e", "11", 77, "d:e", "d e"]) {
    add("cl", undefined, {
      devices: [
        { name: "dev", containerEdits: good },
        { name, containerEdits: good },
      ],
    });
  }
  add("cl", { name: "dev", containerEdits: good, extra: 1 });
  add("cl", { name: "dev", containerEdits: good }, { extra: 1 });
  add("cl", undefined, {
    devices: [1, 2].map(() => ({ name: "dev", containerEdits: good })),
  });

  // To this podman one bad file is as good as none being there, so each is
  // alone; its error names all devices, where one of them is missing.
  const theirs = files.map((file, i) => {
    podman.write("run", "a.json", file);
    const name = `v${i}.test/cl=dev`;
    const { config, stderr } = podman.inject("--device", name);
    const good = config !== undefined;
    assertEquals(unresolved(stderr), good ? [] : [name], stderr);
    return { name, good };
  });
  podman.write("run", "a.json", files[0]);
  for (const [i, file] of files.entries()) {
    if (i > 0) podman.write("run", `v${i}.json`, file);
  }
  const ours = unresolved(
    burrow(podman, BASE, theirs.map(({ name }) => name)).stderr,
  );
  const differ = theirs.flatMap(({ name, good }, i) =>
    good === !ours.includes(name) ? [] : [{ podman: good, file: files[i] }]
  );
  assertEquals(differ, []);
  const bad = theirs.filter(({ good }) => !good).length;
  assert(bad > 20 && bad < files.length - 10, `${bad} of ${files.length}`);
});

Deno.test("an unresolvable device fails with podman's words, and the cause", () => {
  using podman = makePodman();
  podman.write("run", "a.json", { ...FILE, cdiVersion: "0.3.0" });
  const names = [...devices("aa", "bb"), "other.test/none=zz"];
  const theirs = podman.inject(...names.flatMap((name) => ["--device", name]));
  const ours = burrow(podman, podman.inject().text, names);
  assertEquals(unresolved(ours.stderr), unresolved(theirs.stderr));
  assertMatch(
    ours.stderr,
    /unresolvable CDI devices vendor\.test\/class=aa, vendor\.test\/class=bb, other\.test\/none=zz: .*a\.json" was dropped: cdiVersion: got "0\.3\.0", expected at least "0\.5\.0"/,
  );
});
