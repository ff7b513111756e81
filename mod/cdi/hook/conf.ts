/**
 * The loader's configuration in a container: which folders it names, and what
 * is added to it.
 *
 * @see https://man7.org/linux/man-pages/man8/ldconfig.8.html
 * @module
 */

import { close } from "../../../ffi/file.ts";
import type { HookSite } from "./site.ts";
import { exists, listFolder, readText, splitPath, writeText } from "./site.ts";

const CONF = "/etc/ld.so.conf";
const FOLDER = "/etc/ld.so.conf.d";
const INCLUDE = `include ${FOLDER}/*.conf`;
const MOST_FILES = 256;

/** Where libraries are in a system of Debian's family, and in the others. */
const SYSTEM_FOLDERS: Readonly<Record<string, readonly string[]>> = {
  "x86_64 debian": ["/lib/x86_64-linux-gnu", "/usr/lib/x86_64-linux-gnu"],
  "aarch64 debian": ["/lib/aarch64-linux-gnu", "/usr/lib/aarch64-linux-gnu"],
  other: ["/lib64", "/usr/lib64", "/lib", "/usr/lib"],
};

/** Does a name match a pattern of `*` and `?`? */
export function matches(pattern: string, name: string): boolean {
  const source = pattern.replace(/[.+^${}()|[\]\\]/g, "\\$&")
    .replaceAll("*", ".*").replaceAll("?", ".");
  return !name.startsWith(".") && new RegExp(`^${source}$`, "s").test(name);
}

/** What the configuration of a container says. */
export interface LoaderConf {
  /** The folders that it names. */
  readonly folders: ReadonlySet<string>;
  /** Does it include the files of /etc/ld.so.conf.d? */
  readonly includes: boolean;
  /** What /etc/ld.so.conf says; undefined: it is not there. */
  readonly main: string | undefined;
}

/** Reads the configuration, with what it includes. */
export function readConf(site: HookSite): LoaderConf {
  const folders = new Set<string>();
  const seen = new Set<string>();
  let includes = false;
  const include = (pattern: string, base: string) => {
    const path = pattern.startsWith("/") ? pattern : `${base}/${pattern}`;
    const { folder, name } = splitPath(path);
    if (folder === FOLDER && matches(name, "00-x.conf")) includes = true;
    for (const entry of listFolder(site, folder)) {
      if (matches(name, entry)) visit(`${folder}/${entry}`);
    }
  };
  const visit = (path: string): string | undefined => {
    if (seen.has(path) || seen.size >= MOST_FILES) return undefined;
    seen.add(path);
    const text = readText(site, path);
    for (const line of text?.split("\n") ?? []) {
      const words = line.replace(/#.*/, "").trim();
      const [first, ...rest] = words.split(/\s+/);
      if (first === "include") {
        rest.forEach((pattern) => include(pattern, splitPath(path).folder));
      } else if (words.startsWith("/")) {
        folders.add(words.replace(/=.*/, "").replace(/(?<=.)\/+$/, ""));
      }
    }
    return text;
  };
  const main = visit(CONF);
  return { folders, includes, main };
}

/** A short name of a text, always the same. FNV-1a, 32 bits. */
export function nameOf(text: string): string {
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(text)) {
    hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  }
  return hash.toString(16).padStart(8, "0");
}

/** Tells musl's loader, which has a file of its own and no cache. */
function extendMusl(site: HookSite, folders: readonly string[]): void {
  const path = `/etc/ld-musl-${Deno.build.arch}.path`;
  const loader = `/lib/ld-musl-${Deno.build.arch}.so.1`;
  if (!exists(site, loader)) return;
  const said = readText(site, path) ?? "/lib:/usr/local/lib:/usr/lib\n";
  const known = said.split(/[:\n]/);
  const fresh = folders.filter((folder) => !known.includes(folder));
  if (fresh.length === 0) return;
  const etc = site.openFolder("/etc");
  const text = `${said.replace(/\n*$/, "\n")}${fresh.join("\n")}\n`;
  writeText(site, etc, splitPath(path).name, text, 0o644);
  site.gofer.run(close(etc));
}

/**
 * Adds folders to the loader's configuration: those of a driver before all
 * else, those of the system, which the host's ldconfig may not know, behind.
 * Twice is as good as once: names are made of what they hold.
 */
export function extendConf(site: HookSite, wanted: readonly string[]): void {
  const conf = readConf(site);
  const debian = exists(site, "/etc/debian_version");
  const key = debian ? `${Deno.build.arch} debian` : "other";
  const system = SYSTEM_FOLDERS[key] ?? [];
  const added = [...new Set(wanted)].filter((folder) =>
    !conf.folders.has(folder) && !system.includes(folder)
  );
  const last = system.filter((folder) =>
    !conf.folders.has(folder) && exists(site, folder)
  );
  const files: Record<string, string> = {};
  if (added.length > 0) {
    const text = `${added.join("\n")}\n`;
    files[`00-ldcache-burrow-${nameOf(text)}.conf`] = text;
  }
  if (last.length > 0) files["zz-burrow.conf"] = `${last.join("\n")}\n`;
  if (Object.keys(files).length > 0) {
    const dir = site.openFolder(FOLDER);
    for (const [name, text] of Object.entries(files)) {
      writeText(site, dir, name, text, 0o644);
    }
    site.gofer.run(close(dir));
  }
  if (!conf.includes) {
    const etc = site.openFolder("/etc");
    const text = `${INCLUDE}\n${conf.main ?? ""}`;
    writeText(site, etc, "ld.so.conf", text, 0o644);
    site.gofer.run(close(etc));
  }
  extendMusl(site, wanted);
}
