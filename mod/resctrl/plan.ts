/**
 * Intel RDT: which class of resctrl a container is in, and what is written.
 * Pure.
 *
 * @see https://github.com/opencontainers/runtime-spec/blob/v1.3.0/config-linux.md#intelrdt
 * @see https://docs.kernel.org/filesystems/resctrl.html
 * @module
 */

import { RuntimeError } from "../errors.ts";
import type { Linux } from "../spec/linux.ts";

/** Puts the container's process into a class of resctrl. */
export interface ResctrlStep {
  readonly kind: "resctrl";
  /** The directory of the class. */
  readonly directory: string;
  /** Must be there: somebody else has set it up, and no schemata are told. */
  readonly existing: boolean;
  /** The class is the container's own, and goes with it. */
  readonly own: boolean;
  /** Lines of its `schemata`. */
  readonly schemata: readonly string[];
  /** The directory of its monitoring group. */
  readonly monitor?: string;
}

/** The lines of a schema, without those that another field has. */
function linesOf(text: string | undefined, drop?: string): string[] {
  return (text ?? "").split("\n").map((line) => line.trim())
    .filter((line) =>
      line !== "" && (drop === undefined || !line.startsWith(drop))
    );
}

/**
 * Plans `linux.intelRdt`. `mountPoint` is where resctrl is mounted.
 *
 * @throws {RuntimeError} where it is not mounted
 */
export function planResctrl(
  linux: Linux | undefined,
  id: string,
  mountPoint: string | undefined,
): ResctrlStep[] {
  const rdt = linux?.intelRdt;
  if (rdt === undefined) return [];
  if (mountPoint === undefined) {
    throw new RuntimeError("linux.intelRdt: no resctrl filesystem is mounted", {
      hint: "where processor and kernel have RDT: " +
        "mount -t resctrl resctrl /sys/fs/resctrl",
    });
  }
  const { closID = "", l3CacheSchema, memBwSchema, schemata = [] } = rdt;
  const lines = [
    // The bandwidth of an old L3 schema gives way to the field for it.
    ...linesOf(l3CacheSchema, memBwSchema === undefined ? undefined : "MB:"),
    ...linesOf(memBwSchema),
    ...schemata,
  ];
  const directory = closID === "/"
    ? mountPoint
    : `${mountPoint}/${closID === "" ? id : closID}`;
  return [{
    kind: "resctrl",
    directory,
    existing: closID !== "" && lines.length === 0,
    own: closID === "",
    schemata: lines,
    ...rdt.enableMonitoring === true
      ? { monitor: `${directory}/mon_groups/${id}` }
      : {},
  }];
}

/** A schema's line in a form to compare: the kernel pads and orders its own. */
function normal(line: string): string {
  const [resource = "", domains = ""] = line.split(":");
  return `${resource.trim()}:` + domains.split(";").map((domain) => {
    const [name = "", value = ""] = domain.split("=").map((s) => s.trim());
    const bare = value.replace(/^0+(?=.)/, "").toLowerCase();
    return `${name.replace(/^0+(?=.)/, "")}=${bare}`;
  }).sort().join(";");
}

/** The lines that a class's `schemata` does not say. */
export function missingLines(
  wanted: readonly string[],
  schemata: string,
): string[] {
  const there = new Set(schemata.split("\n").map(normal));
  return wanted.filter((line) => !there.has(normal(line)));
}
