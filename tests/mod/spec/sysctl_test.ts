import { sysctlNamespace, sysctlPath } from "../../../mod/spec/sysctl.ts";
import { assertEquals } from "../../support/assert.ts";
import { testRules, without } from "./rules.ts";

testRules({
  "unknown sysctls": {
    accepted: {
      linux: {
        sysctl: {
          "kernel.msgmax": "1",
          "kernel/shm_rmid_forced": "1",
          "fs.mqueue.msg_max": "1",
          "net.ipv4.tcp_rmem": "4096\t87380\t6291456",
          "net/ipv4/conf/eth0.100/rp_filter": "1",
          "kernel.domainname": "a",
        },
      },
    },
    refused: { linux: { sysctl: { "vm.swappiness": "1" } } },
    says: 'linux.sysctl["vm.swappiness"]: got "1", ' +
      "expected only sysctls that belong to a namespace",
  },
  "sysctls of the network": {
    accepted: { linux: { sysctl: { "net.core.somaxconn": "1" } } },
    refused: {
      linux: {
        namespaces: without("network"),
        sysctl: { "net.core.somaxconn": "1" },
      },
    },
    says: 'linux.sysctl["net.core.somaxconn"]: got "1", ' +
      'expected no such sysctl without a "network" namespace',
  },
  "sysctls of ipc": {
    accepted: { linux: { sysctl: { "kernel.sem": "1 2 3 4" } } },
    refused: {
      linux: { namespaces: without("ipc"), sysctl: { "kernel/sem": "1" } },
    },
    says: 'linux.sysctl["kernel/sem"]: got "1", ' +
      'expected no such sysctl without a "ipc" namespace',
  },
  "the hostname as a sysctl": {
    accepted: {},
    refused: { linux: { sysctl: { "kernel.hostname": "a" } } },
    says: 'linux.sysctl["kernel.hostname"]: got "a", ' +
      'expected nothing: "hostname" of the spec sets it',
  },
  "values of sysctls (CVE-2022-0811)": {
    accepted: { linux: { sysctl: { "kernel.shmmax": "1 +2" } } },
    refused: {
      linux: { sysctl: { "kernel.shmmax": "1\nkernel.core_pattern=|/a" } },
    },
    says: 'linux.sysctl["kernel.shmmax"]: ' +
      'got "1\\nkernel.core_pattern=|/a", expected no control characters',
  },
  "names of sysctls (CVE-2022-0811)": {
    accepted: { linux: { sysctl: { "net.ipv4.conf.eth0/1.rp_filter": "1" } } },
    refused: { linux: { sysctl: { "net/../kernel/core_pattern": "1" } } },
    says: 'linux.sysctl["net/../kernel/core_pattern"]: ' +
      'got "net/../kernel/core_pattern", expected the name of a sysctl',
  },
});

Deno.test("sysctlPath() takes the first separator for the separator", () => {
  assertEquals(sysctlPath("net.ipv4.ip_forward"), "net/ipv4/ip_forward");
  assertEquals(sysctlPath("net/ipv4/ip_forward"), "net/ipv4/ip_forward");
  assertEquals(sysctlPath("net.a.eth0/100.b"), "net/a/eth0.100/b");
  assertEquals(sysctlPath("net/a/eth0.100/b"), "net/a/eth0.100/b");
  assertEquals(sysctlPath("single"), "single");
});

Deno.test("sysctlNamespace() knows what each namespace has", () => {
  assertEquals(sysctlNamespace("kernel/shmmax"), "ipc");
  assertEquals(sysctlNamespace("fs/mqueue/msg_max"), "ipc");
  assertEquals(sysctlNamespace("net/core/somaxconn"), "network");
  assertEquals(sysctlNamespace("kernel/domainname"), "uts");
  assertEquals(sysctlNamespace("kernel/core_pattern"), undefined);
  assertEquals(sysctlNamespace("network/a"), undefined);
});
