import {
  assert,
  assertEquals,
  assertExcludes,
  assertIncludes,
  assertMatch,
} from "../support/assert.ts";
import {
  type Bundle,
  type BundleOptions,
  makeBundle,
} from "../support/bundle.ts";
import { checkout, program } from "../support/fixture.ts";
import type { Result } from "../support/runtime.ts";
import { mapUser } from "../support/spec.ts";

const KIND = "burrow.test/thing";

/** A file with a device `0`, which has all that a busybox root can show. */
function thing(): Record<string, unknown> {
  return {
    cdiVersion: "0.7.0",
    kind: KIND,
    containerEdits: { env: ["FILE=file", "TERM=cdi"] },
    devices: [{
      name: "0",
      containerEdits: {
        env: ["DEVICE=0"],
        deviceNodes: [{ path: "/dev/thing", hostPath: "/dev/zero" }],
        mounts: [{
          hostPath: "/etc/os-release",
          containerPath: "/opt/thing/release",
          options: ["ro", "rbind", "rprivate"],
        }],
        additionalGids: [4242],
      },
    }],
  };
}

/** Writes CDI files into the bundle's folder and returns the directory. */
function writeFiles(
  bundle: Bundle,
  files: Record<string, unknown> = { "thing.json": thing() },
): string {
  const path = `${bundle.folder}/cdi`;
  Deno.mkdirSync(path);
  for (const [name, file] of Object.entries(files)) {
    const text = typeof file === "string" ? file : JSON.stringify(file);
    Deno.writeTextFileSync(`${path}/${name}`, text);
  }
  return path;
}

/** Runs a bundle with options in front of its id. */
async function run(
  options: BundleOptions,
  flags: readonly string[],
  files?: Record<string, unknown>,
): Promise<Result> {
  await using bundle = makeBundle(options);
  const dir = writeFiles(bundle, files);
  return await bundle.runtime(
    ...["run", "--bundle", bundle.path, "--cdi-spec-dir", dir],
    ...flags,
    bundle.id,
  );
}

/** A shell that says what it has of the device. */
const LOOK: BundleOptions = {
  args: [
    "sh",
    "-c",
    "echo $FILE $DEVICE $TERM; head -c 3 /dev/thing | od -An -tx1; " +
    "grep -c . /opt/thing/release; id -G; mknod /dev/other c 1 8 || true",
  ],
};

Deno.test("run --device injects variables, nodes, mounts and groups", async () => {
  const { code, stdout, stderr } = await run(LOOK, ["--device", `${KIND}=0`]);
  assertEquals(code, 0, stderr);
  const [env, bytes, lines, groups] = stdout.split("\n");
  assertEquals(env, "file 0 cdi");
  assertEquals(bytes?.trim(), "00 00 00");
  assert(Number(lines) > 0, stdout);
  assertIncludes(groups?.split(" ") ?? [], "4242");
});

Deno.test("create --device injects, and start runs what it has made", async () => {
  await using bundle = makeBundle(LOOK);
  const dir = writeFiles(bundle);
  const created = await bundle.runtime(
    ...["create", "--bundle", bundle.path, "--cdi-spec-dir", dir],
    ...["--device", `${KIND}=0`, bundle.id],
  );
  assertEquals(created.code, 0, created.stderr);
  const { pid } = await bundle.state();
  assertMatch(
    Deno.readTextFileSync(`/proc/${pid}/mountinfo`),
    / \/opt\/thing\/release /,
  );
});

Deno.test("without --device nothing of a device is there", async () => {
  const { stdout } = await run(
    { args: ["sh", "-c", "ls /dev /opt; env"] },
    [],
  );
  assertExcludes(stdout, "thing");
  assertExcludes(stdout, "DEVICE=");
});

Deno.test("a node of a device can be used, and its cgroup rule is what lets it", async () => {
  const file = (permissions: string) => ({
    ...thing(),
    devices: [{
      name: "0",
      containerEdits: {
        deviceNodes: [{
          path: "/dev/thing",
          type: "b",
          major: 7,
          minor: 250,
          permissions,
        }],
      },
    }],
  });
  const script = { args: ["sh", "-c", "head -c 0 /dev/thing; cat /dev/thing"] };
  const flags = ["--device", `${KIND}=0`];
  const denied = await run(script, flags, { "a.json": file("none") });
  assertMatch(denied.stderr, /Operation not permitted/);
  const allowed = await run(script, flags, { "a.json": file("r") });
  assertExcludes(allowed.stderr, "Operation not permitted");
});

Deno.test("annotations ask for devices only where they are asked to", async () => {
  const options: BundleOptions = {
    args: ["sh", "-c", "echo got $DEVICE"],
    edit: (spec) => {
      spec.annotations = { "cdi.k8s.io/plugin_0": `${KIND}=0` };
    },
  };
  assertEquals((await run(options, [])).stdout, "got\n");
  assertEquals((await run(options, ["--cdi-annotations"])).stdout, "got 0\n");
});

Deno.test("a device that is named and annotated is injected once", async () => {
  const file = {
    ...thing(),
    devices: [{
      name: "0",
      containerEdits: {
        hooks: [{
          hookName: "createRuntime",
          path: "/bin/sh",
          args: ["sh", "-c", 'echo x >>"$OUT"'],
          env: ["OUT=OUTPUT"],
        }],
      },
    }],
  };
  await using bundle = makeBundle({
    edit: (spec) => {
      spec.annotations = { "cdi.k8s.io/plugin_0": `${KIND}=0` };
    },
  });
  const output = `${bundle.folder}/output`;
  const text = JSON.stringify(file).replace("OUTPUT", output);
  const dir = writeFiles(bundle, { "a.json": text });
  const { code, stderr } = await bundle.runtime(
    ...["run", "--bundle", bundle.path, "--cdi-spec-dir", dir],
    ...["--cdi-annotations", "--device", `${KIND}=0`, bundle.id],
  );
  assertEquals(code, 0, stderr);
  assertEquals(Deno.readTextFileSync(output), "x\n");
});

Deno.test("a device works in a user namespace, its mount with the ids of the container", async () => {
  // There a node is a bind of the host's at the same path, as with runc.
  const text = JSON.stringify(thing()).replace("/dev/thing", "/dev/zero");
  const { code, stdout, stderr } = await run(
    {
      args: [
        "sh",
        "-c",
        "stat -c %u /opt/thing/release; head -c 1 /dev/zero | od -An -tx1",
      ],
      edit: (spec, { rootfs }) => {
        mapUser(spec);
        // Its root cannot make the mount point in a root that is not its own.
        Deno.mkdirSync(`${rootfs}/opt/thing`, { recursive: true });
        Deno.writeTextFileSync(`${rootfs}/opt/thing/release`, "");
      },
    },
    ["--device", `${KIND}=0`],
    { "thing.json": text },
  );
  assertEquals(code, 0, stderr);
  assertEquals(stdout.split("\n").map((line) => line.trim()), ["0", "00", ""]);
});

Deno.test("stale numbers get a warning and stay; --cdi-host-numbers takes the host's", async () => {
  const file = {
    ...thing(),
    devices: [{
      name: "0",
      containerEdits: {
        deviceNodes: [{
          path: "/dev/thing",
          hostPath: "/dev/zero",
          major: 1,
          minor: 3,
        }],
      },
    }],
  };
  const script = { args: ["stat", "-c", "%t:%T", "/dev/thing"] };
  const flags = ["--device", `${KIND}=0`];
  const kept = await run(script, flags, { "a.json": file });
  assertEquals(kept.stdout, "1:3\n", kept.stderr);
  assertIncludes(kept.stderr, "the file says 1:3");
  const taken = await run(
    script,
    [...flags, "--cdi-host-numbers"],
    { "a.json": file },
  );
  assertEquals(taken.stdout, "1:5\n", taken.stderr);
});

Deno.test("a device that cannot be had stops create, in one line, with nothing left", async () => {
  const { code, stderr } = await run(
    LOOK,
    ["--device", `${KIND}=1`, "--device", "none.test/x=y"],
    { "thing.json": thing(), "bad.yaml": "kind: none.test/x\n" },
  );
  assertEquals(code, 1);
  assertEquals(stderr.trim().split("\n").length, 1, stderr);
  assertMatch(
    stderr,
    /unresolvable CDI devices burrow\.test\/thing=1, none\.test\/x=y: "burrow\.test\/thing=1": no file defines it, did you mean "burrow\.test\/thing=0"; "none\.test\/x=y": no file defines it, ".*\/bad\.yaml" was dropped: cdiVersion: is missing/,
  );
});

Deno.test("a mount source that is not there is named", async () => {
  const file = {
    ...thing(),
    devices: [{
      name: "0",
      containerEdits: {
        mounts: [{
          hostPath: "/no/such/library",
          containerPath: "/x",
          options: ["bind"],
        }],
      },
    }],
  };
  const { code, stderr } = await run(LOOK, ["--device", `${KIND}=0`], {
    "a.json": file,
  });
  assertEquals(code, 1);
  assertIncludes(stderr, "/no/such/library");
});

Deno.test("a file as Kubernetes' device plugin writes it works whole, by UUID", async () => {
  const template = Deno.readTextFileSync(
    `${checkout()}/tests/testdata/cdi/k8s.device-plugin.nvidia.com-gpu.json`,
  );
  await using bundle = makeBundle({
    rootfs: "debian",
    programs: ["dlopen_probe"],
    args: [
      "sh",
      "-c",
      "ls /dev; readlink /usr/lib/x86_64-linux-gnu/libburrowanswer.so; " +
      "readlink /dev/dri/by-path/pci-0000:09:00.0-card; " +
      "echo $NVIDIA_VISIBLE_DEVICES; ldconfig -p | grep answer; " +
      "/test/dlopen_probe libburrowanswer.so.1; echo $?",
    ],
  });
  const driver = `${bundle.folder}/driver`;
  Deno.mkdirSync(driver);
  Deno.copyFileSync(program("answer.so"), `${driver}/libburrowanswer.so.1`);
  const dir = writeFiles(bundle, {
    "k8s.device-plugin.nvidia.com-gpu.json": template.replace("DRIVER", driver),
  });
  const { code, stdout, stderr } = await bundle.runtime(
    ...["run", "--bundle", bundle.path, "--cdi-spec-dir", dir, "--device"],
    "k8s.device-plugin.nvidia.com/gpu=GPU-5f0d2c51-6c1e-4c2b-9b1a-0a4f9f6f7a11",
    // Whatever is installed here: the hooks' program may be missing.
    ...["--native-hooks", "always", bundle.id],
  );
  assertEquals(code, 0, stderr);
  const lines = stdout.split("\n");
  for (const name of ["nvidia0", "nvidiactl", "nvidia-uvm", "dri"]) {
    assertIncludes(lines, name);
  }
  assertExcludes(lines, "nvidia1");
  for (const line of ["libburrowanswer.so.1", "../card1", "void", "42"]) {
    assertIncludes(lines, line);
  }
  assertMatch(stdout, /libburrowanswer\.so\.1 .* => /);
});

Deno.test("do --device gives a command of this host a device", async () => {
  await using bundle = makeBundle({ rootfs: "none" });
  const dir = writeFiles(bundle);
  const { code, stdout, stderr } = await bundle.runtime(
    ...["do", "--cdi-spec-dir", dir, "--device", `${KIND}=0`, "--"],
    ...["sh", "-c", "echo $DEVICE; test -c /dev/thing && echo node"],
  );
  assertEquals([code, stdout], [0, "0\nnode\n"], stderr);
});

Deno.test("--native-hooks takes three words", async () => {
  const { code, stderr } = await run(LOOK, ["--native-hooks", "sometimes"]);
  assertEquals(code, 1);
  assertIncludes(stderr, "auto, always or never");
});
