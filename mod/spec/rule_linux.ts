/**
 * Rules about `linux`, but for user namespaces and sysctls.
 *
 * @module
 */
import type { Spec } from "./config.ts";
import { jsonPath } from "./fault.ts";
import type { Resources } from "./resources.ts";
import { duplicates, hasControl, namespaceOf, type Rule } from "./rule.ts";

/** Is a text one name of a file: no slash, not "." nor ".."? */
function isFileName(name: string): boolean {
  return name !== "" && name !== "." && name !== ".." && !name.includes("/");
}

/** A kind of namespace is there once. */
const namespacesAreOnce: Rule<Spec> = ({ linux }) =>
  duplicates(
    (i) => `linux.namespaces[${i}].type`,
    (linux?.namespaces ?? []).map(({ type }) => type),
  );

/** The path of a namespace is absolute; empty means none. */
const namespacePathsAreAbsolute: Rule<Spec> = function* ({ linux }) {
  for (const [i, { path }] of (linux?.namespaces ?? []).entries()) {
    if (path === undefined || path === "" || path.startsWith("/")) continue;
    yield {
      path: `linux.namespaces[${i}].path`,
      got: path,
      expected: "an absolute path",
    };
  }
};

/**
 * Without a mount namespace, the mounts, masked and read-only paths of the
 * container would be the host's.
 */
const mountNamespaceIsThere: Rule<Spec> = function* (spec) {
  if (namespaceOf(spec, "mount") !== undefined) return;
  yield {
    path: "linux.namespaces",
    got: spec.linux?.namespaces,
    expected: 'a "mount" namespace, which the root and its mounts need',
  };
};

/** A name is set in a uts namespace of the container's own. */
const namesHaveUtsNamespace: Rule<Spec> = function* (spec) {
  if (namespaceOf(spec, "uts") !== undefined) return;
  for (const name of ["hostname", "domainname"] as const) {
    const got = spec[name];
    if (got === undefined || got === "") continue;
    const expected = `no ${name} without a "uts" namespace`;
    yield { path: name, got, expected };
  }
};

/** Clocks are set in a time namespace of the container's own. */
const offsetsHaveTimeNamespace: Rule<Spec> = function* (spec) {
  const got = spec.linux?.timeOffsets;
  if (got === undefined || namespaceOf(spec, "time") !== undefined) return;
  if (got.monotonic === undefined && got.boottime === undefined) return;
  const expected = 'no offset without a "time" namespace';
  yield { path: "linux.timeOffsets", got, expected };
};

/** Interfaces go to a network namespace, under names that the kernel takes. */
const netDevicesAreMovable: Rule<Spec> = function* (spec) {
  const devices = Object.entries(spec.linux?.netDevices ?? {});
  if (devices.length > 0 && namespaceOf(spec, "network") === undefined) {
    yield {
      path: "linux.netDevices",
      got: spec.linux?.netDevices,
      expected: 'no device without a "network" namespace',
    };
  }
  for (const [device, { name }] of devices) {
    for (const got of name === undefined ? [device] : [device, name]) {
      // IFNAMSIZ is 16 with the NUL at the end.
      const isName = isFileName(got) && got.length < 16 && !/[\s:]/.test(got);
      if (isName || (got === name && got === "")) continue;
      yield {
        path: jsonPath(["linux", "netDevices", device]),
        got,
        expected: "the name of a network interface",
      };
    }
  }
};

/** Masked and read-only paths are absolute, in the container. */
const protectedPathsAreAbsolute: Rule<Spec> = function* ({ linux }) {
  for (const name of ["maskedPaths", "readonlyPaths"] as const) {
    for (const [i, got] of (linux?.[name] ?? []).entries()) {
      if (got.startsWith("/")) continue;
      const expected = "an absolute path";
      yield { path: `linux.${name}[${i}]`, got, expected };
    }
  }
};

/** Device nodes have an absolute path and, but for fifos, a number. */
const devicesAreNodes: Rule<Spec> = function* ({ linux }) {
  for (const [i, device] of (linux?.devices ?? []).entries()) {
    const at = `linux.devices[${i}]`;
    if (!device.path.startsWith("/")) {
      const expected = "an absolute path";
      yield { path: `${at}.path`, got: device.path, expected };
    }
    if (device.type === "p") continue;
    // The kernel's dev_t: 12 bits of major and 20 of minor.
    for (const [name, bits] of [["major", 12], ["minor", 20]] as const) {
      const got = device[name];
      if (got !== undefined && got >= 0 && got < 2 ** bits) continue;
      yield {
        path: `${at}.${name}`,
        got,
        expected: `an integer from 0 to ${2 ** bits - 1}`,
      };
    }
  }
};

/** The path of the cgroup cannot lead out of where cgroups are made. */
const cgroupsPathStaysInside: Rule<Spec> = function* ({ linux }) {
  const got = linux?.cgroupsPath;
  if (got === undefined) return;
  if (got.split("/").includes("..") || hasControl(got)) {
    const expected = 'a path without ".." and control characters';
    yield { path: "linux.cgroupsPath", got, expected };
  }
};

/** The class of intelRdt is a directory, its schemata are lines. */
const intelRdtIsWritable: Rule<Spec> = function* ({ linux }) {
  const rdt = linux?.intelRdt;
  if (rdt === undefined) return;
  const { closID, schemata = [] } = rdt;
  // "/" is the default class, since 1.3.
  if (closID !== undefined && closID !== "/" && !isFileName(closID)) {
    const expected = "the name of a directory";
    yield { path: "linux.intelRdt.closID", got: closID, expected };
  }
  const lines: [string, string | undefined][] = [
    ["l3CacheSchema", rdt.l3CacheSchema],
    ["memBwSchema", rdt.memBwSchema],
    ...schemata.map((s, i): [string, string] => [`schemata[${i}]`, s]),
  ];
  for (const [name, got = ""] of lines) {
    if (!hasControl(got)) continue;
    yield { path: `linux.intelRdt.${name}`, got, expected: "one line" };
  }
};

/** A memory policy names nodes where its mode is about nodes. */
const memoryPolicyHasNodes: Rule<Spec> = function* ({ linux }) {
  if (linux?.memoryPolicy === undefined) return;
  const { mode, nodes } = linux.memoryPolicy;
  const isEmpty = nodes === undefined || nodes.trim() === "";
  const path = "linux.memoryPolicy.nodes";
  if (mode === "MPOL_DEFAULT" || mode === "MPOL_LOCAL") {
    if (!isEmpty) yield { path, got: nodes, expected: `none with ${mode}` };
  } else if (isEmpty && mode !== "MPOL_PREFERRED") {
    yield { path, got: nodes, expected: `nodes for ${mode}` };
  }
};

/** A filter has a default, and what it says can be carried out. */
const seccompIsPossible: Rule<Spec> = function* ({ linux }) {
  const filter = linux?.seccomp;
  if (filter === undefined) return;
  const at = "linux.seccomp";
  const { defaultAction = "", defaultErrnoRet, syscalls = [] } = filter;
  if (defaultAction === "" && syscalls.length > 0) {
    yield {
      path: `${at}.defaultAction`,
      got: filter.defaultAction,
      expected: "the action for system calls that no rule names",
    };
  }
  if (defaultAction === "SCMP_ACT_NOTIFY") {
    const expected = "an action that does not ask a listener";
    yield { path: `${at}.defaultAction`, got: defaultAction, expected };
  }
  if (defaultErrnoRet !== undefined && !returnsErrno(defaultAction)) {
    const expected = `no errno with ${defaultAction}`;
    yield { path: `${at}.defaultErrnoRet`, got: defaultErrnoRet, expected };
  }
  const { listenerPath = "", listenerMetadata = "" } = filter;
  if (listenerMetadata !== "" && listenerPath === "") {
    const expected = "none without a listenerPath";
    yield { path: `${at}.listenerMetadata`, got: listenerMetadata, expected };
  }
  for (const [i, { names, action, errnoRet }] of syscalls.entries()) {
    if (names.length === 0) {
      const expected = "at least one system call";
      yield { path: `${at}.syscalls[${i}].names`, got: names, expected };
    }
    if (errnoRet !== undefined && !returnsErrno(action)) {
      const expected = `no errno with ${action}`;
      yield { path: `${at}.syscalls[${i}].errnoRet`, got: errnoRet, expected };
    }
    if (action !== "SCMP_ACT_NOTIFY") continue;
    if (listenerPath === "") {
      const expected = "a listenerPath in linux.seccomp with this action";
      yield { path: `${at}.syscalls[${i}].action`, got: action, expected };
    }
    // Whoever answers must first be told, by write: that cannot be asked too.
    if (names.includes("write")) {
      const expected = 'no "write", which hands the listener over';
      yield { path: `${at}.syscalls[${i}].names`, got: names, expected };
    }
  }
};

/** Has an action a number to return? */
function returnsErrno(action: string): boolean {
  return action === "SCMP_ACT_ERRNO" || action === "SCMP_ACT_TRACE";
}

/** The keys of `unified` are files of the container's own cgroup. */
const unifiedKeysAreFiles: Rule<Resources> = function* ({ unified = {} }) {
  for (const key of Object.keys(unified)) {
    if (isFileName(key) && !key.includes("..") && !hasControl(key)) continue;
    yield {
      path: jsonPath(["unified", key]),
      got: key,
      expected: "the name of a file of a cgroup",
    };
  }
};

/** Device rules name a device, or with a negative number all of a kind. */
const deviceNumbersAreInRange: Rule<Resources> = function* ({ devices = [] }) {
  for (const [i, rule] of devices.entries()) {
    for (const name of ["major", "minor"] as const) {
      const got = rule[name];
      if (got === undefined || (got >= -1 && got < 2 ** 32)) continue;
      const expected = "-1 or an unsigned integer of 32 bits";
      yield { path: `devices[${i}].${name}`, got, expected };
    }
  }
};

/** The rules of resources; their paths begin beneath them. */
export const RESOURCES_RULES: readonly Rule<Resources>[] = [
  unifiedKeysAreFiles,
  deviceNumbersAreInRange,
];

/** The rules of `linux`. */
export const LINUX_RULES: readonly Rule<Spec>[] = [
  namespacesAreOnce,
  namespacePathsAreAbsolute,
  mountNamespaceIsThere,
  namesHaveUtsNamespace,
  offsetsHaveTimeNamespace,
  netDevicesAreMovable,
  protectedPathsAreAbsolute,
  devicesAreNodes,
  cgroupsPathStaysInside,
  intelRdtIsWritable,
  memoryPolicyHasNodes,
  seccompIsPossible,
];
