import { assert, assertEquals, assertExcludes } from "../support/assert.ts";
import { makeBundle } from "../support/bundle.ts";
import { mountsAt, stopAt } from "../support/breakpoint.ts";
import { mountAt, propagationOf, readMounts } from "../support/mountinfo.ts";

/** Puts a command into a mount namespace whose `/` is rshared. */
const SHARED = {
  wrap: ["unshare", "-m", "--propagation", "shared"],
} as const;

/** A bundle with this propagation and one mount that inherits it. */
function makePropagating(word?: string) {
  return makeBundle({
    edit: (spec) => {
      if (word !== undefined) spec.linux.rootfsPropagation = word;
      spec.mounts.push({ destination: "/data", type: "tmpfs" });
    },
  });
}

Deno.test("attach-root makes the root a mount of its own, once", async () => {
  await using bundle = makePropagating();
  const mounts = await mountsAt(bundle, "attach-root");
  const roots = mounts.filter(({ point }) => point === bundle.rootfs);
  assertEquals(roots.length, 1);
  assert(roots[0]?.root.endsWith("/bundle/rootfs") ?? false, roots[0]?.root);
});

Deno.test("attach-root leaves the mount that holds the root private", async () => {
  await using bundle = makePropagating("shared");
  const mounts = await mountsAt(bundle, "attach-root", SHARED);
  const root = mountAt(mounts, bundle.rootfs);
  const holder = mounts.find(({ id }) => id === root.parent);
  assert(holder !== undefined, "the root hangs on a mount");
  // A shared holder makes pivot_root fail with EINVAL.
  assertExcludes(propagationOf(holder).split("+"), "shared");
});

for (
  const [word, before] of [
    ["private", "private"],
    ["rprivate", "private"],
    ["slave", "slave"],
    ["rslave", "slave"],
    // These two kinds come after the pivot, which they would make fail.
    ["shared", "private"],
    ["rshared", "private"],
    ["unbindable", "private"],
    ["runbindable", "private"],
  ] as const
) {
  Deno.test(`root-propagation ${word} makes the root ${before} before the pivot`, async () => {
    await using bundle = makePropagating(word);
    const mounts = await mountsAt(bundle, "root-propagation", SHARED);
    const seen = propagationOf(mountAt(mounts, bundle.rootfs));
    // Nothing that is private or slave propagates out of the container.
    assertExcludes(seen.split("+"), "shared");
    if (before === "private") assertEquals(seen, "private");
  });

  Deno.test(`a mount made in a ${word} root inherits what the root is`, async () => {
    await using bundle = makePropagating(word);
    const mounts = await mountsAt(bundle, "mount:/data", SHARED);
    const data = mountAt(mounts, `${bundle.rootfs}/data`);
    assertEquals(propagationOf(data), "private");
  });
}

for (const word of ["shared", "rshared"]) {
  Deno.test(`final-propagation ${word} makes the new root shared`, async () => {
    await using bundle = makePropagating(word);
    const mounts = await mountsAt(bundle, "final-propagation", SHARED);
    assertEquals(propagationOf(mountAt(mounts, "/")).split("+")[0], "shared");
    const data = propagationOf(mountAt(mounts, "/data"));
    // The r-form goes down to the mounts below; the plain one does not.
    assertEquals(data, word === "rshared" ? "shared" : "private");
  });
}

for (const word of ["unbindable", "runbindable"]) {
  Deno.test(`final-propagation ${word} makes the new root unbindable`, async () => {
    await using bundle = makePropagating(word);
    const mounts = await mountsAt(bundle, "final-propagation", SHARED);
    assertEquals(propagationOf(mountAt(mounts, "/")), "unbindable");
    const data = propagationOf(mountAt(mounts, "/data"));
    assertEquals(data, word === "runbindable" ? "unbindable" : "private");
  });
}

/** How many mounts lie in the root when the spec has `count` more. */
async function mountsFor(count: number): Promise<number> {
  await using bundle = makeBundle({
    edit: (spec) => {
      for (let i = 0; i < count; i++) {
        const destination = `/data/${i}`;
        spec.mounts.push({ destination, source: "/etc", options: ["bind"] });
      }
    },
  });
  const mounts = await mountsAt(bundle, `mount:/data/${count - 1}`);
  return mounts.filter(({ point }) => point.startsWith(bundle.rootfs)).length;
}

Deno.test("the mounts are as many as the spec's and a constant, for 1, 10 and 100", async () => {
  // A root bound on itself too late holds each of them twice.
  const constant = await mountsFor(1) - 1;
  assert(constant < 10, `${constant} mounts besides`);
  assertEquals(await mountsFor(10), 10 + constant);
  assertEquals(await mountsFor(100), 100 + constant);
});

for (const [what, options] of [["private", {}], ["rshared", SHARED]] as const) {
  Deno.test(`after pivot-root nothing of a host whose / is ${what} is left`, async () => {
    await using bundle = makePropagating();
    await using stopped = await stopAt(bundle, "pivot-root", options);
    const mounts = readMounts(stopped.gofer());
    const wanted = ["/", ...bundle.spec.mounts.map((m) => m.destination)];
    const points = mounts.map(({ point }) => point).sort();
    assertEquals(points, wanted.sort());
    const root = mountAt(mounts, "/");
    assert(root.root.endsWith("/bundle/rootfs"), root.root);
  });
}

for (const step of ["attach-root", "mount:/data", "pivot-root", "record"]) {
  Deno.test(`the host's mount table is byte for byte what it was after ${step}`, async () => {
    await using bundle = makePropagating();
    // The launcher stays in the host's mount namespace: its table is the host's.
    const script = `cat /proc/self/mountinfo > ${bundle.folder}/before; ` +
      'exec "$@"';
    const wrap = [...SHARED.wrap, "sh", "-c", script, "sh"];
    await using stopped = await stopAt(bundle, step, { wrap });
    const before = Deno.readTextFileSync(`${bundle.folder}/before`);
    const { pid } = stopped.launcher;
    const after = Deno.readTextFileSync(`/proc/${pid}/mountinfo`);
    assertEquals(after, before);
  });
}

Deno.test("a launcher that stopped goes on after SIGCONT, to the end", async () => {
  await using bundle = makePropagating();
  await using stopped = await stopAt(bundle, "pivot-root");
  const { code, stderr } = await stopped.finish();
  assertEquals(code, 0, stderr);
  assertEquals((await bundle.state()).status, "created");
});
