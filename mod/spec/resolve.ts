/**
 * The spec with the paths that are relative to the bundle made absolute.
 *
 * @module
 */
import type { Spec } from "./config.ts";
import type { Mount } from "./mount.ts";

/** Does a mount bind a file or directory of the host? */
export function isBind(mount: Mount): boolean {
  return mount.type === "bind" ||
    (mount.options ?? []).some((option) =>
      option === "bind" || option === "rbind"
    );
}

/**
 * A path beneath `base` unless absolute. `.` and empty components go, `..`
 * stays: what it means, where there are symlinks, is the kernel's to say.
 */
export function absolutePath(path: string, base: string): string {
  const whole = path.startsWith("/") ? path : `${base}/${path}`;
  const parts = whole.split("/").filter((p) => p !== "" && p !== ".");
  return `/${parts.join("/")}`;
}

/**
 * A copy whose root path and bind sources are absolute (beneath `bundle`),
 * whose mount destinations are absolute (beneath `/`; relative ones are
 * deprecated since 1.2), and which has no empty namespace path: empty means
 * none. `spec` is left alone; what did not change is shared with it.
 */
export function resolveSpec(spec: Spec, bundle: string): Spec {
  const resolved = { ...spec };
  if (spec.root !== undefined) {
    resolved.root = {
      ...spec.root,
      path: absolutePath(spec.root.path, bundle),
    };
  }
  if (spec.mounts !== undefined) {
    resolved.mounts = spec.mounts.map((mount) => resolveMount(mount, bundle));
  }
  if (spec.linux?.namespaces?.some(({ path }) => path === "")) {
    resolved.linux = {
      ...spec.linux,
      namespaces: spec.linux.namespaces.map(({ path, ...namespace }) =>
        path === undefined || path === "" ? namespace : { ...namespace, path }
      ),
    };
  }
  return resolved;
}

/** One mount of {@link resolveSpec}. */
function resolveMount(mount: Mount, bundle: string): Mount {
  const resolved = { ...mount };
  if (!mount.destination.startsWith("/")) {
    resolved.destination = absolutePath(mount.destination, "");
  }
  if (isBind(mount) && mount.source !== undefined) {
    resolved.source = absolutePath(mount.source, bundle);
  }
  return resolved;
}
