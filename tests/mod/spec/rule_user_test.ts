import { ALL_IDS, and, BIND, testRules } from "./rules.ts";

testRules({
  "mappings": {
    accepted: { userns: true },
    refused: { linux: { uidMappings: ALL_IDS } },
    says:
      'linux.uidMappings: got [{"containerID":0,"hostID":1000,"size":1000}], ' +
      'expected no mapping without a "user" namespace',
  },
  "the user namespace": {
    accepted: {
      linux: { namespaces: and({ type: "user", path: "/proc/1/ns/user" }) },
    },
    refused: {
      linux: { namespaces: and({ type: "user" }), uidMappings: ALL_IDS },
    },
    says: "linux.gidMappings: is missing, " +
      'expected mappings for the new "user" namespace',
  },
  "the size of a mapping": {
    accepted: {
      userns: true,
      linux: {
        uidMappings: [{ containerID: 0, hostID: 0, size: 4294967295 }],
      },
    },
    refused: {
      userns: true,
      linux: {
        uidMappings: [...ALL_IDS, { containerID: 5000, hostID: 0, size: 0 }],
      },
    },
    says: "linux.uidMappings[1].size: got 0, expected at least 1",
  },
  "the end of a mapping": {
    accepted: {
      userns: true,
      linux: {
        gidMappings: [{ containerID: 0, hostID: 4294967294, size: 1 }],
      },
    },
    refused: {
      userns: true,
      linux: {
        gidMappings: [{ containerID: 0, hostID: 4294967294, size: 2 }],
      },
    },
    says: "linux.gidMappings[0].size: got 2, " +
      "expected a range from hostID 4294967294 that ends below 2^32 - 1",
  },
  "overlap in the container": {
    accepted: {
      userns: true,
      linux: {
        uidMappings: [
          { containerID: 0, hostID: 0, size: 10 },
          { containerID: 10, hostID: 10, size: 10 },
        ],
      },
    },
    refused: {
      userns: true,
      linux: {
        uidMappings: [
          { containerID: 0, hostID: 0, size: 10 },
          { containerID: 9, hostID: 10, size: 10 },
        ],
      },
    },
    says: "linux.uidMappings[1].containerID: got 9, " +
      "expected a range apart from that of linux.uidMappings[0]",
  },
  "overlap on the host": {
    accepted: { userns: true },
    refused: {
      userns: true,
      linux: {
        uidMappings: [
          { containerID: 0, hostID: 5, size: 10 },
          { containerID: 10, hostID: 0, size: 6 },
        ],
      },
    },
    says: "linux.uidMappings[1].hostID: got 0, " +
      "expected a range apart from that of linux.uidMappings[0]",
  },
  "too many mappings": {
    accepted: { userns: true, linux: { uidMappings: many(340) } },
    refused: { userns: true, linux: { uidMappings: many(341) } },
    says: "linux.uidMappings: got 341, expected at most 340 mappings",
  },
  "the root user": {
    accepted: { userns: true },
    refused: {
      userns: true,
      linux: { uidMappings: [{ containerID: 1, hostID: 1, size: 1 }] },
    },
    says: 'linux.uidMappings: got [{"containerID":1,"hostID":1,"size":1}], ' +
      "expected a mapping of the container's id 0",
  },
  "the process's user": {
    accepted: {
      userns: true,
      process: { user: { uid: 999, gid: 0 } },
      linux: { uidMappings: ALL_IDS },
    },
    refused: {
      userns: true,
      process: { user: { uid: 1000, gid: 0 } },
      linux: { uidMappings: ALL_IDS },
    },
    says:
      "process.user.uid: got 1000, expected an id that linux.uidMappings has",
  },
  "the process's group": {
    accepted: { process: { user: { uid: 0, gid: 7 } } },
    refused: { userns: true, process: { user: { uid: 0, gid: 7 } } },
    says: "process.user.gid: got 7, expected an id that linux.gidMappings has",
  },
  "the process's groups": {
    accepted: {
      userns: true,
      process: { user: { uid: 0, gid: 0, additionalGids: [0] } },
    },
    refused: {
      userns: true,
      process: { user: { uid: 0, gid: 0, additionalGids: [0, 7] } },
    },
    says: "process.user.additionalGids[1]: got 7, " +
      "expected an id that linux.gidMappings has",
  },
  "mappings of a mount": {
    accepted: {
      spec: {
        mounts: [{ ...BIND, uidMappings: ALL_IDS, gidMappings: ALL_IDS }],
      },
    },
    refused: { spec: { mounts: [{ ...BIND, gidMappings: ALL_IDS }] } },
    says: "mounts[0].uidMappings: is missing, " +
      "expected uidMappings and gidMappings together",
  },
});

function many(count: number) {
  return Array.from({ length: count }, (_, i) => ({
    containerID: i,
    hostID: i,
    size: 1,
  }));
}
