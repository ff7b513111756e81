/**
 * The GPUs of a host and their device nodes, from /proc/driver/nvidia, /dev and
 * /sys. Pure, but for what the view of the host does.
 *
 * @module
 */

import type { HostView } from "./generate_host.ts";

/** A part of a GPU in multi-instance mode. */
export interface MigDevice {
  /** GPU instance and compute instance. */
  readonly gpuInstance: number;
  readonly computeInstance: number;
  /** The nodes that open it. */
  readonly nodes: readonly string[];
}

/** A GPU. */
export interface Gpu {
  /** Its place in the order of the bus, as nvidia-smi counts. */
  readonly index: number;
  /** Its device minor: /dev/nvidiaN. */
  readonly minor: number;
  /** Its UUID; absent while the driver has not looked. */
  readonly uuid?: string;
  readonly model?: string;
  /** Its nodes. */
  readonly nodes: readonly string[];
  /** Links that name its nodes by where it is on the bus. */
  readonly links: readonly { target: string; path: string }[];
  readonly instances: readonly MigDevice[];
}

const PROC = "/proc/driver/nvidia";
const CAPS = "/proc/driver/nvidia-caps/mig-minors";
const CONTROL = [
  "/dev/nvidiactl",
  "/dev/nvidia-uvm",
  "/dev/nvidia-uvm-tools",
  "/dev/nvidia-modeset",
];

/** Is it a character device? */
function isNode(host: HostView, path: string): boolean {
  return host.stat(path)?.kind === "char";
}

/** The nodes that every user of any GPU needs. */
export function controlNodes(host: HostView): string[] {
  return CONTROL.filter((path) => isNode(host, path));
}

/** The version of the loaded driver. */
export function driverVersion(host: HostView): string | undefined {
  const text = host.readText(`${PROC}/version`) ??
    host.readText("/sys/module/nvidia/version") ?? "";
  return /(?:^|\s)(\d+\.\d+(?:\.\d+)?)(?:\s|$)/.exec(text)?.[1];
}

/** Numbers of a bus address, to order by. */
function busOrder(bus: string): number[] {
  return bus.split(/[:.]/).map((part) => parseInt(part, 16));
}

/** Compares lists of numbers. */
function compare(a: readonly number[], b: readonly number[]): number {
  for (let i = 0; i < a.length; i++) {
    const difference = (a[i] ?? 0) - (b[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

/** The rendering nodes of a GPU, and links to them by its bus address. */
function renderNodes(
  host: HostView,
  bus: string,
): Pick<Gpu, "nodes" | "links"> {
  // procfs writes the domain with four digits or eight, sysfs with four.
  const [domain = "", ...rest] = bus.toLowerCase().split(":");
  const address = [domain.slice(-4).padStart(4, "0"), ...rest].join(":");
  const names = host.readDir(`/sys/bus/pci/devices/${address}/drm`)
    .filter((name) => /^(card|renderD)\d+$/.test(name));
  const nodes = names.map((name) => `/dev/dri/${name}`)
    .filter((path) => isNode(host, path));
  const links = host.readDir("/dev/dri/by-path").flatMap((name) => {
    const path = `/dev/dri/by-path/${name}`;
    const target = host.readLink(path) ?? "";
    const ours = nodes.includes(`/dev/dri/${target.split("/").at(-1)}`);
    return ours ? [{ target, path }] : [];
  });
  return { nodes, links };
}

/** The minors of capability nodes, by `gpuM/giG[/ciC]`. */
function capabilityMinors(host: HostView): Map<string, number> {
  const minors = new Map<string, number>();
  for (const line of host.readText(CAPS)?.split("\n") ?? []) {
    const [, name, minor] = /^(gpu\d+\/gi\d+(?:\/ci\d+)?)\/access (\d+)$/
      .exec(line) ?? [];
    if (name !== undefined) minors.set(name, Number(minor));
  }
  return minors;
}

/** The numbers behind a word, of the names in a directory. */
function numbered(host: HostView, path: string, word: string): number[] {
  return host.readDir(path)
    .flatMap((name) => {
      const digits = name.startsWith(word) ? name.slice(word.length) : "";
      return /^\d+$/.test(digits) ? [Number(digits)] : [];
    })
    .sort((a, b) => a - b);
}

/** The instances of a GPU: those that there are, not all that could be. */
function instancesOf(host: HostView, minor: number): MigDevice[] {
  const minors = capabilityMinors(host);
  const top = `${PROC}/capabilities/gpu${minor}/mig`;
  const node = (name: string) => {
    const cap = minors.get(name);
    return cap === undefined ? [] : [`/dev/nvidia-caps/nvidia-cap${cap}`];
  };
  return numbered(host, top, "gi").flatMap((gpuInstance) => {
    const gi = `gpu${minor}/gi${gpuInstance}`;
    return numbered(host, `${top}/gi${gpuInstance}`, "ci")
      .map((computeInstance) => ({
        gpuInstance,
        computeInstance,
        nodes: [...node(gi), ...node(`${gi}/ci${computeInstance}`)],
      }));
  });
}

/** The fields of an information file. */
function fieldsOf(text: string): ReadonlyMap<string, string> {
  return new Map(
    text.split("\n").flatMap((line) => {
      const cut = line.indexOf(":");
      return cut < 0
        ? []
        : [[line.slice(0, cut).trim(), line.slice(cut + 1).trim()] as const];
    }),
  );
}

/** A GPU by its minor alone, where procfs does not tell of it. */
function bareGpu(host: HostView, minor: number, index: number): Gpu {
  return {
    index,
    minor,
    nodes: [`/dev/nvidia${minor}`],
    links: [],
    instances: instancesOf(host, minor),
  };
}

/** The GPUs of a host, in the order of the bus; excluded ones are left out. */
export function findGpus(host: HostView): Gpu[] {
  const folder = `${PROC}/gpus`;
  const known = host.readDir(folder)
    .sort((a, b) => compare(busOrder(a), busOrder(b)))
    .flatMap((bus) => {
      const text = host.readText(`${folder}/${bus}/information`) ?? "";
      const fields = fieldsOf(text);
      const minor = fields.get("Device Minor") ?? "";
      const excluded = fields.get("GPU Excluded") === "Yes";
      return /^\d+$/.test(minor) && !excluded
        ? [{ bus, fields, minor: Number(minor) }]
        : [];
    });
  if (known.length === 0) {
    // A sandbox may show the nodes and not the driver's part of procfs.
    return numbered(host, "/dev", "nvidia")
      .filter((minor) => isNode(host, `/dev/nvidia${minor}`))
      .map((minor, index) => bareGpu(host, minor, index));
  }
  return known.map(({ bus, fields, minor }, index) => {
    const uuid = fields.get("GPU UUID") ?? "";
    const model = fields.get("Model");
    const { nodes, links } = renderNodes(host, bus);
    return {
      ...bareGpu(host, minor, index),
      ...uuid === "" || uuid.includes("?") ? {} : { uuid },
      ...model === undefined ? {} : { model },
      nodes: [`/dev/nvidia${minor}`, ...nodes],
      links,
    };
  });
}
