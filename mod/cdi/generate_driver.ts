/**
 * The files of an installed driver: libraries, programs, firmware, settings,
 * sockets. Found by where they usually are, by the loader's cache, and in
 * /usr/local/nvidia, where machines have them that bring their driver along.
 * Pure, but for what the view of the driver's root does.
 *
 * @module
 */

import type { ByteSource } from "./elf.ts";
import { readElf } from "./elf.ts";
import type { HostView } from "./generate_host.ts";
import { parseLdCache } from "./ldcache.ts";

/** A file to mount: where it is in the driver's root, and in a container. */
export interface DriverFile {
  readonly host: string;
  readonly container: string;
}

/** A library, and the names by which it is needed. */
export interface DriverLibrary extends DriverFile {
  readonly soname?: string;
}

/** An installed driver. */
export interface Driver {
  readonly version: string;
  /** The folders of libraries, as the loader is told them. */
  readonly folders: readonly string[];
  readonly libraries: readonly DriverLibrary[];
  readonly links: readonly { target: string; path: string }[];
  readonly binaries: readonly DriverFile[];
  readonly firmware: readonly DriverFile[];
  readonly settings: readonly DriverFile[];
}

const ODD = "/usr/local/nvidia";
const MULTIARCH = Deno.build.arch === "x86_64"
  ? "x86_64-linux-gnu"
  : "aarch64-linux-gnu";
const MACHINE = Deno.build.arch === "x86_64" ? 62 : 183;
const MOST_CACHE = 64 << 20;

const LIBRARY_FOLDERS = [
  `/usr/lib/${MULTIARCH}`,
  `/usr/lib/${MULTIARCH}/nvidia/current`,
  "/usr/lib64",
  "/usr/lib64/nvidia",
  `/lib/${MULTIARCH}`,
  "/lib64",
  "/usr/lib",
  "/lib",
  `${ODD}/lib64`,
  `${ODD}/lib`,
  `${ODD}/lib/${MULTIARCH}`,
  ODD,
  "/run/opengl-driver/lib",
  "/opt/nvidia/lib64",
  "/opt/nvidia/lib",
];

const BINARY_FOLDERS = [
  "/usr/bin",
  "/usr/sbin",
  "/bin",
  "/sbin",
  "/usr/local/bin",
  `${ODD}/bin`,
  `${ODD}/sbin`,
  ODD,
  "/run/current-system/sw/bin",
  "/opt/nvidia/bin",
];

const BINARIES = [
  "nvidia-smi",
  "nvidia-debugdump",
  "nvidia-persistenced",
  "nvidia-cuda-mps-control",
  "nvidia-cuda-mps-server",
  "nvidia-imex",
  "nvidia-imex-ctl",
  "nvidia-xconfig",
];

/** Libraries of the driver that have a version of their own. */
const OWN_VERSION =
  /^libnvidia-(?:egl-(?:gbm|wayland2?|xcb|xlib)|nvvm70|api)\.so\.\d+(?:\.\d+)*$/;
const DRIVER_LIBRARY = /^lib(?:cuda|nvidia-ml)\.so\.(\d+(?:\.\d+)+)$/;

/** Links by which programs of old look for a library, to what they lead. */
const OTHER_LINKS: Readonly<Record<string, string>> = {
  "libcuda.so": "libcuda.so.1",
  "libnvidia-opticalflow.so": "libnvidia-opticalflow.so.1",
};

/** Settings: their place below a prefix, and where a container has them. */
const SETTINGS: readonly (readonly [tail: string, container: string])[] = [
  ...[
    "glvnd/egl_vendor.d/10_nvidia.json",
    "egl/egl_external_platform.d/09_nvidia_wayland2.json",
    "egl/egl_external_platform.d/10_nvidia_wayland.json",
    "egl/egl_external_platform.d/15_nvidia_gbm.json",
    "egl/egl_external_platform.d/20_nvidia_xcb.json",
    "egl/egl_external_platform.d/20_nvidia_xlib.json",
    "nvidia/nvoptix.bin",
    "X11/xorg.conf.d/10-nvidia.conf",
    "X11/xorg.conf.d/nvidia-drm-outputclass.conf",
  ].map((tail) => [tail, `/usr/share/${tail}`] as const),
  ...[
    "vulkan/icd.d/nvidia_icd.json",
    "vulkan/icd.d/nvidia_layers.json",
    "vulkan/implicit_layer.d/nvidia_layers.json",
    "OpenCL/vendors/nvidia.icd",
  ].map((tail) => [tail, `/etc/${tail}`] as const),
];
const SETTING_PREFIXES = ["/usr/share", "/etc", `${ODD}/share`, `${ODD}/etc`];

/** The bytes of a file. */
export function sourceOf(host: HostView, path: string): ByteSource {
  return {
    read: (offset, length) => host.readBytes(path, offset, length),
  };
}

/** A file with its links followed; undefined where it is no regular one. */
function regular(host: HostView, path: string): string | undefined {
  return host.stat(path)?.kind === "file" ? host.realPath(path) : undefined;
}

/** Folders below the odd place, two deep: no two builders agree on one. */
function oddFolders(host: HostView): string[] {
  const below = (path: string) =>
    host.readDir(path).map((name) => `${path}/${name}`)
      .filter((child) => host.stat(child)?.kind === "directory");
  const first = below(ODD);
  return [...first, ...first.flatMap(below)];
}

/** The folders that may hold the driver's libraries, each once. */
function candidates(host: HostView, named: readonly string[]): string[] {
  const cache = host.readBytes("/etc/ld.so.cache", 0, MOST_CACHE);
  const cached = parseLdCache(cache)
    .filter(({ name }) => /^lib(?:cuda|nvidia-ml)\.so/.test(name))
    .map(({ path }) => path.slice(0, path.lastIndexOf("/")));
  return [
    ...new Set([
      ...named.map((path) => path.replace(/(?<=.)\/+$/, "")),
      ...cached,
      ...LIBRARY_FOLDERS,
      ...oddFolders(host),
    ]),
  ];
}

/** The version of the driver whose libraries are in a folder. */
function versionIn(
  host: HostView,
  folder: string,
  wanted: string | undefined,
): string | undefined {
  for (const name of host.readDir(folder)) {
    const version = DRIVER_LIBRARY.exec(name)?.[1];
    if (version === undefined || version !== (wanted ?? version)) continue;
    const elf = readElf(sourceOf(host, `${folder}/${name}`));
    if (elf?.machine === MACHINE) return version;
  }
  return undefined;
}

/** The libraries of one folder. */
function librariesIn(
  host: HostView,
  folder: string,
  version: string,
): DriverLibrary[] {
  return host.readDir(folder)
    .filter((name) =>
      (name.includes(".so.") && name.endsWith(`.so.${version}`)) ||
      OWN_VERSION.test(name)
    )
    .flatMap((name) => {
      const container = `${folder}/${name}`;
      // A link is made again; two mounts of one file help nobody.
      if (host.readLink(container) !== undefined) return [];
      const path = regular(host, container);
      const elf = path && readElf(sourceOf(host, path));
      if (path === undefined || !elf || elf.machine !== MACHINE) return [];
      const { soname } = elf;
      const usable = soname !== undefined && /^[\w.+-]+$/.test(soname);
      return [{
        host: path,
        container,
        ...usable ? { soname } : {},
      }];
    });
}

/** The links that make libraries found by the names that programs use. */
function linksOf(
  libraries: readonly DriverLibrary[],
): { target: string; path: string }[] {
  const links = new Map<string, string>();
  for (const { container, soname } of libraries) {
    const cut = container.lastIndexOf("/");
    const folder = container.slice(0, cut);
    const name = container.slice(cut + 1);
    if (soname !== undefined && soname !== name) {
      links.set(`${folder}/${soname}`, name);
    }
    for (const [link, target] of Object.entries(OTHER_LINKS)) {
      if (soname === target) links.set(`${folder}/${link}`, target);
    }
    if (soname === "libGLX_nvidia.so.0") {
      links.set(`${folder}/libGLX_indirect.so.0`, name);
    }
  }
  return [...links].map(([path, target]) => ({ target, path }));
}

/** The first of some folders that has a file. */
function firstIn(
  host: HostView,
  folders: readonly string[],
  tail: string,
): string | undefined {
  for (const folder of folders) {
    const path = regular(host, `${folder}/${tail}`);
    if (path !== undefined) return path;
  }
  return undefined;
}

/** The firmware that the driver loads, which its libraries ask for too. */
function firmwareOf(host: HostView, kernel: HostView, version: string) {
  const release = kernel.readText("/proc/sys/kernel/osrelease")?.trim() ?? "";
  const custom = kernel.readText("/sys/module/firmware_class/parameters/path")
    ?.trim() ?? "";
  const folders = [
    ...custom === "" ? [] : [custom],
    `/lib/firmware/updates/${release}`,
    "/lib/firmware/updates",
    `/lib/firmware/${release}`,
    "/lib/firmware",
    `${ODD}/lib/firmware`,
    `${ODD}/firmware`,
  ];
  for (const folder of folders) {
    const at = `${folder}/nvidia/${version}`;
    const files = host.readDir(at).filter((n) => /^gsp.*\.bin$/.test(n))
      .flatMap((name) => {
        const path = regular(host, `${at}/${name}`);
        const container = `/lib/firmware/nvidia/${version}/${name}`;
        return path === undefined ? [] : [{ host: path, container }];
      });
    if (files.length > 0) return files;
  }
  return [];
}

/** Folders of programs beside folders of libraries. */
function binaryFolders(folders: readonly string[]): string[] {
  const beside = folders.flatMap((folder) => {
    const up = folder.slice(0, folder.lastIndexOf("/"));
    return [`${up}/bin`, `${up.slice(0, up.lastIndexOf("/"))}/bin`];
  });
  return [...new Set([...BINARY_FOLDERS, ...beside])];
}

/**
 * Finds the driver in `host`, the root that it is installed in; `kernel` is the
 * host itself, which runs it. Undefined: there is none.
 */
export function findDriver(
  host: HostView,
  kernel: HostView,
  options: { version?: string | undefined; folders?: readonly string[] },
): Driver | undefined {
  const real = new Set<string>();
  const folders: string[] = [];
  let version = options.version;
  for (const folder of candidates(host, options.folders ?? [])) {
    const path = host.realPath(folder);
    if (path === undefined || real.has(path)) continue;
    const found = versionIn(host, folder, version);
    if (found === undefined) continue;
    version = found;
    real.add(path);
    folders.push(folder);
  }
  if (version === undefined || folders.length === 0) return undefined;
  const known = version;
  const libraries = folders.flatMap((folder) => [
    ...librariesIn(host, folder, known),
    ...librariesIn(host, `${folder}/vdpau`, known),
  ]);
  const places = binaryFolders(folders);
  const binaries = BINARIES.flatMap((name) => {
    const path = firstIn(host, places, name);
    // On everybody's PATH, wherever the host has it.
    return path === undefined
      ? []
      : [{ host: path, container: `/usr/bin/${name}` }];
  });
  const settings = SETTINGS.flatMap(([tail, container]) => {
    const path = firstIn(host, SETTING_PREFIXES, tail);
    return path === undefined ? [] : [{ host: path, container }];
  });
  return {
    version: known,
    folders,
    libraries,
    links: linksOf(libraries),
    binaries,
    firmware: firmwareOf(host, kernel, known),
    settings,
  };
}
