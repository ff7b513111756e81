/**
 * `enable-cuda-compat`: the CUDA compatibility libraries of an image are put
 * before the host's driver where they are meant for it. Must run before
 * `update-ldcache`.
 *
 * @module
 */

import { SyscallError } from "../../../ffi/errno.ts";
import { close } from "../../../ffi/file.ts";
import { attempt } from "../../../ffi/call.ts";
import type { ByteSource } from "../elf.ts";
import { readSection } from "../elf.ts";
import type { HookJob } from "./arguments.ts";
import type { HookSite } from "./site.ts";
import { kindOf, listFolder, openIn, openSource, writeText } from "./site.ts";

/** Sorts before what `update-ldcache` writes. */
export const COMPAT_CONF = "00-compat-burrow.conf";

const SECTION = ".note.cuda.fwd_compatibility";
const LIBRARY = /^libcuda\.so\.(\d+(?:\.\d+)+)$/;

/** What a compatibility library says that it works with. */
export interface CompatNote {
  /** The CUDA version it brings, such as `13.1`. */
  readonly cudaVersion: string;
  /** The driver branches it runs on; empty: not said. */
  readonly drivers: readonly number[];
}

/** The document in the note of a compatibility library. */
export function readCompatNote(source: ByteSource): CompatNote | undefined {
  const section = readSection(source, SECTION);
  if (section === undefined) return undefined;
  const text = new TextDecoder().decode(section);
  const json = text.slice(text.indexOf("{"), text.lastIndexOf("}") + 1);
  let document: unknown;
  try {
    document = JSON.parse(json);
  } catch {
    return undefined; // an image may hold anything
  }
  if (typeof document !== "object" || document === null) return undefined;
  const fields: Readonly<Record<string, unknown>> = { ...document };
  const drivers = fields["Driver"];
  return {
    cudaVersion: String(fields["CUDA Version"] ?? ""),
    drivers: Array.isArray(drivers) ? drivers.map(Number) : [],
  };
}

/** Is the version `a` greater than `b`? Both are numbers with dots between. */
export function isNewer(a: string, b: string): boolean {
  const [x, y] = [a, b].map((version) => version.split(".").map(Number));
  for (let i = 0; i < Math.max(x?.length ?? 0, y?.length ?? 0); i++) {
    const difference = (x?.[i] ?? 0) - (y?.[i] ?? 0);
    if (difference !== 0) return difference > 0;
  }
  return false;
}

/** Are compatibility libraries of version `compat` meant for this host? */
export function usesCompat(
  compat: string,
  note: CompatNote | undefined,
  host: { driverVersion: string; cudaVersion: string },
): boolean {
  const major = Number(host.driverVersion.split(".")[0]);
  if (note === undefined) {
    return major > 0 && Number(compat.split(".")[0]) > major;
  }
  if (major > 0 && note.drivers.length > 0) {
    return note.drivers.includes(major) &&
      isNewer(compat, host.driverVersion);
  }
  return host.cudaVersion !== "" && note.cudaVersion !== "" &&
    isNewer(note.cudaVersion, host.cudaVersion);
}

/** Names the compatibility libraries to the loader, where they are of use. */
export function enableCudaCompat(
  site: HookSite,
  job: Extract<HookJob, { kind: "enable-cuda-compat" }>,
): void {
  const { folder } = job;
  const names = listFolder(site, folder).filter((name) => LIBRARY.test(name));
  if (names.length === 0) return;
  const dir = attempt(site.gofer, openIn(site, folder));
  if (dir < 0) return;
  const files = names.filter((name) =>
    kindOf(site, dir, name)?.kind === "file"
  );
  site.gofer.run(close(dir));
  const [name = ""] = files;
  if (files.length !== 1) return;
  using source = openSource(site, `${folder}/${name}`);
  if (source === undefined) return;
  const version = LIBRARY.exec(name)?.[1] ?? "";
  if (!usesCompat(version, readCompatNote(source), job)) return;
  try {
    const conf = site.openFolder("/etc/ld.so.conf.d");
    writeText(site, conf, COMPAT_CONF, `${folder}\n`, 0o644);
    site.gofer.run(close(conf));
  } catch (error) {
    if (!(error instanceof SyscallError && error.code === "EROFS")) throw error;
    site.warn("enable-cuda-compat: the root is read-only, ignoring");
  }
}
