/**
 * CDI files for tests, and what becomes of them.
 *
 * @module
 */
import { parseCdiFile } from "../../../mod/cdi/parse.ts";
import type { FoundDirectory, Registry } from "../../../mod/cdi/registry.ts";
import { makeRegistry } from "../../../mod/cdi/registry.ts";
import type { EditOptions, HostNode } from "../../../mod/cdi/edit.ts";
import { refusalOf } from "../spec/refusal.ts";

/** A file of one device with these edits. */
export function deviceFile(
  edits: unknown,
  changes: Record<string, unknown> = {},
): Record<string, unknown> {
  return {
    cdiVersion: "1.1.0",
    kind: "vendor.test/class",
    devices: [{ name: "dev", containerEdits: edits }],
    ...changes,
  };
}

/** Why a document is refused; undefined where it passes. */
export function fault(document: unknown): string | undefined {
  const text = typeof document === "string"
    ? document
    : JSON.stringify(document);
  return refusalOf(() => parseCdiFile(text));
}

/** A directory with these files, by name; a text or a document each. */
export function directory(
  path: string,
  files: Record<string, unknown>,
): FoundDirectory {
  return {
    path,
    state: "read",
    ignored: [],
    files: Object.entries(files).map(([name, file]) => ({
      path: `${path}/${name}`,
      text: typeof file === "string" ? file : JSON.stringify(file),
    })),
  };
}

/** The registry of some directories, the last of which wins. */
export function registryOf(...directories: FoundDirectory[]): Registry {
  return makeRegistry(directories, parseCdiFile);
}

/** The registry of a directory `/cdi` with these files. */
export function registry(files: Record<string, unknown>): Registry {
  return registryOf(directory("/cdi", files));
}

/** Nodes of a host that tests agree upon. */
const NODES: Readonly<Record<string, HostNode>> = {
  "/dev/char": { type: "c", major: 195, minor: 3, fileMode: 0o666 },
  "/dev/block": { type: "b", major: 8, minor: 1, fileMode: 0o640 },
  "/dev/pipe": { type: "p", major: 0, minor: 0, fileMode: 0o600 },
  "/dev/link": { error: "not a device node" },
};

/** Looks at the nodes of that host. */
export const HOST: EditOptions = {
  lookUp: (path) => NODES[path] ?? { error: "no such file or directory" },
};
