import { assertEquals, fail } from "../../support/assert.ts";
import { parseDuration } from "../../../mod/container/events.ts";
import { parseBelow } from "../../../mod/container/exec_cgroup.ts";
import {
  parseUser,
  processOfFlags,
} from "../../../mod/container/exec_process.ts";
import { selectLines } from "../../../mod/container/ps.ts";
import { parseSize } from "../../../mod/container/update.ts";
import { socketActivation } from "../../../mod/process/preserve.ts";

/** Fails unless `action` throws. */
function refuses(action: () => unknown, about: string): void {
  let value: unknown;
  try {
    value = action();
  } catch {
    return;
  }
  fail(`${about}: is ${JSON.stringify(value)}, wanted an error`);
}

Deno.test("parseUser() takes UID and UID:GID, and no text behind", () => {
  assertEquals(parseUser("1000"), { uid: 1000 });
  assertEquals(parseUser("0:4294967294"), { uid: 0, gid: 4294967294 });
  const bad = ["", ":", "1:", ":1", "1x", "1:2x", "1:2:3", "-1", "+1", "0x1"]
    .concat("1 ", " 1", "4294967295", "99999999999", "1e3", "root");
  for (const text of bad) refuses(() => parseUser(text), text);
});

Deno.test("parseDuration() reads Go's durations", () => {
  assertEquals(parseDuration("5s"), 5000);
  assertEquals(parseDuration("1m30s"), 90_000);
  assertEquals(parseDuration("1.5h"), 5_400_000);
  assertEquals(parseDuration("250ms"), 250);
  for (const text of ["", "5", "s", "5 s", "-5s", "0s", "5sx", "x5s"]) {
    refuses(() => parseDuration(text), text);
  }
});

Deno.test("parseSize() reads sizes with units of 1024, and -1", () => {
  assertEquals(parseSize("64m"), 64 * 1024 ** 2);
  assertEquals(parseSize("1.5GiB"), 1.5 * 1024 ** 3);
  assertEquals(parseSize("4096"), 4096);
  assertEquals(parseSize("1KB"), 1024);
  assertEquals(parseSize("-1"), -1);
  for (const text of ["", "m", "-2", "1x", "1 2", "9999p"]) {
    refuses(() => parseSize(text), text);
  }
});

Deno.test("parseBelow() reads --cgroup, and lets nothing leave", () => {
  assertEquals({ ...parseBelow(["a//./b"]) }, { "": "a/b" });
  assertEquals({ ...parseBelow(["cpu,memory:x", "pids:y"]) }, {
    cpu: "x",
    memory: "x",
    pids: "y",
  });
  for (
    const values of [
      [".."],
      ["a/../../b"],
      ["cpu:.."],
      ["a", "b"],
      [":a"],
      ["cpu,:a"],
      ["cpu:a", "cpu:b"],
    ]
  ) refuses(() => parseBelow(values), values.join(" "));
});

const NO_FLAGS = {
  args: ["true"],
  env: [],
  caps: [],
  additionalGids: [],
  terminal: false,
  noNewPrivileges: false,
  cwd: undefined,
  user: undefined,
  apparmor: undefined,
  label: undefined,
};

Deno.test("processOfFlags() adds no capability to what is inherited", () => {
  const base = { cwd: "/", user: { uid: 0, gid: 0 }, args: ["x"] };
  const flags = { ...NO_FLAGS, caps: ["cap_chown"] };
  assertEquals(processOfFlags(base, flags).capabilities, {
    bounding: ["CAP_CHOWN"],
    effective: ["CAP_CHOWN"],
    permitted: ["CAP_CHOWN"],
  });
  const capabilities = { inheritable: ["CAP_KILL"], ambient: ["CAP_KILL"] };
  const more = processOfFlags({ ...base, capabilities }, flags).capabilities;
  assertEquals(more?.inheritable, ["CAP_KILL"]);
  assertEquals(more?.ambient, ["CAP_KILL"]);
  const unknown = { ...NO_FLAGS, caps: ["CAP_NOSUCH"] };
  refuses(() => processOfFlags(base, unknown), "CAP_NOSUCH");
});

Deno.test("selectLines() keeps the lines of some processes", () => {
  const text = "USER  PID CMD\na  1 x 77\nb 77 y\n";
  assertEquals(selectLines(text, [77]), "USER  PID CMD\nb 77 y\n");
  refuses(() => selectLines("USER CMD\na x\n", [1]), "no column");
});

Deno.test("socketActivation() takes descriptors that are meant for this process", () => {
  const env = (values: Record<string, string>) => (name: string) =>
    values[name];
  const both = { LISTEN_FDS: "2", LISTEN_PID: "7" };
  assertEquals(socketActivation(env(both), 7), 2);
  assertEquals(socketActivation(env(both), 8), 0);
  assertEquals(socketActivation(env({ LISTEN_FDS: "2" }), 7), 0);
});
