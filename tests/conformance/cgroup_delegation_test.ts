import { assertEquals } from "../support/assert.ts";
import { type Bundle, makeBundle } from "../support/bundle.ts";
import { isRunc } from "../support/runtime.ts";
import { mapUser, type Spec } from "../support/spec.ts";

/** Commands in front that show a host whose cgroups are v2 alone. */
const UNIFIED = ["unshare", "-m", "sh", "-c"]
  .concat('mount -t cgroup2 none /sys/fs/cgroup && exec "$@"', "sh");

/** Owners of the cgroup, of files to be delegated, and of a limit. */
const OWNERS = ["sh", "-c"].concat(
  "cd /sys/fs/cgroup && stat -c '%n %u' . cgroup.procs cgroup.threads " +
    "cgroup.subtree_control cgroup.max.depth",
);

/** Runs a container with a cgroup mount of these options. */
async function owners(
  options: string[],
  edit: (spec: Spec, bundle: Bundle) => void = () => {},
): Promise<string[] | undefined> {
  await using bundle = makeBundle({
    args: OWNERS,
    edit: (spec, own) => {
      spec.linux.namespaces.push({ type: "cgroup" });
      spec.mounts.push({
        destination: "/sys/fs/cgroup",
        type: "cgroup",
        source: "cgroup",
        options,
      });
      edit(spec, own);
    },
  });
  const { code, stdout, stderr } = await bundle.run({ wrap: UNIFIED });
  // runc 1.1.5 wants controllers that this tree may not have.
  if (isRunc()) return undefined;
  assertEquals(code, 0, stderr);
  return stdout.trim().split("\n");
}

/** What `stat` says when the first four belong to `uid` and the last to `other`. */
function wanted(uid: number, other: number): string[] {
  const names = [".", "cgroup.procs", "cgroup.threads"]
    .concat("cgroup.subtree_control");
  return [
    ...names.map((name) => `${name} ${uid}`),
    `cgroup.max.depth ${other}`,
  ];
}

Deno.test("a writable cgroup belongs to the root of a user namespace", async () => {
  const seen = await owners(["rw"], (spec) => mapUser(spec));
  if (seen !== undefined) assertEquals(seen, wanted(0, 65_534));
});

Deno.test("a writable cgroup belongs to the program's user", async () => {
  const seen = await owners([], (spec) => {
    spec.process.user = { uid: 1234, gid: 5 };
  });
  if (seen !== undefined) assertEquals(seen, wanted(1234, 0));
});

Deno.test("a read-only cgroup stays the host's", async () => {
  const seen = await owners(["ro"], (spec) => mapUser(spec));
  if (seen !== undefined) assertEquals(seen, wanted(65_534, 65_534));
});
