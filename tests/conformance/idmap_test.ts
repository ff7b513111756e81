import { assertEquals, assertIncludes } from "../support/assert.ts";
import {
  type BundleOptions,
  makeBundle,
  outputOf,
  runOnce,
} from "../support/bundle.ts";
import { isRunc } from "../support/runtime.ts";
import { type IdMapping, mapUser, type Spec } from "../support/spec.ts";

/** Ids from 0 on, mapped onto those from `hostID` on. */
function onto(hostID: number): IdMapping[] {
  return [{ containerID: 0, hostID, size: 65_536 }];
}

/** Both mappings of a mount. */
function mappings(hostID: number) {
  return { uidMappings: onto(hostID), gidMappings: onto(hostID) };
}

/** What a script says in a container that binds a folder on /data. */
function withData(
  script: string,
  mount: Record<string, unknown>,
  edit: (spec: Spec) => void = () => {},
): BundleOptions {
  return {
    args: ["sh", "-c", script],
    edit: (spec, { folder, rootfs }) => {
      Deno.mkdirSync(`${rootfs}/data`);
      const source = `${folder}/data`;
      Deno.mkdirSync(`${source}/sub`, { recursive: true });
      Deno.chmodSync(source, 0o777);
      Deno.writeTextFileSync(`${source}/file`, "");
      Deno.chownSync(`${source}/file`, 1000, 1001);
      spec.mounts.push({
        destination: "/data",
        type: "bind",
        source,
        options: ["rbind"],
        ...mount,
      });
      edit(spec);
    },
  };
}

/** Output of a container; nothing with runc 1.1.5, which maps no mounts. */
async function seenBy(options: BundleOptions): Promise<string | undefined> {
  return isRunc() ? undefined : await outputOf(options);
}

/** Fails unless the output is as wanted, or nothing was run. */
function expect(seen: string | undefined, wanted: string): void {
  if (seen !== undefined) assertEquals(seen, wanted);
}

const OWNER = "stat -c %u:%g /data/file";

Deno.test("a bind with mappings shows other owners", async () => {
  const mount = { options: ["rbind", "idmap"], ...mappings(10_000) };
  expect(await seenBy(withData(OWNER, mount)), "11000:11001");
});

Deno.test("mappings are enough, without the option", async () => {
  expect(await seenBy(withData(OWNER, mappings(10_000))), "11000:11001");
});

Deno.test("what is made through mapped ids is owned by those of the host", async () => {
  const script = "chmod 777 /data; touch /data/made; stat -c %u /data/made";
  const options = ["rbind", "idmap"];
  const map = [{ containerID: 5000, hostID: 0, size: 1 }]
    .concat({ containerID: 0, hostID: 20_000, size: 1 });
  const mount = { options, uidMappings: map, gidMappings: map };
  const both = withData(script, mount, (spec) => {
    spec.mounts.push({
      destination: "/plain",
      type: "bind",
      source: spec.mounts.at(-1)?.source ?? "",
      options: ["rbind"],
    });
    spec.process.args = ["sh", "-c", `${script}; stat -c %u /plain/made`];
  });
  expect(await seenBy(both), "0\n5000");
});

Deno.test("idmap without mappings takes those of the user namespace", async () => {
  const mount = { options: ["rbind", "idmap"] };
  expect(await seenBy(withData(OWNER, mount, mapUser)), "1000:1001");
});

Deno.test("without idmap, a user namespace shows strange owners", async () => {
  const seen = await outputOf(withData(OWNER, {}, mapUser));
  assertEquals(seen, "65534:65534");
});

Deno.test("a bind has other mappings than the user namespace", async () => {
  const mount = { options: ["rbind", "idmap"], ...mappings(200_100) };
  expect(await seenBy(withData(OWNER, mount, mapUser)), "1100:1101");
});

for (const [option, wanted] of [["idmap", "7:7"], ["ridmap", "10007:10007"]]) {
  Deno.test(`${option} of a tree shows ${wanted} in a mount below`, async () => {
    const mount = { options: ["rbind", option ?? ""], ...mappings(10_000) };
    await using bundle = makeBundle(
      withData("stat -c %u:%g /data/sub", mount),
    );
    const below = `${bundle.folder}/data/sub`;
    const script = 'mount -t tmpfs -o uid=7,gid=7 below "$0"; exec "$@"';
    const wrap = ["unshare", "-m", "sh", "-c", script, below];
    const { stdout, stderr } = await bundle.run({ wrap });
    if (!isRunc()) assertEquals(stdout.trim(), wanted, stderr);
  });
}

Deno.test("a tmpfs has mapped ids too", async () => {
  const mount = {
    type: "tmpfs",
    source: "tmpfs",
    options: ["idmap", "mode=0755"],
    ...mappings(3000),
  };
  expect(await seenBy(withData("stat -c %u:%g /data", mount)), "3000:3000");
});

Deno.test("a tmpfs of a user namespace has mapped ids too", async () => {
  const mount = {
    type: "tmpfs",
    source: "tmpfs",
    options: ["idmap", "mode=0755"],
    uidMappings: [{ containerID: 0, hostID: 200_500, size: 100 }],
    gidMappings: [{ containerID: 0, hostID: 200_600, size: 100 }],
  };
  const options = withData("stat -c %u:%g /data", mount, mapUser);
  expect(await seenBy(options), "500:600");
});

Deno.test("idmap without mappings and without a user namespace is refused", async () => {
  const mount = { options: ["rbind", "idmap"] };
  const { code, stderr } = await runOnce(withData("true", mount));
  if (isRunc()) return;
  assertEquals(code, 1);
  assertIncludes(stderr, '"idmap" needs uidMappings and gidMappings');
});

Deno.test("a filesystem that cannot map ids is named", async () => {
  const mount = {
    source: "/proc",
    options: ["bind", "idmap"],
    ...mappings(1000),
  };
  const { code, stderr } = await runOnce(withData("true", mount));
  if (isRunc()) return;
  assertEquals(code, 1);
  assertIncludes(stderr, 'cannot map the ids of "/proc"');
});

Deno.test("mappings for users alone are refused", async () => {
  const { code, stderr } = await runOnce(
    withData("true", { uidMappings: onto(1000) }),
  );
  if (isRunc()) return;
  assertEquals(code, 1);
  assertIncludes(stderr, "gidMappings");
});
