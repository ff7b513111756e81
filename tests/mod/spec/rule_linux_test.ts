import { and, testRules, without } from "./rules.ts";

testRules({
  "duplicate namespaces": {
    accepted: { linux: { namespaces: and({ type: "time" }) } },
    refused: { linux: { namespaces: and({ type: "ipc" }) } },
    says: 'linux.namespaces[6].type: got "ipc", expected it once ' +
      "(first at index 2)",
  },
  "the path of a namespace": {
    accepted: { linux: { namespaces: and({ type: "time", path: "" }) } },
    refused: { linux: { namespaces: and({ type: "time", path: "ns" }) } },
    says: 'linux.namespaces[6].path: got "ns", expected an absolute path',
  },
  "the mount namespace": {
    accepted: { linux: { namespaces: without("pid", "cgroup") } },
    refused: { linux: { namespaces: [{ type: "uts" }] } },
    says: 'linux.namespaces: got [{"type":"uts"}], ' +
      'expected a "mount" namespace, which the root and its mounts need',
  },
  "the hostname": {
    accepted: { spec: { hostname: "" }, linux: { namespaces: without("uts") } },
    refused: { linux: { namespaces: without("uts") } },
    says: 'hostname: got "burrow", ' +
      'expected no hostname without a "uts" namespace',
  },
  "the domainname": {
    accepted: { spec: { domainname: "b" } },
    refused: {
      spec: { hostname: "", domainname: "b" },
      linux: { namespaces: without("uts") },
    },
    says:
      'domainname: got "b", expected no domainname without a "uts" namespace',
  },
  "time offsets": {
    accepted: {
      linux: {
        namespaces: and({ type: "time" }),
        timeOffsets: { boottime: { secs: 1 } },
      },
    },
    refused: { linux: { timeOffsets: { boottime: { secs: 1 } } } },
    says: 'linux.timeOffsets: got {"boottime":{"secs":1}}, ' +
      'expected no offset without a "time" namespace',
  },
  "network devices": {
    accepted: { linux: { netDevices: { eth0: { name: "" }, eth1: {} } } },
    refused: {
      linux: { namespaces: without("network"), netDevices: { eth0: {} } },
    },
    says: 'linux.netDevices: got {"eth0":{}}, ' +
      'expected no device without a "network" namespace',
  },
  "names of network devices": {
    accepted: { linux: { netDevices: { eth0: { name: "fifteen-letters" } } } },
    refused: { linux: { netDevices: { eth0: { name: "sixteen--letters" } } } },
    says: 'linux.netDevices.eth0: got "sixteen--letters", ' +
      "expected the name of a network interface",
  },
  "masked paths": {
    accepted: { linux: { maskedPaths: ["/a"] } },
    refused: { linux: { maskedPaths: ["/a", "b"] } },
    says: 'linux.maskedPaths[1]: got "b", expected an absolute path',
  },
  "read-only paths": {
    accepted: { linux: { readonlyPaths: [] } },
    refused: { linux: { readonlyPaths: ["b"] } },
    says: 'linux.readonlyPaths[0]: got "b", expected an absolute path',
  },
  "paths of devices": {
    accepted: { linux: { devices: [{ type: "p", path: "/dev/a" }] } },
    refused: { linux: { devices: [{ type: "p", path: "a" }] } },
    says: 'linux.devices[0].path: got "a", expected an absolute path',
  },
  "numbers of devices": {
    accepted: {
      linux: { devices: [{ type: "c", path: "/a", major: 0, minor: 1048575 }] },
    },
    refused: { linux: { devices: [{ type: "c", path: "/a", major: 1 }] } },
    says: "linux.devices[0].minor: is missing, " +
      "expected an integer from 0 to 1048575",
  },
  "the range of numbers of devices": {
    accepted: {
      linux: { devices: [{ type: "b", path: "/a", major: 4095, minor: 0 }] },
    },
    refused: {
      linux: { devices: [{ type: "b", path: "/a", major: 4096, minor: 0 }] },
    },
    says:
      "linux.devices[0].major: got 4096, expected an integer from 0 to 4095",
  },
  "the path of the cgroup": {
    accepted: { linux: { cgroupsPath: "a..b/..c" } },
    refused: { linux: { cgroupsPath: "/a/../../b" } },
    says: 'linux.cgroupsPath: got "/a/../../b", ' +
      'expected a path without ".." and control characters',
  },
  "the class of intelRdt": {
    accepted: { linux: { intelRdt: { closID: "/" } } },
    refused: { linux: { intelRdt: { closID: "../a" } } },
    says: 'linux.intelRdt.closID: got "../a", expected the name of a directory',
  },
  "schemata of intelRdt": {
    accepted: { linux: { intelRdt: { schemata: ["L3:0=f", "MB:0=20"] } } },
    refused: { linux: { intelRdt: { schemata: ["L3:0=f\nMB:0=20"] } } },
    says:
      'linux.intelRdt.schemata[0]: got "L3:0=f\\nMB:0=20", expected one line',
  },
  "nodes of a memory policy": {
    accepted: { linux: { memoryPolicy: { mode: "MPOL_PREFERRED" } } },
    refused: { linux: { memoryPolicy: { mode: "MPOL_BIND", nodes: " " } } },
    says: 'linux.memoryPolicy.nodes: got " ", expected nodes for MPOL_BIND',
  },
  "no nodes of a memory policy": {
    accepted: { linux: { memoryPolicy: { mode: "MPOL_LOCAL" } } },
    refused: { linux: { memoryPolicy: { mode: "MPOL_LOCAL", nodes: "0" } } },
    says: 'linux.memoryPolicy.nodes: got "0", expected none with MPOL_LOCAL',
  },
  "files of the cgroup": {
    accepted: { linux: { resources: { unified: { "memory.high": "1" } } } },
    refused: { linux: { resources: { unified: { "../cgroup.procs": "1" } } } },
    says:
      'linux.resources.unified["../cgroup.procs"]: got "../cgroup.procs", ' +
      "expected the name of a file of a cgroup",
  },
  "numbers of device rules": {
    accepted: {
      linux: { resources: { devices: [{ allow: true, major: -1, minor: 0 }] } },
    },
    refused: {
      linux: { resources: { devices: [{ allow: true, major: -2 }] } },
    },
    says: "linux.resources.devices[0].major: got -2, " +
      "expected -1 or an unsigned integer of 32 bits",
  },
});
