/**
 * Which file may import which: the table, and one function that reads it.
 *
 * @module
 */

/** What anything in mod/ may import, and which may import one another. */
const GROUND = ["mod/errors.ts", "mod/log.ts", "mod/std/", "mod/version.ts"];

/**
 * From the top down. A file may import what stands in a lower row, and what
 * stands in its own cell; a cell is a file, or a folder and all in it that has
 * no cell of its own.
 */
export const LAYERS: readonly (readonly string[])[] = [
  ["main.ts"],
  ["mod/cli/"],
  ["mod/container/"],
  [
    "mod/cdi/",
    "mod/cgroups/",
    "mod/console/",
    "mod/gofer/",
    "mod/hooks/",
    "mod/namespaces/",
    "mod/network/",
    "mod/process/",
    "mod/resctrl/",
    "mod/rootfs/",
    "mod/seccomp/",
    "mod/state/",
  ],
  // What the steps of all domains share.
  ["mod/gofer/context.ts"],
  ["mod/spec/"],
  GROUND,
  ["ffi/"],
];

/** Packages, and the only places that may import them. */
export const PACKAGES: Readonly<Record<string, readonly string[]>> = {
  "@std/": ["main.ts", "mod/"],
  "zod/mini": ["mod/"],
  "deno-std/": ["mod/std/"],
};

/** Where a file stands: its row, and its cell in it. */
interface Place {
  readonly row: number;
  readonly cell: string;
}

/** Finds the place of a file in the table: a file's cell before a folder's. */
function placeOf(path: string): Place | undefined {
  const places = LAYERS.flatMap((cells, row) =>
    cells.map((cell) => ({ row, cell }))
  );
  return places.find(({ cell }) => path === cell) ??
    places.find(({ cell }) => cell.endsWith("/") && path.startsWith(cell));
}

/** Whether the table has something to say about a file. */
export function isLayered(path: string): boolean {
  return path === "main.ts" || /^(mod|ffi)\//.test(path);
}

/**
 * Says why `from` may not import `to`, or nothing where it may. Both are paths
 * from the top of the repository, or `to` is the name of a package.
 */
export function refuseImport(
  from: string,
  to: string,
  typeOnly: boolean,
): string | undefined {
  if (!isLayered(from)) return undefined;
  const source = placeOf(from);
  if (source === undefined) return `"${from}" is in no layer`;

  const name = Object.keys(PACKAGES).find((name) => to.startsWith(name));
  if (name !== undefined) {
    const homes = PACKAGES[name] ?? [];
    if (homes.some((home) => from.startsWith(home))) return undefined;
    return `"${to}" may be imported in "${homes.join('" and "')}" only`;
  }

  const target = placeOf(to);
  if (target === undefined) return `"${to}" is in no layer`;
  if (target.row > source.row || target.cell === source.cell) return undefined;
  if (target.row < source.row) {
    return `"${source.cell}" is below "${target.cell}" and may not import it`;
  }
  if (typeOnly || GROUND.includes(target.cell)) return undefined;
  return `"${source.cell}" may import types only from "${target.cell}"`;
}
