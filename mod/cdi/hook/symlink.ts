/**
 * `create-symlinks`: links in the container.
 *
 * @module
 */

import { tolerate } from "../../../ffi/call.ts";
import { SyscallError } from "../../../ffi/errno.ts";
import { close, readlinkat, symlinkat, unlinkat } from "../../../ffi/file.ts";
import { RuntimeError } from "../../errors.ts";
import type { SymbolicLink } from "./arguments.ts";
import type { HookSite } from "./site.ts";
import { rename, splitPath } from "./site.ts";

const ENOENT = -2;

/** Links by their folder, in the order given; of several at a place, the last. */
function byFolder(
  links: readonly SymbolicLink[],
): Map<string, Map<string, string>> {
  const folders = new Map<string, Map<string, string>>();
  for (const { target, path } of links) {
    const { folder, name } = splitPath(path);
    if (name === "" || name === "." || name === "..") {
      throw new RuntimeError(`"${path}" is no place for a link`);
    }
    const names = folders.get(folder) ?? new Map<string, string>();
    folders.set(folder, names.set(name, target));
  }
  return folders;
}

/** Makes the links of one folder: two round trips, however many they are. */
function linkIn(
  site: HookSite,
  folder: string,
  names: ReadonlyMap<string, string>,
): void {
  const { gofer } = site;
  const dir = site.openFolder(folder);
  const wanted = [...names].map(([name, target]) => ({
    name,
    target,
    read: tolerate(readlinkat(dir, name)),
  }));
  const found = gofer.run(...wanted.map(({ read }) => read));
  const calls = wanted.flatMap(({ name, target, read }) => {
    const size = found.value(read);
    if (size === ENOENT) return [symlinkat(target, dir, name)];
    const says = size < 0
      ? undefined
      : new TextDecoder().decode(found.output(read).subarray(0, size));
    if (says === target) return [];
    const part = `.${name}.burrow`;
    return [
      tolerate(unlinkat(dir, part)),
      symlinkat(target, dir, part),
      rename(dir, part, name),
    ];
  });
  gofer.run(...calls, close(dir));
}

/**
 * Makes links; one that is there and says the same is left, a file or link that
 * says otherwise is replaced. What a link says is not looked at: it is a name
 * in the container, as with ln(1).
 *
 * @throws {RuntimeError} naming the folder
 */
export function createSymlinks(
  site: HookSite,
  links: readonly SymbolicLink[],
): void {
  for (const [folder, names] of byFolder(links)) {
    try {
      linkIn(site, folder, names);
    } catch (cause) {
      const readOnly = cause instanceof SyscallError && cause.code === "EROFS";
      throw new RuntimeError(`create-symlinks in "${folder}"`, {
        cause,
        ...readOnly
          ? { hint: "the root is read-only; burrow lays an overlay over it" }
          : {},
      });
    }
  }
}
