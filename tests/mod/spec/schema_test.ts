import {
  parseProcess,
  parseResources,
  parseSpec,
} from "../../../mod/spec/load.ts";
import type { Spec } from "../../../mod/spec/config.ts";
import type { Linux } from "../../../mod/spec/linux.ts";
import type { Process } from "../../../mod/spec/process.ts";
import { jsonPath } from "../../../mod/spec/fault.ts";
import { once, optional, part, text } from "../../../mod/spec/schema.ts";
import { assert, assertEquals, fail } from "../../support/assert.ts";
import { refusal, refusalOf } from "./refusal.ts";
import * as z from "zod/mini";

const TESTDATA = new URL("../../testdata/spec/", import.meta.url);

function testdata(name: string): string {
  return Deno.readTextFileSync(new URL(name, TESTDATA));
}

/** Every place in a document: its path and its value. */
function* places(
  value: unknown,
  path: (string | number)[] = [],
): Iterable<{ path: (string | number)[]; value: unknown }> {
  if (path.length > 0) yield { path, value };
  if (Array.isArray(value)) {
    for (const [i, item] of value.entries()) yield* places(item, [...path, i]);
  } else if (typeof value === "object" && value !== null) {
    for (const [key, item] of Object.entries(value)) {
      yield* places(item, [...path, key]);
    }
  }
}

/** A copy with another value at a path. */
function put(
  document: unknown,
  [key, ...rest]: readonly (string | number)[],
  value: unknown,
): unknown {
  if (key === undefined) return value;
  const copy = (Array.isArray(document) ? [...document] : {
    ...document as object,
  }) as Record<string | number, unknown>;
  copy[key] = put(copy[key], rest, value);
  return copy;
}

Deno.test("parseSpec() keeps a spec that has every field as it is", () => {
  const written = testdata("maximal.json");
  const sorted = (value: unknown): unknown =>
    JSON.parse(
      JSON.stringify(value),
      (_, v) =>
        typeof v === "object" && v !== null && !Array.isArray(v)
          ? Object.fromEntries(Object.entries(v).sort())
          : v,
    );
  assertEquals(
    sorted(parseSpec(written, "f")),
    sorted(JSON.parse(written)),
  );
});

Deno.test("parseSpec() has a type for every field of the spec", () => {
  const document: unknown = JSON.parse(testdata("maximal.json"));
  let count = 0;
  for (const { path, value } of places(document)) {
    // Wrong for any type: a list of a list; and for lists, a list in the item.
    const wrong = Array.isArray(value) ? { wrong: true } : [[]];
    const text = JSON.stringify(put(document, path, wrong));
    const at = jsonPath(path);
    const line = refusal(() => parseSpec(text, "f"), at);
    const got = Array.isArray(value) ? '{"wrong":true}' : "[[]]";
    assert(line.startsWith(`f: ${at}: got ${got}, expected `), line);
    count++;
  }
  assert(count > 250, `only ${count} places`);
});

Deno.test("parseSpec() keeps unknown fields everywhere", () => {
  const document: unknown = JSON.parse(testdata("maximal.json"));
  for (const { path, value } of places(document)) {
    if (typeof value !== "object" || value === null) continue;
    if (Array.isArray(value)) continue;
    // In maps, any key is known.
    if (/annotations|sysctl|rdma$|netDevices$|unified/.test(path.join("."))) {
      continue;
    }
    const more = put(document, [...path, "x-unknown"], { a: [1, null] });
    const spec = parseSpec(JSON.stringify(more), "f");
    let at: unknown = spec;
    for (const key of [...path, "x-unknown"]) {
      at = (at as Record<string | number, unknown>)[key];
    }
    assertEquals(at, { a: [1, null] }, jsonPath(path));
  }
});

Deno.test("parseSpec() takes null for a missing field", () => {
  const spec = parseSpec(
    '{"ociVersion":"1.0.0","hooks":null,"process":{"cwd":"/","args":null}}',
    "f",
  );
  assertEquals<unknown>(spec, {
    ociVersion: "1.0.0",
    process: { user: { uid: 0, gid: 0 }, cwd: "/" },
  });
});

Deno.test("parseSpec() gives a missing user and its ids the number 0", () => {
  const user = (text: string) =>
    parseSpec(`{"ociVersion":"1.0.0","process":{"cwd":"/"${text}}}`, "f")
      .process?.user;
  assertEquals(user(""), { uid: 0, gid: 0 });
  assertEquals(user(',"user":{"uid":5}'), { uid: 5, gid: 0 });
});

/** What is put where in the maximal spec, and what is said. */
const WRONG: readonly [
  path: (string | number)[],
  json: string,
  says: string,
][] = [
  [
    ["ociVersion"],
    '"2.0.0"',
    'ociVersion: got "2.0.0", expected a version of the runtime spec such as "1.3.0"',
  ],
  [
    ["ociVersion"],
    '"1.0"',
    'ociVersion: got "1.0", expected a version of the runtime spec such as "1.3.0"',
  ],
  [
    ["process", "user", "uid"],
    "4294967296",
    "process.user.uid: got 4294967296, expected an integer from 0 to 4294967295",
  ],
  [
    ["process", "user", "gid"],
    "-1",
    "process.user.gid: got -1, expected an integer from 0 to 4294967295",
  ],
  [
    ["process", "user", "additionalGids", 1],
    "1.5",
    "process.user.additionalGids[1]: got 1.5, expected an integer from 0 to 4294967295",
  ],
  [
    ["process", "user", "uid"],
    '"0"',
    'process.user.uid: got "0", expected an integer from 0 to 4294967295',
  ],
  [
    ["process", "args", 0],
    '"a\\u0000b"',
    'process.args[0]: got "a\\u0000b", expected a string without NUL',
  ],
  [
    ["process", "oomScoreAdj"],
    "1001",
    "process.oomScoreAdj: got 1001, expected an integer from -1000 to 1000",
  ],
  [
    ["process", "rlimits", 0, "hard"],
    "18446744073709551616",
    "process.rlimits[0].hard: got 18446744073709551616, expected an unsigned integer of 64 bits that a double holds exactly",
  ],
  [
    ["linux", "resources", "memory", "limit"],
    "9007199254740993",
    "linux.resources.memory.limit: got 9007199254740993, expected an integer of 64 bits that a double holds exactly",
  ],
  [
    ["linux", "seccomp", "syscalls", 0, "args", 0, "value"],
    "9223372036854775807",
    "linux.seccomp.syscalls[0].args[0].value: got 9223372036854776000, expected an unsigned integer of 64 bits that a double holds exactly",
  ],
  [
    ["linux", "namespaces", 2, "type"],
    '"net"',
    'linux.namespaces[2].type: got "net", expected one of "cgroup", "ipc", "mount", "network", "pid", "time", "user", "uts"',
  ],
  [
    ["linux", "rootfsPropagation"],
    '"Shared"',
    'linux.rootfsPropagation: got "Shared", expected one of "shared", "slave", "private", "unbindable", "rshared", "rslave", "rprivate", "runbindable"',
  ],
  [
    ["linux", "personality", "domain"],
    '"linux"',
    'linux.personality.domain: got "linux", expected one of "LINUX", "LINUX32"',
  ],
  [
    ["linux", "devices", 0, "type"],
    '"a"',
    'linux.devices[0].type: got "a", expected one of "c", "u", "b", "p"',
  ],
  [
    ["linux", "resources", "devices", 0, "access"],
    '"rwx"',
    'linux.resources.devices[0].access: got "rwx", expected letters of "rwm"',
  ],
  [
    ["linux", "resources", "hugepageLimits", 0, "pageSize"],
    '"../2MB"',
    'linux.resources.hugepageLimits[0].pageSize: got "../2MB", expected a size such as "2MB"',
  ],
  [
    ["linux", "resources", "blockIO", "weight"],
    "5",
    "linux.resources.blockIO.weight: got 5, expected 0 or an integer from 10 to 1000",
  ],
  [
    ["linux", "sysctl", "net.ipv4.ip_forward"],
    "1",
    'linux.sysctl["net.ipv4.ip_forward"]: got 1, expected a string without NUL',
  ],
  [
    ["process", "noNewPrivileges"],
    '"true"',
    'process.noNewPrivileges: got "true", expected true or false',
  ],
  [["mounts"], "{}", "mounts: got {}, expected a list"],
  [["linux"], '"x"', 'linux: got "x", expected an object'],
];

for (const [path, json, says] of WRONG) {
  Deno.test(`parseSpec() refuses ${json} at ${jsonPath(path)}`, () => {
    const marked = put(JSON.parse(testdata("maximal.json")), path, "@@");
    const text = JSON.stringify(marked).replace('"@@"', () => json);
    assertEquals(refusal(() => parseSpec(text, "f")), `f: ${says}`);
  });
}

Deno.test("parseSpec() says of what is missing that it is", () => {
  assertEquals(
    refusal(() => parseSpec('{"ociVersion":"1.0.0","process":{}}', "f")),
    "f: process.cwd: is missing, expected a string without NUL",
  );
  const seccomp = '{"syscalls":[{"action":"SCMP_ACT_LOG"}]}';
  assertEquals(
    refusal(() =>
      parseSpec(`{"ociVersion":"1.0.0","linux":{"seccomp":${seccomp}}}`, "f")
    ),
    "f: linux.seccomp.syscalls[0].names: is missing, expected a list",
  );
  assertEquals(
    refusal(() => parseSpec("[]", "f")),
    "f: got [], expected an object",
  );
});

Deno.test("parseSpec() counts the faults that it does not tell", () => {
  const text = '{"ociVersion":1,"root":2,"hostname":3}';
  assertEquals(
    refusal(() => parseSpec(text, "f")),
    'f: ociVersion: got 1, expected a version of the runtime spec such as "1.3.0" (and 2 more faults)',
  );
});

Deno.test("parseSpec() does not let a document reach a prototype", () => {
  const spec = parseSpec(
    '{"ociVersion":"1.0.0","__proto__":{"polluted":1},"annotations":{"__proto__":"a","b":"c"}}',
    "f",
  );
  assertEquals(Object.getPrototypeOf(spec), Object.prototype);
  assert(!("polluted" in spec));
  assert(!("polluted" in {}));
});

Deno.test("parseProcess() names paths within the process", () => {
  const process = parseProcess('{"cwd":"/","args":["a"]}', "p");
  assertEquals(process.user, { uid: 0, gid: 0 });
  assertEquals(
    refusal(() => parseProcess('{"cwd":1,"args":["a"]}', "p")),
    "p: cwd: got 1, expected a string without NUL",
  );
  assertEquals(
    refusal(() => parseProcess('{"cwd":"/","args":[]}', "p")),
    "p: args: got [], expected the program's arguments",
  );
});

Deno.test("parseResources() names paths within the resources", () => {
  assertEquals(parseResources('{"pids":{"limit":-1}}', "-"), {
    pids: { limit: -1 },
  });
  assertEquals(
    refusal(() => parseResources('{"pids":{"limit":"1"}}', "-")),
    '-: pids.limit: got "1", expected an integer of 64 bits',
  );
  assertEquals(
    refusalOf(() => parseResources('{"unified":{"a/b":"1"}}', "-")),
    '-: unified["a/b"]: got "a/b", expected the name of a file of a cgroup',
  );
});

Deno.test("Spec has the spec's fields only, so that a misspelt one is an error", () => {
  // The type check is the test: `true` is no value of this type.
  const anyField: string extends keyof (Spec & Linux & Process) ? true : false =
    false;
  assertEquals(anyField, false);
});

Deno.test("part() is not built where a document does not have it", () => {
  let built = 0;
  const schema = z.looseObject({
    a: part(() => {
      built++;
      return z.looseObject({ b: text() });
    }),
  });
  assert(schema.safeParse({}).success);
  assert(schema.safeParse({ a: undefined }).success);
  assertEquals(built, 0);
  assert(schema.safeParse({ a: { b: "c" } }).success);
  assert(!schema.safeParse({ a: {} }).success);
  assertEquals(built, 1);
});

Deno.test("once() and optional() build a schema once", () => {
  let built = 0;
  const build = once(() => ++built);
  assertEquals([build(), build()], [1, 1]);
  if (optional(text()) !== optional(text())) fail("optional() built two");
});
