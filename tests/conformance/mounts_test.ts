import {
  assert,
  assertEquals,
  assertExcludes,
  assertIncludes,
} from "../support/assert.ts";
import { makeBundle, outputOf, runOnce } from "../support/bundle.ts";
import {
  mountAt,
  type MountInfo,
  parseMountInfo,
  propagationOf,
} from "../support/mountinfo.ts";
import { isRunc } from "../support/runtime.ts";
import type { Spec, SpecMount } from "../support/spec.ts";

/** The mounts that a program sees when the spec has these more. */
async function mountsWith(...mounts: SpecMount[]): Promise<MountInfo[]> {
  const text = await outputOf({
    args: ["cat", "/proc/self/mountinfo"],
    edit: (spec) => void spec.mounts.push(...mounts),
  });
  return parseMountInfo(text);
}

/** A folder `source` with a file and a subfolder, bound on /target. */
async function bound(
  script: string,
  options: string[],
  more: (spec: Spec, source: string) => void = () => {},
): Promise<string> {
  return await outputOf({
    args: ["sh", "-c", script],
    edit: (spec, { folder }) => {
      const source = `${folder}/source`;
      Deno.mkdirSync(`${source}/sub`, { recursive: true });
      Deno.writeTextFileSync(`${source}/file`, "content");
      spec.mounts.push({ destination: "/target", source, options });
      more(spec, source);
    },
  });
}

Deno.test("bind shows a folder of the host, and writes reach it", async () => {
  const script = "cat /target/file; echo new > /target/new && ls /target";
  const seen = await bound(script, ["bind"]);
  assertEquals(seen, "contentfile\nnew\nsub");
});

for (const [word, wanted] of [["rbind", "below"], ["bind", "none"]]) {
  Deno.test(`${word} of a folder with a mount below shows ${wanted}`, async () => {
    await using bundle = makeBundle({
      args: ["sh", "-c", "ls /target/sub | grep below || echo none"],
      edit: (spec, { folder }) => {
        Deno.mkdirSync(`${folder}/source/sub`, { recursive: true });
        const mount = { destination: "/target", source: `${folder}/source` };
        spec.mounts.push({ ...mount, options: [word ?? "", "ro"] });
      },
    });
    const script = 'mount -t tmpfs sub "$0" && echo > "$0/below"; "$@"';
    const sub = `${bundle.folder}/source/sub`;
    const wrap = ["unshare", "-m", "sh", "-c", script, sub];
    const { stdout, stderr } = await bundle.run({ wrap });
    assertEquals(stdout.trim(), wanted, stderr);
  });
}

Deno.test("ro, nosuid, nodev and noexec hold for a bind", async () => {
  const options = ["rbind", "ro", "nosuid", "nodev", "noexec"];
  const seen = await bound(
    "echo x > /target/file; cat /proc/self/mountinfo",
    options,
  );
  const mount = mountAt(parseMountInfo(seen), "/target");
  for (const word of ["ro", "nosuid", "nodev", "noexec"]) {
    assertIncludes(mount.options, word);
  }
});

Deno.test("a read-only bind leaves its source writable", async () => {
  const script = "echo x > /target/file || echo > /again/file && echo wrote";
  const seen = await bound(script, ["bind", "ro"], (spec, source) => {
    const mount = { destination: "/again", source, options: ["bind", "rw"] };
    spec.mounts.push(mount);
  });
  assertEquals(seen, "wrote");
});

Deno.test("flags of a later word win over an earlier one", async () => {
  const mounts = await mountsWith({
    destination: "/data",
    type: "tmpfs",
    source: "tmpfs",
    options: ["ro", "rw", "exec", "noexec", "suid", "nosuid", "dev"],
  });
  const { options } = mountAt(mounts, "/data");
  assertIncludes(options, "rw");
  assertIncludes(options, "noexec");
  assertIncludes(options, "nosuid");
  assertExcludes(options, "nodev");
});

Deno.test("tmpfs has the size and mode of its options", async () => {
  const seen = await outputOf({
    args: ["sh", "-c", "stat -c %a /data; cat /proc/self/mountinfo"],
    edit: (spec) =>
      void spec.mounts.push({
        destination: "/data",
        type: "tmpfs",
        source: "store",
        options: ["size=1m", "mode=0710", "uid=5", "noatime"],
      }),
  });
  const [mode = "", ...lines] = seen.split("\n");
  assertEquals(mode, "710");
  const mount = mountAt(parseMountInfo(lines.join("\n")), "/data");
  assertEquals(mount.type, "tmpfs");
  assertEquals(mount.source, "store");
  assertIncludes(mount.options, "noatime");
  assertIncludes(mount.superOptions, "size=1024k");
  assertIncludes(mount.superOptions, "uid=5");
});

Deno.test("tmpfs without options is a tmpfs", async () => {
  const mounts = await mountsWith({ destination: "/data", type: "tmpfs" });
  assertEquals(mountAt(mounts, "/data").type, "tmpfs");
});

Deno.test("tmpcopyup fills a tmpfs with what was there", async () => {
  const seen = await outputOf({
    args: ["sh", "-c", "cat /etc/passwd | head -c 4; echo x > /etc/new"],
    edit: (spec) =>
      void spec.mounts.push({
        destination: "/etc",
        type: "tmpfs",
        source: "tmpfs",
        options: ["tmpcopyup", "rw"],
      }),
  });
  assertEquals(seen, "root");
});

Deno.test("the kernel's own file systems are of their types", async () => {
  const mounts = await mountsWith();
  const types: Record<string, string> = {
    "/proc": "proc",
    "/sys": "sysfs",
    "/dev": "tmpfs",
    "/dev/pts": "devpts",
    "/dev/mqueue": "mqueue",
    "/dev/shm": "tmpfs",
  };
  for (const [path, type] of Object.entries(types)) {
    assertEquals(mountAt(mounts, path).type, type, path);
  }
  assertIncludes(mountAt(mounts, "/sys").options, "ro");
});

Deno.test("devpts is an instance of its own with the options of the spec", async () => {
  const mounts = await mountsWith();
  const { superOptions } = mountAt(mounts, "/dev/pts");
  for (const word of ["gid=5", "mode=620", "ptmxmode=666"]) {
    assertIncludes(superOptions, word);
  }
});

for (
  const [word, wanted] of [
    ["private", "private"],
    ["rprivate", "private"],
    ["slave", "slave"],
    ["rslave", "slave"],
    ["shared", "shared"],
    ["rshared", "shared"],
    ["unbindable", "unbindable"],
    ["runbindable", "unbindable"],
  ] as const
) {
  Deno.test(`the option ${word} makes a bind ${wanted}`, async () => {
    const text = await outputOf({
      args: ["cat", "/proc/self/mountinfo"],
      edit: (spec) =>
        void spec.mounts.push({
          destination: "/target",
          source: "/etc",
          options: ["rbind", word],
        }),
    }, { wrap: ["unshare", "-m", "--propagation", "shared"] });
    const mount = mountAt(parseMountInfo(text), "/target");
    const seen = propagationOf(mount);
    assert(seen.split("+").includes(wanted), `${seen}: ${mount.tags}`);
  });
}

Deno.test("mounts are made in the order of the spec", async () => {
  const seen = await outputOf({
    args: ["sh", "-c", "ls /data; cat /data/inner/passwd | head -c 4"],
    edit: (spec) =>
      void spec.mounts.push(
        { destination: "/data", type: "tmpfs", source: "tmpfs" },
        { destination: "/data/inner", source: "/etc", options: ["bind"] },
      ),
  });
  assertEquals(seen, "inner\nroot");
});

Deno.test("a later mount on the same place covers the earlier one", async () => {
  const seen = await outputOf({
    args: ["sh", "-c", "ls /data"],
    edit: (spec) =>
      void spec.mounts.push(
        { destination: "/data", source: "/etc", options: ["bind"] },
        { destination: "/data", type: "tmpfs", source: "tmpfs" },
      ),
  });
  assertEquals(seen, "");
});

Deno.test("a source that is relative belongs to the bundle", async () => {
  const seen = await outputOf({
    args: ["cat", "/data/file"],
    edit: (spec, { path }) => {
      Deno.mkdirSync(`${path}/beside`);
      Deno.writeTextFileSync(`${path}/beside/file`, "from the bundle");
      const mount = { destination: "/data", source: "beside" };
      spec.mounts.push({ ...mount, options: ["bind"] });
    },
  });
  assertEquals(seen, "from the bundle");
});

Deno.test("a bind source that is missing is reported by name", async () => {
  const { code, stderr } = await runOnce({
    edit: (spec) => {
      const mount = { destination: "/data", source: "/no/such/source" };
      spec.mounts.push({ ...mount, options: ["bind"] });
    },
  });
  assertEquals(code, 1);
  assertIncludes(stderr, "/no/such/source");
  assertIncludes(stderr, "no such file or directory");
});

Deno.test("a file system type that the kernel lacks is reported by name", async () => {
  const { code, stderr } = await runOnce({
    edit: (spec) => {
      spec.mounts.push({ destination: "/data", type: "nosuchfs" });
    },
  });
  assertEquals(code, 1);
  if (!isRunc()) assertIncludes(stderr, "nosuchfs");
});

Deno.test("a cgroup mount shows the container's cgroups, read-only", async () => {
  const seen = await outputOf({
    args: [
      "sh",
      "-c",
      "cat /sys/fs/cgroup/pids/cgroup.procs; ls /sys/fs/cgroup",
    ],
    edit: (spec) => {
      spec.linux.namespaces.push({ type: "cgroup" });
      spec.mounts.push({
        destination: "/sys/fs/cgroup",
        type: "cgroup",
        source: "cgroup",
        options: ["nosuid", "noexec", "nodev", "relatime", "ro"],
      });
    },
  });
  const [first, ...rest] = seen.split("\n");
  assertEquals(first, "1");
  for (const name of ["cpu", "memory", "devices"]) assertIncludes(rest, name);
});
