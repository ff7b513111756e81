import { assertEquals } from "../support/assert.ts";
import { makeBundle, outputOf, runOnce } from "../support/bundle.ts";
import {
  mountAt,
  parseMountInfo,
  propagationOf,
} from "../support/mountinfo.ts";
import { isRunc } from "../support/runtime.ts";

/** Puts a command into a mount namespace whose `/` is rshared. */
const SHARED = ["unshare", "-m", "--propagation", "shared"];

/** Propagation of `/` and of /data as the program sees them. */
async function propagation(word?: string): Promise<string[]> {
  const text = await outputOf({
    args: ["cat", "/proc/self/mountinfo"],
    edit: (spec) => {
      if (word !== undefined) spec.linux.rootfsPropagation = word;
      spec.mounts.push({ destination: "/data", type: "tmpfs" });
    },
  }, { wrap: SHARED });
  const mounts = parseMountInfo(text);
  return ["/", "/data"].map((path) => propagationOf(mountAt(mounts, path)));
}

for (const word of ["private", "rprivate"]) {
  Deno.test(`rootfsPropagation ${word} makes the root private`, async () => {
    assertEquals((await propagation(word))[0], "private");
  });
}

for (const word of ["slave", "rslave", undefined]) {
  Deno.test(`rootfsPropagation ${word ?? "absent"} lets nothing out`, async () => {
    const [root] = await propagation(word);
    assertEquals(root?.includes("shared"), false, root);
  });
}

for (const word of ["shared", "rshared"]) {
  Deno.test(`rootfsPropagation ${word} makes the root shared`, async () => {
    const [root] = await propagation(word);
    // runc 1.1.5 applied it before the pivot, to a root that it then left.
    if (!isRunc()) assertEquals(root?.split("+")[0], "shared");
  });
}

Deno.test("rootfsPropagation unbindable makes the root unbindable", async () => {
  // runc 1.1.5 cannot bind the root on itself any more, and fails.
  if (isRunc()) return;
  assertEquals((await propagation("unbindable"))[0], "unbindable");
});

Deno.test("an unknown rootfsPropagation is refused", async () => {
  const { code } = await runOnce({
    edit: (spec) => {
      spec.linux.rootfsPropagation = "nonsense";
    },
  });
  if (!isRunc()) assertEquals(code, 1);
});

for (const word of [undefined, "private", "slave", "shared", "unbindable"]) {
  Deno.test(`the host keeps its mounts, byte for byte, under rootfsPropagation ${word ?? "absent"}`, async () => {
    // The unmount of the old root once emptied a shared host.
    await using bundle = makeBundle({
      edit: (spec) => {
        if (word !== undefined) spec.linux.rootfsPropagation = word;
        spec.mounts.push({ destination: "/data", type: "tmpfs" });
      },
    });
    const { folder } = bundle;
    const script = `cat /proc/self/mountinfo > ${folder}/before; "$@"; ` +
      `code=$?; cat /proc/self/mountinfo > ${folder}/after; exit $code`;
    const wrap = [...SHARED, "sh", "-c", script, "sh"];
    const { code, stderr } = await bundle.run({ wrap });
    const fails = isRunc() && word === "unbindable";
    assertEquals(code, fails ? 1 : 0, stderr);
    const read = (name: string) => Deno.readTextFileSync(`${folder}/${name}`);
    assertEquals(read("after"), read("before"));
  });
}
