import { defaultSpec, rootlessSpec } from "../../../mod/spec/default.ts";
import { parseSpec } from "../../../mod/spec/load.ts";
import { assertEquals } from "../../support/assert.ts";

/** What runc 1.1.5 of Debian 12 writes with `runc spec`, as data. */
function runcSpec(name: string): Record<string, unknown> {
  const file = new URL(`../../testdata/spec/${name}`, import.meta.url);
  return JSON.parse(Deno.readTextFileSync(file));
}

/** A document with the fields that are ours on purpose made equal. */
function comparable(document: unknown): string {
  const { linux, ...rest } = JSON.parse(JSON.stringify(document));
  const namespaces = linux.namespaces.filter((n: { type: string }) =>
    n.type !== "cgroup"
  );
  const whole = {
    ...rest,
    linux: { ...linux, namespaces },
    ociVersion: "",
    hostname: "",
  };
  return JSON.stringify(
    whole,
    (_, value) =>
      typeof value === "object" && !Array.isArray(value)
        ? Object.fromEntries(Object.entries(value).sort())
        : value,
    1,
  );
}

Deno.test("defaultSpec() is runc's, but for version, name and cgroup namespace", () => {
  const spec = defaultSpec();
  assertEquals(comparable(spec), comparable(runcSpec("runc_spec.json")));
  assertEquals(spec.ociVersion, "1.3.0");
  assertEquals(spec.hostname, "burrow");
  assertEquals(spec.linux?.namespaces?.at(-1), { type: "cgroup" });
});

Deno.test("rootlessSpec() is runc's, with the ids of the caller", () => {
  const spec = rootlessSpec(0, 0);
  assertEquals(
    comparable(spec),
    comparable(runcSpec("runc_spec_rootless.json")),
  );
  const other = rootlessSpec(1000, 100).linux;
  assertEquals(other?.uidMappings?.[0]?.hostID, 1000);
  assertEquals(other?.gidMappings?.[0]?.hostID, 100);
});

Deno.test("the default specs survive being written and read", () => {
  for (const spec of [defaultSpec(), rootlessSpec(1, 2)]) {
    const read = parseSpec(JSON.stringify(spec), "f");
    assertEquals(comparable(read), comparable(spec));
  }
});

Deno.test("defaultSpec() is a new one each time", () => {
  const spec = defaultSpec();
  spec.process?.args?.push("changed");
  spec.process?.capabilities?.bounding?.pop();
  assertEquals(defaultSpec().process?.args, ["sh"]);
  assertEquals(spec.process?.capabilities?.effective?.length, 3);
});
