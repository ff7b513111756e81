import type { Seccomp, SeccompSyscall } from "../../../mod/spec/seccomp.ts";
import { testRules } from "./rules.ts";

testRules({
  "the default action": {
    accepted: { linux: { seccomp: { defaultAction: "" } } },
    refused: {
      linux: {
        seccomp: { syscalls: [{ names: ["a"], action: "SCMP_ACT_LOG" }] },
      },
    },
    says: "linux.seccomp.defaultAction: is missing, " +
      "expected the action for system calls that no rule names",
  },
  "a listener for all": {
    accepted: { linux: { seccomp: { defaultAction: "SCMP_ACT_ALLOW" } } },
    refused: { linux: { seccomp: { defaultAction: "SCMP_ACT_NOTIFY" } } },
    says: 'linux.seccomp.defaultAction: got "SCMP_ACT_NOTIFY", ' +
      "expected an action that does not ask a listener",
  },
  "the default errno": {
    accepted: {
      linux: {
        seccomp: { defaultAction: "SCMP_ACT_ERRNO", defaultErrnoRet: 38 },
      },
    },
    refused: {
      linux: {
        seccomp: { defaultAction: "SCMP_ACT_LOG", defaultErrnoRet: 38 },
      },
    },
    says: "linux.seccomp.defaultErrnoRet: got 38, " +
      "expected no errno with SCMP_ACT_LOG",
  },
  "the listener's metadata": {
    accepted: {
      linux: { seccomp: { listenerPath: "/a", listenerMetadata: "b" } },
    },
    refused: { linux: { seccomp: { listenerMetadata: "b" } } },
    says: 'linux.seccomp.listenerMetadata: got "b", ' +
      "expected none without a listenerPath",
  },
  "names of system calls": {
    accepted: { linux: { seccomp: seccomp({ names: ["no_such_call"] }) } },
    refused: { linux: { seccomp: seccomp({ names: [] }) } },
    says: "linux.seccomp.syscalls[0].names: got [], " +
      "expected at least one system call",
  },
  "the errno of a system call": {
    accepted: {
      linux: { seccomp: seccomp({ action: "SCMP_ACT_TRACE", errnoRet: 1 }) },
    },
    refused: {
      linux: { seccomp: seccomp({ action: "SCMP_ACT_TRAP", errnoRet: 1 }) },
    },
    says: "linux.seccomp.syscalls[0].errnoRet: got 1, " +
      "expected no errno with SCMP_ACT_TRAP",
  },
  "the listener": {
    accepted: {
      linux: {
        seccomp: {
          ...seccomp({ action: "SCMP_ACT_NOTIFY" }),
          listenerPath: "/a",
        },
      },
    },
    refused: { linux: { seccomp: seccomp({ action: "SCMP_ACT_NOTIFY" }) } },
    says: 'linux.seccomp.syscalls[0].action: got "SCMP_ACT_NOTIFY", ' +
      "expected a listenerPath in linux.seccomp with this action",
  },
  "a listener for write": {
    accepted: { linux: { seccomp: seccomp({ names: ["write"] }) } },
    refused: {
      linux: {
        seccomp: {
          ...seccomp({ names: ["write"], action: "SCMP_ACT_NOTIFY" }),
          listenerPath: "/a",
        },
      },
    },
    says: 'linux.seccomp.syscalls[0].names: got ["write"], ' +
      'expected no "write", which hands the listener over',
  },
});

function seccomp(
  rule: Partial<SeccompSyscall>,
): Seccomp {
  const syscall = { names: ["a"], action: "SCMP_ACT_LOG" as const, ...rule };
  return { defaultAction: "SCMP_ACT_ALLOW", syscalls: [syscall] };
}
