import { parseCdiFile } from "../../../mod/cdi/parse.ts";
import { assertEquals, assertMatch } from "../../support/assert.ts";
import { deviceFile, fault } from "./file.ts";

const HEAD = 'cdiVersion: "0.5.0"\nkind: v/c\n';
const ENV = { env: ["A=1"] };

/** The edits of the first device of a text. */
function editsOf(text: string) {
  return parseCdiFile(text).file.devices?.[0]?.containerEdits;
}

Deno.test("JSON and YAML give the same", () => {
  const yaml =
    `${HEAD}devices:\n- name: d\n  containerEdits:\n    env:\n    - A=1\n`;
  const json =
    '{"cdiVersion":"0.5.0","kind":"v/c","devices":[{"name":"d","containerEdits":{"env":["A=1"]}}]}';
  assertEquals(parseCdiFile(yaml), parseCdiFile(json));
});

Deno.test("keys match whatever their case, but for those of annotations", () => {
  const { file } = parseCdiFile(
    '{"CDIVERSION":"0.6.0","Kind":"v/c","annotations":{"Name":"x","name":"y"},' +
      '"DEVICES":[{"Name":"d","containeredits":{"ENV":["A=1"]}}]}',
  );
  assertEquals(file.devices?.[0], { name: "d", containerEdits: ENV });
  assertEquals(file.annotations, { Name: "x", name: "y" });
});

Deno.test("a trailing comma passes, a // comment does not", () => {
  const text = JSON.stringify(deviceFile(ENV));
  assertEquals(fault(text.replace(/\}$/, ",}")), undefined);
  assertMatch(fault(`${text} // no`) ?? "", /^neither JSON nor YAML: /);
});

Deno.test("a key given twice is refused, in JSON and YAML, and in two spellings", () => {
  const text = JSON.stringify(deviceFile(ENV));
  assertMatch(fault(text.replace("{", '{"kind":"v/c",')) ?? "", /twice/);
  assertMatch(
    fault(text.replace("{", '{"k\\u0069nd":"v/c",')) ?? "",
    /twice/,
  );
  assertMatch(fault(text.replace("{", '{"KIND":"v/c",')) ?? "", /twice/);
  assertMatch(fault(`${HEAD}kind: v/c\ndevices: []`) ?? "", /duplicated key/);
});

Deno.test("a colon or quote in a JSON text makes no key", () => {
  const odd = deviceFile({ env: ['A={"a":1,"a":2}', "B=\\", 'C="'] });
  assertEquals(fault(odd), undefined);
});

Deno.test("of two YAML documents the second is not looked at", () => {
  const first = `${HEAD}devices:\n- {name: d, containerEdits: {env: [A=1]}}\n`;
  for (const rest of ["---\n[", "---\nkind: x\n", "...\n}", "--- x"]) {
    assertEquals(editsOf(first + rest), ENV, rest);
    assertEquals(editsOf(`# why\n---\n${first}${rest}`), ENV, rest);
  }
});

Deno.test("anchors are of use, and merge keys", () => {
  const devices = (second: string) =>
    `${HEAD}devices:\n- &a\n  name: a\n  containerEdits: &e {env: [A=1]}\n- ${second}\n`;
  const other = { name: "b", containerEdits: ENV };
  for (
    const second of [
      "{name: b, containerEdits: *e}",
      "{<<: *a, name: b}",
    ]
  ) {
    const { file } = parseCdiFile(devices(second));
    assertEquals(file.devices?.[1]?.name, "b");
    assertEquals(file.devices?.[1]?.containerEdits, other.containerEdits);
  }
  assertMatch(
    fault(
      `x: &x 1\n${HEAD}devices:\n- {name: d, containerEdits: {env: [A=1]}}`,
    ) ??
      "",
    /^x: unknown field/,
  );
});

Deno.test("numbers and truth values stand for their text", () => {
  const text = (name: string) =>
    `${HEAD}devices:\n- {name: ${name}, containerEdits: {env: [A=1]}}\n`;
  const nameOf = (name: string) =>
    parseCdiFile(text(name)).file.devices?.[0]?.name;
  assertEquals([nameOf("0"), nameOf("true"), nameOf('"0"')], [
    "0",
    "true",
    "0",
  ]);
});

Deno.test("cdiVersion: 0.6 is the number 0.6, and no version", () => {
  assertMatch(
    fault("cdiVersion: 0.6\nkind: v/c") ?? "",
    /^cdiVersion: got 0.6,/,
  );
});

Deno.test("YAML writes modes as 0666 and 0o666, JSON in decimal", () => {
  for (const mode of ["0666", "0o666", "438"]) {
    const edits = editsOf(
      `${HEAD}devices:\n- name: d\n  containerEdits:\n    deviceNodes:\n    - {path: /d, fileMode: ${mode}}\n`,
    );
    assertEquals(edits?.deviceNodes?.[0]?.fileMode, 438, mode);
  }
});

Deno.test("an empty file, null and a comment hold nothing", () => {
  for (const text of ["", "null", "~", "# nothing\n", "---\n"]) {
    assertEquals(fault(text), "is empty, expected a CDI file", text);
  }
});

Deno.test("null is as good as nothing", () => {
  const file = deviceFile({ env: ["A=1"], hooks: null, intelRdt: null });
  assertEquals(fault({ ...file, cdiVersion: "0.3.0" }), undefined);
});

Deno.test("unknown fields are refused at every level, with the nearest known one", () => {
  const cases: readonly (readonly [unknown, RegExp])[] = [
    [deviceFile(ENV, { extra: 1 }), /^extra: unknown field/],
    [deviceFile(ENV, { containerEdit: {} }), /did you mean "containerEdits"/],
    [deviceFile({ ...ENV, envs: [] }), /containerEdits.envs: .* "env"/],
    [
      deviceFile({ mounts: [{ hostPath: "/a", containerPath: "/a", ro: 1 }] }),
      /mounts\[0\]\.ro: unknown field/,
    ],
    [deviceFile({ ...ENV, __proto_: 1 }), /unknown field/],
    [
      deviceFile({ intelRdt: { enableCMT: true } }, { cdiVersion: "0.7.0" }),
      /intelRdt\.enableCMT: unknown field \(it was taken out in 1\.1\.0/,
    ],
  ];
  for (const [file, pattern] of cases) assertMatch(fault(file) ?? "", pattern);
  assertMatch(
    fault('{"cdiVersion":"0.5.0","kind":"v/c","__proto__":{"devices":[]}}') ??
      "",
    /^__proto__: unknown field|^devices: /,
  );
});

Deno.test("numbers out of their range, and of another type, are refused", () => {
  const node = (fields: unknown) =>
    fault(deviceFile({ deviceNodes: [{ path: "/d", ...fields as object }] }));
  for (
    const fields of [
      { uid: -1 },
      { gid: 2 ** 32 },
      { fileMode: -1 },
      { major: 1.5 },
      { minor: "3" },
      { major: 2 ** 60 },
    ]
  ) {
    assertMatch(
      node(fields) ?? "",
      /^devices\[0\]\.containerEdits\.deviceNodes\[0\]\.\w+: got .*, expected an integer from/,
    );
  }
});

Deno.test("aliases that grow without end, or in circles, are refused", () => {
  const bomb = "a: &a [x,x,x,x,x,x,x,x,x]\n" +
    Array.from({ length: 9 }, (_, i) => {
      const [name, last] = [
        String.fromCharCode(98 + i),
        String.fromCharCode(97 + i),
      ];
      return `${name}: &${name} [${Array(9).fill(`*${last}`).join(",")}]\n`;
    }).join("");
  assertMatch(fault(bomb) ?? "", /too large a document/);
  assertMatch(fault("a: &a [*a]") ?? "", /too deep/);
});
