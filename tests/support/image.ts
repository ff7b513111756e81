/**
 * Roots that are read-only by their nature: EROFS images, and read-only binds.
 *
 * @module
 */
import type { Bundle } from "./bundle.ts";
import { copyTree, makeFolder } from "./bundle.ts";
import { rootFixture } from "./fixture.ts";
import { host } from "./runtime.ts";

/** Kinds of read-only root. */
export type ReadOnlyKind = "erofs" | "bind";

/** A root that nobody can write to, mounted on the host. */
export interface ReadOnlyRoot extends Disposable {
  readonly path: string;
  /** Everything in it, to see whether something was added. */
  listing(): string;
}

/** Makes one of a root fixture, after `prepare` has changed the copy. */
export function makeReadOnlyRoot(
  kind: ReadOnlyKind,
  name: "busybox" | "debian",
  prepare: (tree: string) => void = () => {},
): ReadOnlyRoot {
  const folder = makeFolder();
  const tree = `${folder}/tree`;
  const path = `${folder}/root`;
  copyTree(rootFixture(name), tree);
  prepare(tree);
  Deno.mkdirSync(path);
  if (kind === "erofs") {
    host("mkfs.erofs", `${folder}/image`, tree);
    host("mount", "-t", "erofs", "-o", "loop,ro", `${folder}/image`, path);
  } else {
    host("mount", "--bind", tree, path);
    host("mount", "-o", "remount,bind,ro", path);
  }
  return {
    path,
    listing: () => host("find", tree, "-printf", "%p %s %T@\n"),
    [Symbol.dispose]: () => {
      host("umount", path);
      host("rm", "-rf", "--one-file-system", folder);
    },
  };
}

/** Makes the bundle use this root. */
export function useRoot(bundle: Bundle, root: ReadOnlyRoot): void {
  bundle.spec.root.path = root.path;
  bundle.write();
}
