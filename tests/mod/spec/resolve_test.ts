import {
  absolutePath,
  isBind,
  resolveSpec,
} from "../../../mod/spec/resolve.ts";
import type { Spec } from "../../../mod/spec/config.ts";
import { assertEquals } from "../../support/assert.ts";

Deno.test("absolutePath() puts a relative path beneath the base", () => {
  assertEquals(absolutePath("rootfs", "/b"), "/b/rootfs");
  assertEquals(absolutePath("./a//b/", "/b/"), "/b/a/b");
  assertEquals(absolutePath(".", "/b"), "/b");
  assertEquals(absolutePath("/a", "/b"), "/a");
  assertEquals(absolutePath("/", "/b"), "/");
});

Deno.test("absolutePath() leaves .. to the kernel", () => {
  assertEquals(absolutePath("../a", "/b/link"), "/b/link/../a");
});

Deno.test("isBind() knows a bind by its type and by its options", () => {
  assertEquals(isBind({ destination: "/a", type: "bind" }), true);
  assertEquals(isBind({ destination: "/a", options: ["ro", "rbind"] }), true);
  assertEquals(isBind({ destination: "/a", options: ["bind"] }), true);
  assertEquals(isBind({ destination: "/a", type: "tmpfs" }), false);
});

Deno.test("resolveSpec() makes paths absolute, in a copy", () => {
  const spec: Spec = {
    ociVersion: "1.3.0",
    root: { path: "rootfs", readonly: true },
    mounts: [
      { destination: "a", type: "tmpfs", source: "tmpfs" },
      { destination: "/b", source: "./data", options: ["rbind"] },
      { destination: "/c", type: "bind", source: "/data" },
    ],
    linux: {
      namespaces: [
        { type: "pid", path: "" },
        { type: "ipc", path: "/proc/1/ns/ipc" },
      ],
      cgroupsPath: "a",
    },
  };
  const before = JSON.stringify(spec);
  assertEquals<unknown>(resolveSpec(spec, "/bundle"), {
    ociVersion: "1.3.0",
    root: { path: "/bundle/rootfs", readonly: true },
    mounts: [
      { destination: "/a", type: "tmpfs", source: "tmpfs" },
      { destination: "/b", source: "/bundle/data", options: ["rbind"] },
      { destination: "/c", type: "bind", source: "/data" },
    ],
    linux: {
      namespaces: [{ type: "pid" }, { type: "ipc", path: "/proc/1/ns/ipc" }],
      cgroupsPath: "a",
    },
  });
  assertEquals(JSON.stringify(spec), before);
});
