/** The parts of a path; `dir` and `base`, or `root`, `name` and `ext`. */
export interface ParsedPath {
  /** `/` for an absolute path, else empty. */
  root: string;
  /** All before the last component. */
  dir: string;
  /** The last component. */
  base: string;
  /** Its extension with the full stop, or empty. */
  ext: string;
  /** The last component without its extension. */
  name: string;
}

/** The separator, `/`. */
export const SEPARATOR: "/";
/** The last component, less `suffix`. */
export function basename(path: string, suffix?: string): string;
/** All before the last component; `.` where there is nothing. */
export function dirname(path: string): string;
/** The extension with its full stop, or empty. */
export function extname(path: string): string;
/** The path of a `file:` URL. */
export function fromFileUrl(url: string | URL): string;
/** Whether a path begins at the root. */
export function isAbsolute(path: string): boolean;
/** Joins components and normalizes the result, without looking at the disk. */
export function join(path?: string, ...paths: string[]): string;
/** Resolves `.` and `..` in the text, without looking at the disk. */
export function normalize(path: string): string;
/** Splits a path into its parts. */
export function parse(path: string): ParsedPath;
/** The path from one place to another; empty where they are the same. */
export function relative(from: string, to: string): string;
/** The absolute path of components, begun at the working directory. */
export function resolve(...paths: string[]): string;
/** The `file:` URL of an absolute path. */
export function toFileUrl(path: string): URL;
