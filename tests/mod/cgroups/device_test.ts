import {
  devicePolicy,
  deviceWrites,
  parseDevicesList,
} from "../../../mod/cgroups/device.ts";
import { deviceProgram } from "../../../mod/cgroups/device_filter.ts";
import { renderError } from "../../../mod/errors.ts";
import type { DeviceRule } from "../../../mod/spec/resources.ts";
import { assertEquals, assertMatch, fail } from "../../support/assert.ts";

const DENY_ALL: DeviceRule = { allow: false, access: "rwm" };
const ALLOW_ALL: DeviceRule = { allow: true, type: "a", access: "rwm" };

/** A rule as text: `+c 1:3 rw`, `-b *:1 m`, `+a *:* rwm`. */
function rule(text: string): DeviceRule {
  const match = /^([+-])([abc]) (\d+|\*):(\d+|\*) ([rwm]+)$/.exec(text);
  const [, sign, type, major, minor, access = ""] = match ?? fail(text);
  return {
    allow: sign === "+",
    type: type === "a" ? "a" : type === "b" ? "b" : "c",
    major: major === "*" ? -1 : Number(major),
    minor: minor === "*" ? -1 : Number(minor),
    access,
  };
}

/** Runs a program's bytes as the kernel would; returns r0. */
function interpret(program: Uint8Array, context: readonly number[]): number {
  const view = new DataView(program.buffer);
  const r: number[] = Array(11).fill(0);
  const get = (i: number) => r[i] ?? fail(`register ${i}`);
  // Jumps go forward only, so it ends.
  for (let pc = 0; pc < program.length / 8; pc++) {
    const op = view.getUint8(pc * 8);
    const dst = view.getUint8(pc * 8 + 1) & 0xf;
    const src = view.getUint8(pc * 8 + 1) >> 4;
    const offset = view.getInt16(pc * 8 + 2, true);
    if (offset < 0) fail("a jump goes back");
    const immediate = view.getInt32(pc * 8 + 4, true);
    if (op === 0x95) return get(0);
    else if (op === 0x61) r[dst] = context[offset / 4] ?? fail("context");
    else if (op === 0xbf) r[dst] = get(src);
    else if (op === 0xb7) r[dst] = immediate;
    else if (op === 0x57) r[dst] = (get(dst) & immediate) >>> 0;
    else if (op === 0x77) r[dst] = get(dst) >>> immediate;
    else if (op === 0x16) pc += get(dst) === immediate >>> 0 ? offset : 0;
    else if (op === 0x56) pc += get(dst) !== immediate >>> 0 ? offset : 0;
    else fail(`operation ${op.toString(16)}`);
  }
  return fail("the program ran over its end");
}

/** Whether a policy's program allows `c 1:3 rw`. */
function allows(rules: readonly DeviceRule[], wanted: string): boolean {
  const { type, major = 0, minor = 0, access = "" } = rule(`+${wanted}`);
  const bits = (access.includes("m") ? 1 : 0) +
    (access.includes("r") ? 2 : 0) + (access.includes("w") ? 4 : 0);
  const program = deviceProgram(devicePolicy(rules));
  const accessType = bits << 16 | (type === "b" ? 1 : 2);
  return interpret(program, [accessType, major, minor]) === 1;
}

Deno.test("deviceProgram() decides a table of accesses", () => {
  const table: [string[], string, boolean][] = [
    // Whatever the rules say, every container may do these.
    [[], "c 1:3 rwm", true],
    [[], "c 136:7 rw", true],
    [[], "c 10:200 rw", true],
    [[], "b 8:0 m", true],
    [["-a *:* rwm"], "c 5:2 rw", true],
    [["-a *:* rwm"], "c 1:5 r", true],
    // The rest is denied unless a rule allows it.
    [[], "c 1:1 r", false],
    [[], "b 8:0 r", false],
    [[], "b 8:0 rm", false],
    [["+b 8:0 r"], "b 8:0 r", true],
    [["+b 8:0 r"], "b 8:0 rw", false],
    [["+b 8:0 r"], "c 8:0 r", false],
    [["+b 8:0 r"], "b 8:1 r", false],
    [["+b 8:0 r"], "b 9:0 r", false],
    [["+b 8:* rw"], "b 8:77 rw", true],
    [["+b *:7 w"], "b 200:7 w", true],
    [["+b *:7 w"], "b 200:8 w", false],
    [["+c 195:* rwm"], "c 195:255 rwm", true],
    [["+c 511:1048575 r"], "c 511:1048575 r", true],
    // Later rules win over earlier ones.
    [["+b 8:0 rw", "-b 8:0 w"], "b 8:0 rw", false],
    [["+b 8:0 rw", "-b 8:0 w"], "b 8:0 r", true],
    [["-b 8:0 rw", "+b 8:0 rw"], "b 8:0 rw", true],
    [["+b 8:0 rw", "-a *:* rwm"], "b 8:0 r", false],
    [["+b 8:0 r", "+b 8:0 w"], "b 8:0 rw", true],
    // A default of allowing, as privileged containers have it.
    [["+a *:* rwm"], "b 8:0 rwm", true],
    [["+a *:* rwm", "-b 8:0 w"], "b 8:0 r", true],
    [["+a *:* rwm", "-b 8:0 w"], "b 8:0 w", false],
    [["+a *:* rwm", "-b 8:0 w"], "b 8:0 rw", false],
    [["+a *:* rwm", "-b 8:0 w"], "b 8:1 rw", true],
    [["+a *:* rwm", "-a *:* rwm"], "b 8:1 r", false],
    // "a" allows everything only where that is what was asked for.
    [["+a *:* r"], "b 8:0 r", true],
    [["+a *:* r"], "b 8:0 w", false],
    [["+a 8:0 rw"], "b 8:0 rw", true],
    [["+a 8:0 rw"], "c 8:0 rw", true],
    [["+a 8:0 rw"], "b 8:1 r", false],
    [["+a *:* rwm", "-a 8:0 rw"], "c 8:0 r", false],
  ];
  for (const [rules, wanted, allowed] of table) {
    const about = `${JSON.stringify(rules)} on ${wanted}`;
    assertEquals(allows(rules.map(rule), wanted), allowed, about);
  }
});

Deno.test("devicePolicy() treats rules without type or numbers as for all devices", () => {
  assertEquals(devicePolicy([DENY_ALL]), devicePolicy());
  assertEquals(devicePolicy([{ allow: true, access: "rwm" }]), {
    default: "allow",
    exceptions: [],
  });
  assertEquals(
    devicePolicy([{ allow: true, type: "", access: "rwm" }]).default,
    "allow",
  );
});

Deno.test("devicePolicy() refuses a rule that cgroups would leave without effect", () => {
  const refusal = (...rules: DeviceRule[]) => {
    try {
      devicePolicy(rules);
    } catch (error) {
      return renderError(error);
    }
    return fail("nothing was refused");
  };
  assertEquals(
    refusal(rule("+c 1:* rw"), rule("-c 1:3 w")),
    'device rule "c 1:3 w" would make a hole in the earlier rule ' +
      '"c 1:* rw", which cgroups cannot do',
  );
  assertMatch(refusal({ allow: true, type: "c" }), /devices\[0\]: access is/);
  // Another access of the same devices is no hole.
  devicePolicy([rule("+c 1:* r"), rule("-c 1:3 w")]);
});

Deno.test("deviceWrites() denies all first, then allows, for a new cgroup", () => {
  const fresh = parseDevicesList("a *:* rwm\n");
  const writes = deviceWrites(fresh, devicePolicy([DENY_ALL]))
    .map(({ file, value }) => `${file} ${value}`);
  assertEquals(writes, [
    "devices.deny a",
    "devices.allow b *:* m",
    "devices.allow c *:* m",
    "devices.allow c 1:3 rwm",
    "devices.allow c 1:5 rwm",
    "devices.allow c 1:7 rwm",
    "devices.allow c 1:8 rwm",
    "devices.allow c 1:9 rwm",
    "devices.allow c 5:0 rwm",
    "devices.allow c 5:2 rwm",
    "devices.allow c 10:200 rwm",
    "devices.allow c 136:* rwm",
  ]);
});

Deno.test("deviceWrites() changes one allow-list into another without leaving it", () => {
  const current = devicePolicy([rule("+b 8:0 rw"), rule("+c 9:9 r")]);
  const target = devicePolicy([rule("+b 8:0 rm"), rule("+c 7:7 r")]);
  assertEquals(
    deviceWrites(current, target).map(({ file, value }) => `${file} ${value}`),
    [
      "devices.deny b 8:0 w",
      "devices.deny c 9:9 r",
      "devices.allow c 7:7 r",
      "devices.allow b 8:0 m",
    ],
  );
  assertEquals(deviceWrites(target, target), []);
});

Deno.test("deviceWrites() begins anew where a default of allowing is involved", () => {
  const closed = devicePolicy([DENY_ALL]);
  const open = devicePolicy([ALLOW_ALL, rule("-b 8:0 w")]);
  const lines = deviceWrites(closed, open);
  assertEquals(lines, [
    { file: "devices.allow", value: "a" },
    { file: "devices.deny", value: "b 8:0 w" },
  ]);
  assertEquals(deviceWrites(open, closed)[0], {
    file: "devices.deny",
    value: "a",
  });
});

Deno.test("parseDevicesList() reads back what was written", () => {
  const policy = devicePolicy([rule("+b 8:* wr"), rule("+c *:3 m")]);
  const list = deviceWrites(parseDevicesList("a *:* rwm"), policy)
    .filter(({ file }) => file === "devices.allow")
    .map(({ value }) => value).join("\n");
  assertEquals(parseDevicesList(list), policy);
});
