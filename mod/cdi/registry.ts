/**
 * The registry: which devices the CDI files of some directories define, and
 * which of them count. Pure; `read.ts` reads the directories.
 *
 * A later directory wins over an earlier one. Of two files in one directory
 * that define the same device neither counts, for this device. A file that is
 * not good is dropped whole, and the others count.
 *
 * @see https://github.com/cncf-tags/container-device-interface/blob/v1.1.0/SPEC.md#overview
 * @module
 */

import { renderError, RuntimeError } from "../errors.ts";
import { qualifiedName } from "./name.ts";
import type { ParsedFile } from "./parse.ts";
import type { CdiDevice, CdiFile } from "./schema.ts";

/** Where CDI files are, unless somebody says otherwise; the last one wins. */
export const CDI_SPEC_DIRS: readonly string[] = ["/etc/cdi", "/var/run/cdi"];

/** A file as it was found: its text, or why that could not be read. */
export interface FoundFile {
  /** Absolute path. */
  readonly path: string;
  readonly text?: string;
  readonly error?: string;
}

/** A directory as it was found. */
export interface FoundDirectory {
  /** Absolute path. */
  readonly path: string;
  /** `unread`: an earlier one could not be read, and that ends the search. */
  readonly state: "read" | "missing" | "failed" | "unread";
  /** Why it failed. */
  readonly error?: string;
  /** Its files by name, those of `.json` and `.yaml`. */
  readonly files: readonly FoundFile[];
  /** Names that are no CDI file's, such as `x.yml`. */
  readonly ignored: readonly string[];
}

/** A file that counts. */
export interface RegistryFile {
  readonly path: string;
  /** Index of its directory; the highest wins. */
  readonly priority: number;
  readonly file: CdiFile;
  /** What is odd in it. */
  readonly warnings: readonly string[];
}

/** A file that does not count. */
export interface DroppedFile {
  readonly path: string;
  /** Why, in one line. */
  readonly reason: string;
  /** Its text, as far as it was read: what it may have been about. */
  readonly text: string;
}

/** A device, and the file that it is taken from. */
export interface RegistryDevice {
  /** Its qualified name. */
  readonly name: string;
  readonly device: CdiDevice;
  readonly source: RegistryFile;
  /** Files of lower priority that define it too. */
  readonly hidden: readonly string[];
}

/** What some directories define. */
export interface Registry {
  readonly directories: readonly FoundDirectory[];
  readonly files: readonly RegistryFile[];
  readonly dropped: readonly DroppedFile[];
  /** By qualified name. */
  readonly devices: ReadonlyMap<string, RegistryDevice>;
  /** Devices that two files of the same directory define, and those files. */
  readonly conflicts: ReadonlyMap<string, readonly string[]>;
}

/** Adds the devices of one file to what defines them, highest priority kept. */
function addDevices(
  definitions: Map<string, RegistryFile[]>,
  source: RegistryFile,
): void {
  for (const { name } of source.file.devices ?? []) {
    const qualified = qualifiedName(source.file.kind, name);
    definitions.set(qualified, [
      ...definitions.get(qualified) ?? [],
      source,
    ]);
  }
}

/**
 * Makes the registry of directories that were read; `parse` is
 * `parseCdiFile()`, which comes by argument so that who needs no file loads no
 * parser.
 */
export function makeRegistry(
  directories: readonly FoundDirectory[],
  parse: (text: string) => ParsedFile,
): Registry {
  const files: RegistryFile[] = [];
  const dropped: DroppedFile[] = [];
  for (const [priority, { files: found }] of directories.entries()) {
    for (const { path, text = "", error } of found) {
      if (error !== undefined) {
        dropped.push({ path, reason: error, text });
        continue;
      }
      try {
        files.push({ path, priority, ...parse(text) });
      } catch (fault) {
        if (!(fault instanceof RuntimeError)) throw fault;
        dropped.push({ path, reason: renderError(fault), text });
      }
    }
  }

  const definitions = new Map<string, RegistryFile[]>();
  for (const file of files) addDevices(definitions, file);
  const devices = new Map<string, RegistryDevice>();
  const conflicts = new Map<string, readonly string[]>();
  for (const [name, sources] of definitions) {
    const highest = Math.max(...sources.map(({ priority }) => priority));
    const winners = sources.filter(({ priority }) => priority === highest);
    const [source] = winners;
    const device = source?.file.devices?.find((device) =>
      qualifiedName(source.file.kind, device.name) === name
    );
    if (winners.length > 1) {
      conflicts.set(name, winners.map(({ path }) => path));
    } else if (source !== undefined && device !== undefined) {
      const hidden = sources.filter((other) => other !== source)
        .map(({ path }) => path);
      devices.set(name, { name, device, source, hidden });
    }
  }
  return { directories, files, dropped, devices, conflicts };
}

/** The names of the devices that can be had, sorted. */
export function deviceNames(registry: Registry): string[] {
  return [...registry.devices.keys()].sort();
}
