/**
 * What `cdi generate` sees of a host: files, read in the root that they are of.
 *
 * @module
 */

/** What is known of a file, links followed. */
export interface HostFile {
  readonly kind: "file" | "directory" | "char" | "socket" | "other";
  /** Permission bits. */
  readonly mode: number;
  readonly gid: number;
}

/** A host, or a root on it; what is missing or refused reads as nothing. */
export interface HostView {
  /** The text of a file. */
  readText(path: string): string | undefined;
  /** At most `length` bytes from `offset`. */
  readBytes(path: string, offset: number, length: number): Uint8Array;
  /** The names in a directory, sorted. */
  readDir(path: string): string[];
  /** What a path leads to. */
  stat(path: string): HostFile | undefined;
  /** What a symbolic link says. */
  readLink(path: string): string | undefined;
  /** The path without symbolic links. */
  realPath(path: string): string | undefined;
}

/** As many symbolic links as the kernel follows in a path. */
const MOST_LINKS = 40;

/** The value of a function, undefined where the host refuses. */
function tried<T>(act: () => T): T | undefined {
  try {
    return act();
  } catch {
    // Deno has a class for some errno, and TypeError for others.
    return undefined;
  }
}

/** The kind of a file. */
function kindOf(info: Deno.FileInfo): HostFile["kind"] {
  if (info.isFile) return "file";
  if (info.isDirectory) return "directory";
  if (info.isCharDevice === true) return "char";
  return info.isSocket === true ? "socket" : "other";
}

/** Follows the links of `path` as one whose root is `root` would. */
function resolveIn(root: string, path: string): string | undefined {
  let rest = path.split("/").filter((part) => part !== "");
  let done: string[] = [];
  let links = 0;
  while (rest.length > 0) {
    const [part = "", ...others] = rest;
    rest = others;
    if (part === ".") continue;
    if (part === "..") {
      done.pop();
      continue;
    }
    const here = [...done, part];
    const at = `${root}/${here.join("/")}`;
    const info = tried(() => Deno.lstatSync(at));
    if (info === undefined) return undefined;
    if (!info.isSymlink) {
      done = here;
      continue;
    }
    const link = tried(() => Deno.readLinkSync(at));
    if (link === undefined || ++links > MOST_LINKS) return undefined;
    if (link.startsWith("/")) done = [];
    rest = [...link.split("/").filter((word) => word !== ""), ...rest];
  }
  return `/${done.join("/")}`;
}

/**
 * This host, or the root `root` on it: links stay inside, as they will when it
 * is somebody's root.
 *
 * Runs in: launcher.
 */
export function hostView(root = ""): HostView {
  const base = root.replace(/\/+$/, "");
  const real = (path: string) => resolveIn(base, path);
  const read = <T>(path: string, act: (at: string) => T): T | undefined => {
    const found = real(path);
    return found === undefined ? undefined : tried(() => act(base + found));
  };
  return {
    readText: (path) => read(path, (at) => Deno.readTextFileSync(at)),
    readBytes: (path, offset, length) =>
      read(path, (at) => {
        using file = Deno.openSync(at);
        file.seekSync(offset, Deno.SeekMode.Start);
        const bytes = new Uint8Array(length);
        let size = 0;
        while (size < length) {
          const got = file.readSync(bytes.subarray(size));
          if (got === null) break;
          size += got;
        }
        return bytes.slice(0, size);
      }) ?? new Uint8Array(),
    readDir: (path) =>
      read(path, (at) => [...Deno.readDirSync(at)].map(({ name }) => name))
        ?.sort() ?? [],
    stat: (path) =>
      read(path, (at) => {
        const info = Deno.lstatSync(at);
        const { mode, gid } = info;
        return {
          kind: kindOf(info),
          mode: (mode ?? 0) & 0o7777,
          gid: gid ?? 0,
        };
      }),
    readLink: (path) => {
      const cut = path.lastIndexOf("/");
      const folder = real(path.slice(0, cut) || "/");
      if (folder === undefined) return undefined;
      return tried(() => Deno.readLinkSync(base + folder + path.slice(cut)));
    },
    realPath: real,
  };
}
