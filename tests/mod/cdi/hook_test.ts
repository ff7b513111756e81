import { readJob } from "../../../mod/cdi/hook/arguments.ts";
import {
  isNewer,
  readCompatNote,
  usesCompat,
} from "../../../mod/cdi/hook/compat.ts";
import { matches, nameOf } from "../../../mod/cdi/hook/conf.ts";
import { recogniseHook, replaceHook } from "../../../mod/cdi/hook/name.ts";
import type { NativeHookName } from "../../../mod/cdi/hook/name.ts";
import { withoutModification } from "../../../mod/cdi/hook/params.ts";
import { profileText } from "../../../mod/cdi/hook/profile.ts";
import { splitPath } from "../../../mod/cdi/hook/site.ts";
import { assertEquals, assertIncludes } from "../../support/assert.ts";
import { compatNote, makeElf, pieces } from "../../support/elf.ts";

/** The name of the hook that some arguments ask for. */
function nameFor(...args: string[]): string | undefined {
  return recogniseHook({ path: "/x", args })?.name;
}

Deno.test("recogniseHook() knows both spellings of NVIDIA's, and ours, wherever they lie", () => {
  assertEquals(nameFor("nvidia-cdi-hook", "update-ldcache"), "update-ldcache");
  assertEquals(nameFor("/nix/x/nvidia-cdi-hook", "chmod"), "chmod");
  assertEquals(
    nameFor("nvidia-ctk", "hook", "create-symlinks"),
    "create-symlinks",
  );
  assertEquals(nameFor("burrow", "hook", "noop"), "noop");
});

Deno.test("recogniseHook() leaves what is not ours to do", () => {
  assertEquals(nameFor("nvidia-ctk", "update-ldcache"), undefined);
  assertEquals(nameFor("nvidia-cdi-hook", "hook", "update-ldcache"), undefined);
  assertEquals(nameFor("nvidia-cdi-hook", "create-soname-symlinks"), undefined);
  assertEquals(nameFor("nvidia-cdi-hook"), undefined);
  assertEquals(nameFor("my-hook", "update-ldcache"), undefined);
  assertEquals(nameFor(), undefined);
});

Deno.test("replaceHook() replaces by the mode, and by what is missing", () => {
  const theirs = { path: "/a/hook", args: ["nvidia-cdi-hook", "noop"] };
  const ours = { path: "/b/burrow", args: ["burrow", "hook", "noop"] };
  const there = () => false;
  const missing = (path: string) => path === "/a/hook";
  assertEquals(replaceHook(theirs, "auto", there), undefined);
  assertEquals(replaceHook(theirs, "auto", missing)?.name, "noop");
  assertEquals(replaceHook(theirs, "always", there)?.name, "noop");
  assertEquals(replaceHook(theirs, "never", missing), undefined);
  assertEquals(replaceHook(ours, "auto", there)?.name, "noop");
  assertEquals(replaceHook(ours, "never", there), undefined);
});

/** Reads arguments; throws where it warns. */
function job(name: NativeHookName, ...args: string[]) {
  return readJob({ name, args, own: false }, (message) => {
    throw new Error(message);
  });
}

Deno.test("readJob() takes flags as theirs: with one dash or two, joined or apart, in lists", () => {
  assertEquals(
    job(
      "create-symlinks",
      "--link",
      "a::/b",
      "--link=c::/d",
      "-link",
      "e::/f,g::/h",
    ),
    {
      kind: "create-symlinks",
      links: [
        { target: "a", path: "/b" },
        { target: "c", path: "/d" },
        { target: "e", path: "/f" },
        { target: "g", path: "/h" },
      ],
    },
  );
  assertEquals(job("update-ldcache", "--folder", "/a", "--folder=/b"), {
    kind: "update-ldcache",
    folders: ["/a", "/b"],
    ldconfig: "/sbin/ldconfig",
  });
  assertEquals(job("chmod", "--mode", "755", "--path", "/a", "--path", "/b"), {
    kind: "chmod",
    mode: 0o755,
    paths: ["/a", "/b"],
  });
});

/** The words of what `act` throws. */
function failureOf(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
  return "";
}

Deno.test("readJob() refuses values that make no sense", () => {
  for (const link of ["a", "a::", "::/b", "a::b::c"]) {
    assertIncludes(
      failureOf(() => job("create-symlinks", "--link", link)),
      "TARGET::PATH",
    );
  }
  assertIncludes(failureOf(() => job("chmod", "--mode", "rwx")), "octal");
  assertIncludes(failureOf(() => job("chmod", "--mode")), "needs an argument");
});

Deno.test("readJob() warns of a flag that it does not know, and goes on", () => {
  const said: string[] = [];
  const read = readJob(
    { name: "noop", args: ["--newer", "x"], own: false },
    (message) => said.push(message),
  );
  assertEquals(read.kind, "noop");
  assertEquals(said.length, 1);
});

Deno.test("isNewer() compares numbers, not text", () => {
  assertEquals(isNewer("13.1", "12.9"), true);
  assertEquals(isNewer("12.10", "12.9"), true);
  assertEquals(isNewer("12.9", "12.9"), false);
  assertEquals(isNewer("580.159.04", "580.159.03"), true);
  assertEquals(isNewer("580", "580.1"), false);
});

Deno.test("readCompatNote() reads what a library says of itself", () => {
  const document =
    `{"Format": 1, "CUDA Version": "13.1", "Driver": [535, 580], "Device": [1]}\n`;
  const bytes = makeElf({
    section: {
      name: ".note.cuda.fwd_compatibility",
      bytes: compatNote(document),
    },
  });
  assertEquals(readCompatNote(pieces(bytes)), {
    cudaVersion: "13.1",
    drivers: [535, 580],
  });
  assertEquals(readCompatNote(pieces(makeElf())), undefined);
  assertEquals(readCompatNote(pieces(new Uint8Array(10))), undefined);
});

Deno.test("usesCompat() heeds the drivers that a library names, else the versions", () => {
  const host = { driverVersion: "580.159.04", cudaVersion: "13.0" };
  const note = { cudaVersion: "13.1", drivers: [535, 580] };
  assertEquals(usesCompat("590.44.01", note, host), true);
  assertEquals(
    usesCompat("590.44.01", { ...note, drivers: [535] }, host),
    false,
  );
  assertEquals(usesCompat("580.1", note, host), false, "older than the host's");
  assertEquals(usesCompat("590.1", { ...note, drivers: [] }, host), true);
  assertEquals(
    usesCompat("590.1", { cudaVersion: "13.0", drivers: [] }, host),
    false,
  );
  assertEquals(usesCompat("590.1", undefined, host), true);
  assertEquals(usesCompat("580.200", undefined, host), false);
  assertEquals(
    usesCompat("590.1", undefined, { driverVersion: "", cudaVersion: "" }),
    false,
  );
});

Deno.test("withoutModification() takes the permission, and nothing else", () => {
  assertEquals(
    withoutModification("A: 1\nModifyDeviceFiles: 1\nB: 1\n"),
    "A: 1\nModifyDeviceFiles: 0\nB: 1\n",
  );
  assertEquals(withoutModification("ModifyDeviceFiles: 0\n"), undefined);
  assertEquals(withoutModification("NotModifyDeviceFiles: 1\n"), undefined);
});

Deno.test("profileText() is JSON but for its hexadecimal mask", () => {
  const text = profileText([0, 33, 64]);
  assertIncludes(text, "0x200000001");
  JSON.parse(text.replace("0x200000001", "1"));
});

Deno.test("matches() is the loader's idea of a pattern", () => {
  assertEquals(matches("*.conf", "a.conf"), true);
  assertEquals(matches("*.conf", ".a.conf"), false);
  assertEquals(matches("*.conf", "a.config"), false);
  assertEquals(matches("0?-*.conf", "00-x.conf"), true);
  assertEquals(matches("a+b", "aab"), false);
});

Deno.test("nameOf() names the same text the same, and another otherwise", () => {
  assertEquals(nameOf("/a\n"), nameOf("/a\n"));
  assertEquals(nameOf("/a\n") === nameOf("/b\n"), false);
  assertEquals(nameOf("").length, 8);
});

Deno.test("splitPath() leaves .. to the kernel", () => {
  assertEquals(splitPath("/a/b"), { folder: "/a", name: "b" });
  assertEquals(splitPath("/b/"), { folder: "/", name: "b" });
  assertEquals(splitPath("b"), { folder: "/", name: "b" });
  assertEquals(splitPath("/a/../b"), { folder: "/a/..", name: "b" });
});
