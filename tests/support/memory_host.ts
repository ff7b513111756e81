/**
 * Hosts that are made up: what `cdi generate` would see on them.
 *
 * @module
 */

import type { HostView } from "../../mod/cdi/generate_host.ts";

/** A file of such a host: text, bytes, a link, a node, a socket, a folder. */
export type Entry =
  | string
  | Uint8Array
  | { readonly link: string }
  | { readonly node: number; readonly gid?: number }
  | { readonly socket: true }
  | { readonly folder: true };

/** Makes one of paths and what is there; folders are there by what is below. */
export function memoryHost(entries: Readonly<Record<string, Entry>>): HostView {
  const exists = (path: string) =>
    path === "/" || path in entries ||
    Object.keys(entries).some((other) => other.startsWith(`${path}/`));
  const real = (path: string, links = 0): string | undefined => {
    let at = "";
    const parts = path.split("/").filter((part) => part !== "");
    for (const [i, part] of parts.entries()) {
      if (part === "..") {
        at = at.slice(0, Math.max(0, at.lastIndexOf("/")));
        continue;
      }
      const entry = entries[`${at}/${part}`];
      if (typeof entry === "object" && "link" in entry) {
        if (links > 40) return undefined;
        const base = entry.link.startsWith("/") ? "" : at;
        const rest = [entry.link, ...parts.slice(i + 1)].join("/");
        return real(`${base}/${rest}`, links + 1);
      }
      at = `${at}/${part}`;
      if (!exists(at)) return undefined;
    }
    return at === "" ? "/" : at;
  };
  const entryAt = (path: string) => entries[real(path) ?? ""];
  const bytesAt = (path: string) => {
    const entry = entryAt(path);
    if (typeof entry === "string") return new TextEncoder().encode(entry);
    return entry instanceof Uint8Array ? entry : undefined;
  };
  return {
    readText: (path) => {
      const bytes = bytesAt(path);
      return bytes && new TextDecoder().decode(bytes);
    },
    readBytes: (path, offset, length) =>
      bytesAt(path)?.slice(offset, offset + length) ?? new Uint8Array(),
    readDir: (path) => {
      const base = real(path);
      if (base === undefined) return [];
      const head = base === "/" ? "/" : `${base}/`;
      const names = Object.keys(entries)
        .filter((other) => other.startsWith(head))
        .map((other) => other.slice(head.length).split("/")[0] ?? "");
      return [...new Set(names)].sort();
    },
    stat: (path) => {
      const at = real(path);
      if (at === undefined) return undefined;
      const entry = entries[at];
      if (typeof entry === "string" || entry instanceof Uint8Array) {
        return { kind: "file", mode: 0o644, gid: 0 };
      }
      if (entry !== undefined && "node" in entry) {
        return { kind: "char", mode: entry.node, gid: entry.gid ?? 0 };
      }
      return entry !== undefined && "socket" in entry
        ? { kind: "socket", mode: 0o666, gid: 0 }
        : { kind: "directory", mode: 0o755, gid: 0 };
    },
    readLink: (path) => {
      const cut = path.lastIndexOf("/");
      const folder = real(path.slice(0, cut) || "/");
      const entry = entries[
        `${folder === "/" ? "" : folder}${path.slice(cut)}`
      ];
      return typeof entry === "object" && "link" in entry
        ? entry.link
        : undefined;
    },
    realPath: (path) => real(path),
  };
}
