import {
  cgroupDirectory,
  parseCgroupsPath,
} from "../../../mod/cgroups/path.ts";
import { renderError } from "../../../mod/errors.ts";
import { assertEquals, assertMatch, fail } from "../../support/assert.ts";

/** The line of an error. */
function refusal(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    return renderError(error);
  }
  return fail("nothing was refused");
}

Deno.test("parseCgroupsPath() tells absolute from relative, and takes the id for neither", () => {
  const table: [string | undefined, string, boolean][] = [
    ["/a/b", "a/b", true],
    ["a/b", "a/b", false],
    ["//a/./b/", "a/b", true],
    ["", "id1", false],
    [undefined, "id1", false],
    ["/kubepods/pod:1/x", "kubepods/pod:1/x", true],
  ];
  for (const [text, path, absolute] of table) {
    assertEquals(parseCgroupsPath(text, "id1"), { path, absolute }, text);
  }
});

Deno.test("parseCgroupsPath() refuses what would leave or be the tree's root", () => {
  for (const path of ["/a/../b", "../a", "..", "a/.."]) {
    assertMatch(refusal(() => parseCgroupsPath(path, "i")), /has "\.\." in it/);
  }
  for (const path of ["/", "//", "/.", "."]) {
    assertMatch(
      refusal(() => parseCgroupsPath(path, "i")),
      /is the root of the cgroup tree$/,
    );
  }
  assertMatch(refusal(() => parseCgroupsPath("a\nb", "i")), /newline/);
});

Deno.test("parseCgroupsPath() tells that systemd's form needs its flag", () => {
  assertEquals(
    refusal(() => parseCgroupsPath("system.slice:runc:abc", "i")),
    'cgroupsPath "system.slice:runc:abc" is in systemd\'s form ' +
      "(systemd cgroups need --systemd-cgroup)",
  );
  assertMatch(refusal(() => parseCgroupsPath(":runc:abc", "i")), /systemd/);
});

Deno.test("cgroupDirectory() begins at the mount, our own cgroup, or its parent", () => {
  const hierarchy = {
    controllers: ["memory"],
    mountPoint: "/m",
    own: "/m/user/session",
  };
  const top = { ...hierarchy, own: "/m" };
  const absolute = { path: "a/b", absolute: true };
  const relative = { path: "a/b", absolute: false };
  assertEquals(cgroupDirectory(1, hierarchy, absolute), "/m/a/b");
  assertEquals(cgroupDirectory(2, hierarchy, absolute), "/m/a/b");
  assertEquals(
    cgroupDirectory(1, hierarchy, relative),
    "/m/user/session/a/b",
  );
  assertEquals(cgroupDirectory(2, hierarchy, relative), "/m/user/a/b");
  assertEquals(cgroupDirectory(1, top, relative), "/m/a/b");
  assertEquals(cgroupDirectory(2, top, relative), "/m/a/b");
});

Deno.test("cgroupDirectory() refuses a relative path where the mount does not show us", () => {
  const hierarchy = { controllers: [], mountPoint: "/m" };
  assertMatch(
    refusal(() =>
      cgroupDirectory(1, hierarchy, { path: "a", absolute: false })
    ),
    /relative cgroupsPath "a": the mount "\/m" does not show/,
  );
  assertEquals(
    cgroupDirectory(1, hierarchy, { path: "a", absolute: true }),
    "/m/a",
  );
});
