import { defaultSpec, rootlessSpec } from "../../../mod/spec/default.ts";
import type { Process } from "../../../mod/spec/process.ts";
import type { Resources } from "../../../mod/spec/resources.ts";
import {
  checkProcess,
  checkResources,
  checkSpec,
} from "../../../mod/spec/validate.ts";
import { assertEquals } from "../../support/assert.ts";
import { refusal } from "./refusal.ts";
import { ALL_IDS, and, BIND, changed, testRules } from "./rules.ts";

const HOOK = { path: "/bin/true" };

testRules({
  "the process": {
    accepted: {},
    refused: { spec: { process: undefined } },
    says: "process: is missing, expected the program to run",
  },
  "the root": {
    accepted: { spec: { root: { path: "/" } } },
    refused: { spec: { root: undefined } },
    says: "root: is missing, expected the root filesystem",
  },
  "the root's path": {
    accepted: { spec: { root: { path: "." } } },
    refused: { spec: { root: { path: "" } } },
    says: 'root.path: got "", expected a path',
  },
  "arguments": {
    accepted: { process: { args: ["a", ""] } },
    refused: { process: { args: [] } },
    says: "process.args: got [], expected the program's arguments",
  },
  "the program's name": {
    accepted: { process: { args: [" "] } },
    refused: { process: { args: ["", "a"] } },
    says: 'process.args[0]: got "", expected the name of a program',
  },
  "the working directory": {
    accepted: { process: { cwd: "/tmp" } },
    refused: { process: { cwd: "tmp" } },
    says: 'process.cwd: got "tmp", expected an absolute path',
  },
  "variables": {
    accepted: { process: { env: ["A=", "B==", "C= a b"] } },
    refused: { process: { env: ["A=b", "=c"] } },
    says: 'process.env[1]: got "=c", expected "NAME=value"',
  },
  "variables without =": {
    accepted: { process: { env: [] } },
    refused: { process: { env: ["HOME"] } },
    says: 'process.env[0]: got "HOME", expected "NAME=value"',
  },
  "duplicate limits": {
    accepted: {
      process: {
        rlimits: [
          { type: "RLIMIT_CORE", soft: 0, hard: 0 },
          { type: "RLIMIT_CPU", soft: 0, hard: 0 },
        ],
      },
    },
    refused: {
      process: {
        rlimits: [
          { type: "RLIMIT_CORE", soft: 0, hard: 0 },
          { type: "RLIMIT_CORE", soft: 1, hard: 1 },
        ],
      },
    },
    says: 'process.rlimits[1].type: got "RLIMIT_CORE", expected it once ' +
      "(first at index 0)",
  },
  "limits": {
    accepted: {
      process: { rlimits: [{ type: "RLIMIT_CPU", soft: 2, hard: 2 }] },
    },
    refused: {
      process: { rlimits: [{ type: "RLIMIT_CPU", soft: 3, hard: 2 }] },
    },
    says: "process.rlimits[0].soft: got 3, expected at most the hard limit, 2",
  },
  "the nice value": {
    accepted: { process: { scheduler: { policy: "SCHED_BATCH", nice: -20 } } },
    refused: { process: { scheduler: { policy: "SCHED_BATCH", nice: 20 } } },
    says: "process.scheduler.nice: got 20, expected an integer from -20 to 19",
  },
  "the priority of SCHED_FIFO": {
    accepted: { process: { scheduler: { policy: "SCHED_FIFO", priority: 1 } } },
    refused: { process: { scheduler: { policy: "SCHED_FIFO" } } },
    says: "process.scheduler.priority: is missing, " +
      "expected an integer from 1 to 99 with SCHED_FIFO",
  },
  "the priority of SCHED_OTHER": {
    accepted: {
      process: { scheduler: { policy: "SCHED_OTHER", priority: 0 } },
    },
    refused: { process: { scheduler: { policy: "SCHED_OTHER", priority: 1 } } },
    says: "process.scheduler.priority: got 1, expected 0 with SCHED_OTHER",
  },
  "the deadline": {
    accepted: {
      process: { scheduler: { policy: "SCHED_DEADLINE", runtime: 1 } },
    },
    refused: {
      process: { scheduler: { policy: "SCHED_RR", priority: 1, runtime: 1 } },
    },
    says: "process.scheduler.runtime: got 1, expected nothing with SCHED_RR",
  },
  "destinations": {
    accepted: { spec: { mounts: [{ destination: "relative" }] } },
    refused: { spec: { mounts: [{ destination: "" }] } },
    says: 'mounts[0].destination: got "", expected an absolute path',
  },
  "the source of a bind": {
    accepted: { spec: { mounts: [BIND, { destination: "/b" }] } },
    refused: { spec: { mounts: [{ destination: "/a", type: "bind" }] } },
    says: "mounts[0].source: is missing, expected the path to bind",
  },
  "the source of an rbind": {
    accepted: { spec: { mounts: [{ ...BIND, options: ["rbind"] }] } },
    refused: {
      spec: { mounts: [BIND, { ...BIND, source: "", options: ["rbind"] }] },
    },
    says: 'mounts[1].source: got "", expected the path to bind',
  },
  "the path of a hook": {
    accepted: { spec: { hooks: { poststop: [HOOK] } } },
    refused: { spec: { hooks: { poststop: [HOOK, { path: "a" }] } } },
    says: 'hooks.poststop[1].path: got "a", expected an absolute path',
  },
  "the timeout of a hook": {
    accepted: { spec: { hooks: { prestart: [{ ...HOOK, timeout: 1 }] } } },
    refused: { spec: { hooks: { prestart: [{ ...HOOK, timeout: 0 }] } } },
    says: "hooks.prestart[0].timeout: got 0, expected more than 0 seconds",
  },
});

Deno.test("checkSpec() tells the first fault and counts the others", () => {
  const spec = changed({
    process: { cwd: "a", env: ["b"] },
    spec: { root: { path: "" } },
  });
  assertEquals(
    refusal(() => checkSpec(spec, "f")),
    'f: root.path: got "", expected a path (and 2 more faults)',
  );
});

Deno.test("checkSpec() takes the default specs without a word", () => {
  assertEquals(checkSpec(defaultSpec(), "f"), []);
  assertEquals(checkSpec(rootlessSpec(0, 0), "f"), []);
});

Deno.test("checkSpec() warns of unknown capabilities, once each", () => {
  const capabilities = {
    bounding: ["CAP_KILL", "CAP_NEW"],
    ambient: ["CAP_NEW", "kill"],
  };
  assertEquals(checkSpec(changed({ process: { capabilities } }), "f"), [
    'process.capabilities: unknown capability "CAP_NEW", ignoring',
    'process.capabilities: unknown capability "kill", ignoring',
  ]);
});

Deno.test("checkSpec() warns of relative destinations", () => {
  const spec = changed({ spec: { mounts: [{ destination: "a/b" }] } });
  assertEquals(checkSpec(spec, "f"), [
    'mounts[0].destination: "a/b" is relative, taking "/a/b"',
  ]);
});

Deno.test("checkSpec() warns of mappings of a joined user namespace", () => {
  const user = { type: "user", path: "/proc/1/ns/user" } as const;
  const spec = changed({
    linux: { namespaces: and(user), gidMappings: ALL_IDS },
  });
  assertEquals(checkSpec(spec, "f"), [
    'linux.gidMappings: the "user" namespace is joined by path and has its mappings, ignoring',
  ]);
});

Deno.test("checkProcess() has the rules of process, with paths in it", () => {
  const process: Process = {
    user: { uid: 0, gid: 0 },
    cwd: "/",
    args: ["a"],
  };
  checkProcess(process, "f");
  assertEquals(
    refusal(() => checkProcess({ ...process, cwd: "a" }, "f")),
    'f: cwd: got "a", expected an absolute path',
  );
});

Deno.test("checkResources() has the rules of resources, with paths in it", () => {
  const resources: Resources = { unified: { "memory.max": "max" } };
  checkResources(resources, "f");
  assertEquals(
    refusal(() => checkResources({ unified: { "..": "1" } }, "f")),
    'f: unified[".."]: got "..", expected the name of a file of a cgroup',
  );
});
