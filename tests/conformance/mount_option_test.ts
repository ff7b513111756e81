import {
  assert,
  assertEquals,
  assertExcludes,
  assertIncludes,
} from "../support/assert.ts";
import {
  type Bundle,
  makeBundle,
  outputOf,
  runOnce,
} from "../support/bundle.ts";
import { mountAt, parseMountInfo } from "../support/mountinfo.ts";
import { host, isRunc } from "../support/runtime.ts";
import { mapUser, type Spec } from "../support/spec.ts";

/** Runs a bundle behind a mount of `type` with `flags` on its folder `below`. */
async function behindMount(
  flags: string,
  options: string[],
  edit: (spec: Spec) => void = () => {},
): Promise<{ code: number; stdout: string; stderr: string }> {
  await using bundle = makeBundle({
    args: ["cat", "/proc/self/mountinfo"],
    edit: (spec, { folder, rootfs }) => {
      Deno.mkdirSync(`${folder}/source/sub`, { recursive: true });
      Deno.mkdirSync(`${rootfs}/target`);
      spec.mounts.push({
        destination: "/target",
        source: `${folder}/source`,
        options,
      });
      edit(spec);
    },
  });
  return await bundle.run({ wrap: mounting(bundle, flags) });
}

/** A command in front that mounts a tmpfs below the source, for it alone. */
function mounting({ folder }: Bundle, flags: string): string[] {
  const script = `mount -t tmpfs -o ${flags} top "$0" && mkdir "$0/sub" || ` +
    'mount -t tmpfs top "$0" && mkdir -p "$0/sub"; ' +
    `mount -o remount,bind,${flags} "$0"; ` +
    `mount -t tmpfs -o ${flags} sub "$0/sub"; exec "$@"`;
  return ["unshare", "-m", "sh", "-c", script, `${folder}/source`];
}

/** Options of the mounts of a container at the two places. */
function optionsOf(mountinfo: string): [top: string[], sub: string[]] {
  const all = parseMountInfo(mountinfo);
  const options = (path: string) => [...mountAt(all, path).options];
  return [options("/target"), options("/target/sub")];
}

/** Each word for the whole tree, what the tree had, and what it has then. */
const RECURSIVE: [string, string, string | undefined, string | undefined][] = [
  ["rro", "rw", "ro", "rw"],
  ["rrw", "ro", "rw", "ro"],
  ["rnosuid", "suid", "nosuid", undefined],
  ["rsuid", "nosuid", undefined, "nosuid"],
  ["rnodev", "dev", "nodev", undefined],
  ["rdev", "nodev", undefined, "nodev"],
  ["rnoexec", "exec", "noexec", undefined],
  ["rexec", "noexec", undefined, "noexec"],
  ["rnodiratime", "diratime", "nodiratime", undefined],
  ["rdiratime", "nodiratime", undefined, "nodiratime"],
  ["rnoatime", "relatime", "noatime", "relatime"],
  ["ratime", "noatime", "relatime", "noatime"],
  ["rrelatime", "noatime", "relatime", "noatime"],
  ["rnorelatime", "relatime", undefined, "relatime"],
  ["rstrictatime", "noatime", undefined, "noatime"],
  ["rnostrictatime", "noatime", "relatime", "noatime"],
  ["rnosymfollow", "symfollow", "nosymfollow", undefined],
  ["rsymfollow", "nosymfollow", undefined, "nosymfollow"],
];

for (const [word, before, wanted, gone] of RECURSIVE) {
  Deno.test(`${word} holds for a mount and those below it`, async () => {
    const { code, stdout, stderr } = await behindMount(before, ["rbind", word]);
    // runc 1.1.5 has no word for the way back of these.
    if (isRunc() && /atime|symfollow/.test(word)) return;
    assertEquals(code, 0, stderr);
    for (const options of optionsOf(stdout)) {
      if (wanted !== undefined) assertIncludes(options, wanted);
      if (gone !== undefined) assertExcludes(options, gone);
    }
  });
}

Deno.test("ro without its r leaves the mounts below writable", async () => {
  const { stdout, stderr } = await behindMount("rw", ["rbind", "ro"]);
  const [top, sub] = optionsOf(stdout || stderr);
  assertIncludes(top, "ro");
  assertIncludes(sub, "rw");
});

/** Words that take a flag away from a bind. */
const NEGATIVE: [string, string][] = [
  ["rw", "ro"],
  ["suid", "nosuid"],
  ["dev", "nodev"],
  ["exec", "noexec"],
  ["atime", "noatime"],
  ["diratime", "nodiratime"],
  ["symfollow", "nosymfollow"],
];

for (const [word, flag] of NEGATIVE) {
  Deno.test(`${word} takes ${flag} away from a bind`, async () => {
    const { code, stdout, stderr } = await behindMount(flag, ["rbind", word]);
    // runc 1.1.5 keeps what a bind has.
    if (isRunc()) return;
    assertEquals(code, 0, stderr);
    const [top, sub] = optionsOf(stdout);
    assertExcludes(top, flag);
    assertIncludes(sub, flag);
  });
}

Deno.test("a bind keeps the flags that no word names", async () => {
  const flags = "nosuid,nodev,noexec,noatime";
  const { code, stdout, stderr } = await behindMount(flags, ["rbind", "ro"]);
  // runc 1.1.5 keeps none.
  if (isRunc()) return;
  assertEquals(code, 0, stderr);
  const [top] = optionsOf(stdout);
  for (const flag of ["ro", ...flags.split(",")]) assertIncludes(top, flag);
});

Deno.test("a bind keeps locked flags in a user namespace", async () => {
  const flags = "nosuid,nodev,noexec,noatime";
  const { code, stdout, stderr } = await behindMount(
    flags,
    ["rbind", "ro"],
    mapUser,
  );
  if (isRunc()) return;
  assertEquals(code, 0, stderr);
  const [top] = optionsOf(stdout);
  for (const flag of ["ro", ...flags.split(",")]) assertIncludes(top, flag);
});

Deno.test("a bind with an option of a filesystem is refused", async () => {
  const { code, stderr } = await behindMount("rw", ["rbind", "size=1m"]);
  // runc refuses this from 1.2 on.
  if (isRunc()) return;
  assertEquals(code, 1);
  assertIncludes(stderr, "size=1m");
});

Deno.test("words of the superblock reach the filesystem", async () => {
  const text = await outputOf({
    args: ["cat", "/proc/self/mountinfo"],
    edit: (spec) =>
      void spec.mounts.push({
        destination: "/data",
        type: "tmpfs",
        source: "tmpfs",
        options: ["sync", "dirsync", "lazytime", "nr_inodes=77"],
      }),
  });
  const { superOptions } = mountAt(parseMountInfo(text), "/data");
  for (const word of ["sync", "dirsync", "lazytime", "nr_inodes=77"]) {
    assertIncludes(superOptions, word);
  }
});

Deno.test("a tmpfs has the permissions of the folder that it covers", async () => {
  const seen = await outputOf({
    args: ["stat", "-c", "%a", "/was", "/new", "/told"],
    edit: (spec, { rootfs }) => {
      for (const name of ["was", "told"]) {
        Deno.mkdirSync(`${rootfs}/${name}`);
        Deno.chmodSync(`${rootfs}/${name}`, 0o711);
      }
      for (const name of ["was", "new", "told"]) {
        spec.mounts.push({
          destination: `/${name}`,
          type: "tmpfs",
          source: "tmpfs",
          options: name === "told" ? ["mode=0700"] : [],
        });
      }
    },
  });
  // runc 1.1.5 heeds the folder even where the mode is told.
  assertEquals(seen, `711\n1777\n${isRunc() ? "711" : "700"}`);
});

Deno.test("tmpcopyup copies all kinds of files, with owners and permissions", async () => {
  const seen = await outputOf({
    args: [
      "sh",
      "-c",
      "cd /full && find . | sort | xargs stat -c '%n %F %a %u:%g' && " +
      "readlink link && wc -c < big && cat deep/er/file && df . | tail -1 | " +
      "cut -d' ' -f1; touch /full/new",
    ],
    edit: (spec, { rootfs }) => {
      const top = `${rootfs}/full`;
      Deno.mkdirSync(`${top}/deep/er`, { recursive: true });
      Deno.chmodSync(`${top}/deep`, 0o750);
      Deno.writeTextFileSync(`${top}/deep/er/file`, "deep\n");
      Deno.writeFileSync(`${top}/big`, new Uint8Array(3_000_000));
      Deno.writeTextFileSync(`${top}/owned`, "x");
      Deno.chownSync(`${top}/owned`, 12, 34);
      Deno.chmodSync(`${top}/owned`, 0o4755);
      Deno.symlinkSync("/etc/shadow", `${top}/link`);
      // runc 1.1.5 stumbles over a fifo.
      if (!isRunc()) host("mkfifo", "-m", "640", `${top}/fifo`);
      for (let i = 0; i < 40; i++) {
        Deno.writeTextFileSync(`${top}/deep/${10 + i}`, "");
      }
      spec.mounts.push({
        destination: "/full",
        type: "tmpfs",
        source: "copied",
        options: ["tmpcopyup"],
      });
    },
  });
  const lines = seen.split("\n").filter((line) => !/\/deep\/\d\d /.test(line));
  assertEquals(lines.slice(1), [
    "./big regular file 644 0:0",
    "./deep directory 750 0:0",
    "./deep/er directory 755 0:0",
    "./deep/er/file regular file 644 0:0",
    ...isRunc() ? [] : ["./fifo fifo 640 0:0"],
    "./link symbolic link 777 0:0",
    "./owned regular file 4755 12:34",
    "/etc/shadow",
    "3000000",
    "deep",
    "copied",
  ]);
  assertEquals(seen.split("\n").length - lines.length, 40);
});

Deno.test("tmpcopyup leaves the image as it is", async () => {
  await using bundle = makeBundle({
    args: ["sh", "-c", "echo new > /full/file; rm /full/other"],
    edit: (spec, { rootfs }) => {
      Deno.mkdirSync(`${rootfs}/full`);
      Deno.writeTextFileSync(`${rootfs}/full/file`, "old");
      Deno.writeTextFileSync(`${rootfs}/full/other`, "");
      spec.mounts.push({
        destination: "/full",
        type: "tmpfs",
        source: "tmpfs",
        options: ["tmpcopyup"],
      });
    },
  });
  const { code, stderr } = await bundle.run();
  assertEquals(code, 0, stderr);
  assertEquals(Deno.readTextFileSync(`${bundle.rootfs}/full/file`), "old");
  assert(Deno.statSync(`${bundle.rootfs}/full/other`).isFile);
});

Deno.test("tmpcopyup of something else than a tmpfs is refused", async () => {
  const { code, stderr } = await runOnce({
    edit: (spec) =>
      void spec.mounts.push({
        destination: "/data",
        source: "/etc",
        options: ["bind", "tmpcopyup"],
      }),
  });
  // runc 1.1.5 passes it over.
  if (isRunc()) return;
  assertEquals(code, 1);
  assertIncludes(stderr, "tmpcopyup");
});

Deno.test("a relative destination begins at the root", async () => {
  const { code, stdout, stderr } = await runOnce({
    args: ["head", "-c", "4", "/data/passwd"],
    edit: (spec) =>
      void spec.mounts.push({
        destination: "data",
        source: "/etc",
        options: ["bind"],
      }),
  });
  assertEquals(code, 0, stderr);
  assertEquals(stdout, "root");
});
