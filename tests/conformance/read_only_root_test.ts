import { assertEquals, assertIncludes } from "../support/assert.ts";
import { makeBundle } from "../support/bundle.ts";
import { makeReadOnlyRoot, useRoot } from "../support/image.ts";

for (const kind of ["erofs", "bind"] as const) {
  Deno.test(`a ${kind} root that needs nothing is used as it is`, async () => {
    using root = makeReadOnlyRoot(kind, "busybox");
    await using bundle = makeBundle({
      rootfs: "none",
      args: ["sh", "-c", "touch /new 2>&1; grep ' / / ' /proc/self/mountinfo"],
    });
    useRoot(bundle, root);
    const before = root.listing();
    const { stdout, stderr } = await bundle.run();
    assertIncludes(stdout + stderr, "Read-only file system");
    assertEquals(stdout.includes("overlay"), false, stdout);
    assertEquals(root.listing(), before);
  });

  Deno.test(`a ${kind} root takes mounts on the mount points that it has`, async () => {
    using root = makeReadOnlyRoot(kind, "busybox", (tree) => {
      Deno.mkdirSync(`${tree}/data`);
      Deno.writeTextFileSync(`${tree}/file`, "");
    });
    await using bundle = makeBundle({
      rootfs: "none",
      args: ["sh", "-c", "head -c 4 /file; head -c 4 /data/passwd"],
      edit: (spec) => {
        const options = ["bind", "ro"];
        spec.mounts.push(
          { destination: "/file", source: "/etc/passwd", options },
          { destination: "/data", source: "/etc", options },
        );
      },
    });
    useRoot(bundle, root);
    const { stdout, stderr } = await bundle.run();
    assertEquals(stdout, "rootroot", stderr);
  });
}
