/**
 * CDI files that somebody has spoilt, the same for the same seed.
 *
 * @module
 */

/** Numbers from 0 to below 1, the same for the same seed (mulberry32). */
export function generator(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** A file with every field of CDI 1.1. */
export function fullFile(): Record<string, unknown> {
  const edits = () => ({
    env: ["A=1", "B=2"],
    deviceNodes: [
      { path: "/dev/char" },
      {
        path: "/dev/x",
        hostPath: "/dev/block",
        type: "b",
        major: 8,
        minor: 1,
        fileMode: 432,
        permissions: "rw",
        uid: 1,
        gid: 2,
      },
    ],
    netDevices: [{ hostInterfaceName: "e0", name: "n0" }],
    hooks: [{
      hookName: "createContainer",
      path: "/h",
      args: ["h", "x"],
      env: ["A=1"],
      timeout: 5,
    }],
    mounts: [{
      hostPath: "/a",
      containerPath: "/b",
      options: ["ro", "bind"],
      type: "bind",
    }],
    intelRdt: {
      closID: "c",
      l3CacheSchema: "L3:0=f",
      memBwSchema: "MB:0=1",
      schemata: ["x"],
      enableMonitoring: true,
    },
    additionalGids: [1, 2],
  });
  return {
    cdiVersion: "1.1.0",
    kind: "v.test/c",
    annotations: { "a.test/b": "c" },
    devices: [
      { name: "0", annotations: { a: "b" }, containerEdits: edits() },
      { name: "1", containerEdits: { env: ["C=3"] } },
    ],
    containerEdits: edits(),
  };
}

/** Values that somebody has once put where they do not belong. */
const ODD: readonly unknown[] = [
  null,
  true,
  0,
  -1,
  1.5,
  2 ** 32,
  2 ** 63,
  "",
  "/",
  "0o17",
  "a\0b",
  "a\nb",
  "\ud800",
  "x".repeat(5000),
  [],
  [[]],
  [null],
  {},
  { "": "" },
  { name: "x" },
  "0.5.0",
  "none",
];

type Holder = Record<string | number, unknown>;

/** Every object and list of a document. */
function holders(value: unknown): Holder[] {
  if (typeof value !== "object" || value === null) return [];
  return [value as Holder, ...Object.values(value).flatMap(holders)];
}

/** Changes one place of a document: another value, none, one more, twice. */
export function mutate(document: unknown, random: () => number): void {
  const pick = <T>(list: readonly T[]) =>
    list[Math.floor(random() * list.length)];
  const holder = pick(holders(document));
  if (holder === undefined) return;
  const key = pick(Object.keys(holder));
  const odd = structuredClone(pick(ODD));
  switch (Math.floor(random() * 4)) {
    case 0:
      if (key !== undefined) delete holder[key];
      break;
    case 1:
      if (Array.isArray(holder)) holder.push(structuredClone(holder[0]));
      else holder[pick(["path", "PATH", "x", "__proto__", "name"]) ?? ""] = odd;
      break;
    default:
      if (key !== undefined) holder[key] = odd;
  }
}

/** Changes one place of a text: a piece lost, doubled, or another letter. */
export function mutateText(text: string, random: () => number): string {
  const at = Math.floor(random() * text.length);
  const end = at + Math.floor(random() * 20);
  const letters = ["{", "}", "[", ",", ":", '"', "\n", "\t", "#", "&a ", "*a"];
  const letter = letters[Math.floor(random() * letters.length)] ?? "";
  switch (Math.floor(random() * 3)) {
    case 0:
      return text.slice(0, at) + text.slice(end);
    case 1:
      return text.slice(0, end) + text.slice(at);
    default:
      return text.slice(0, at) + letter + text.slice(at);
  }
}
