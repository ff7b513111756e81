import { cdiText, generate } from "../../../mod/cdi/generate.ts";
import type { GenerateOptions } from "../../../mod/cdi/generate.ts";
import { findDriver } from "../../../mod/cdi/generate_driver.ts";
import { driverVersion, findGpus } from "../../../mod/cdi/generate_gpu.ts";
import { hostView } from "../../../mod/cdi/generate_host.ts";
import { parseCdiFile } from "../../../mod/cdi/parse.ts";
import { assertEquals, assertIncludes } from "../../support/assert.ts";
import { makeElf } from "../../support/elf.ts";
import { type Entry, memoryHost } from "../../support/memory_host.ts";

const V = "580.159.04";
const DIR = "/usr/local/nvidia/lib64";

/** What procfs says of a GPU. */
function information(minor: number, uuid: string, excluded = "No"): string {
  return `Model: \t\t NVIDIA H200\nIRQ:   \t\t 44\nGPU UUID: \t ${uuid}\n` +
    `Bus Type: \t PCIe\nDevice Minor: \t ${minor}\nGPU Excluded:\t ${excluded}\n`;
}

/** A library of the driver. */
function library(soname: string, machine?: number): Uint8Array {
  return makeElf({ soname, ...machine === undefined ? {} : { machine } });
}

/** The words of what `act` throws. */
function failureOf(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
  return "";
}

/** A host with one GPU whose driver lies in an odd place. */
const ODD: Readonly<Record<string, Entry>> = {
  "/proc/driver/nvidia/version":
    `NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  ${V}  Release Build  (dvs)\nGCC version:  gcc version 12.3.0\n`,
  "/proc/driver/nvidia/gpus/0000:00:05.0/information": information(0, "GPU-a"),
  "/dev/nvidia0": { node: 0o666 },
  "/dev/nvidiactl": { node: 0o666 },
  "/dev/nvidia-uvm": { node: 0o666 },
  "/dev/nvidia-uvm-tools": { node: 0o666 },
  [`${DIR}/libcuda.so.${V}`]: library("libcuda.so.1"),
  [`${DIR}/libcuda.so.1`]: { link: `libcuda.so.${V}` },
  [`${DIR}/libnvidia-ml.so.${V}`]: library("libnvidia-ml.so.1"),
  [`${DIR}/libnvidia-egl-gbm.so.1.1.2`]: library("libnvidia-egl-gbm.so.1"),
  [`${DIR}/libother.so.1`]: library("libother.so.1"),
  "/usr/local/nvidia/bin/nvidia-smi": "program",
  "/usr/local/nvidia/share/vulkan/icd.d/nvidia_icd.json": "{}",
  "/usr/local/nvidia/share/glvnd/egl_vendor.d/10_nvidia.json": "{}",
};

const OPTIONS: GenerateOptions = {
  vendor: "nvidia.com",
  class: "gpu",
  driverRoot: "",
  libraryDirs: [],
  hook: { path: "/usr/bin/burrow", own: true },
};

/** Generates from entries. */
function from(entries: Record<string, Entry>, options = OPTIONS) {
  const host = memoryHost(entries);
  return generate(host, host, options);
}

Deno.test("generate() finds a driver in /usr/local/nvidia", () => {
  const { file, driver } = from(ODD);
  assertEquals(driver.folders, [DIR]);
  assertEquals(file.cdiVersion, "0.5.0");
  assertEquals(file.kind, "nvidia.com/gpu");
  assertEquals(file.devices?.map(({ name }) => name), ["0", "GPU-a", "all"]);
  const mounts = file.containerEdits?.mounts?.map((
    { hostPath, containerPath },
  ) => hostPath === containerPath ? hostPath : `${hostPath} ${containerPath}`);
  assertEquals(mounts, [
    `${DIR}/libcuda.so.${V}`,
    `${DIR}/libnvidia-egl-gbm.so.1.1.2`,
    `${DIR}/libnvidia-ml.so.${V}`,
    "/usr/local/nvidia/bin/nvidia-smi /usr/bin/nvidia-smi",
    "/usr/local/nvidia/share/glvnd/egl_vendor.d/10_nvidia.json " +
    "/usr/share/glvnd/egl_vendor.d/10_nvidia.json",
    "/usr/local/nvidia/share/vulkan/icd.d/nvidia_icd.json " +
    "/etc/vulkan/icd.d/nvidia_icd.json",
  ]);
});

Deno.test("generate() names nodes, and numbers none", () => {
  const { file } = from(ODD);
  assertEquals(file.devices?.[0]?.containerEdits, {
    deviceNodes: [{ path: "/dev/nvidia0", permissions: "rw" }],
  });
  assertEquals(
    file.containerEdits?.deviceNodes?.map(({ path }) => path),
    ["/dev/nvidiactl", "/dev/nvidia-uvm", "/dev/nvidia-uvm-tools"],
  );
});

Deno.test("generate() orders the hooks: links, compatibility, cache, parameters", () => {
  const hooks = from(ODD).file.containerEdits?.hooks ?? [];
  assertEquals(hooks.map(({ args }) => args?.join(" ")), [
    "burrow hook create-symlinks " +
    `--link libcuda.so.${V}::${DIR}/libcuda.so.1 ` +
    `--link libcuda.so.1::${DIR}/libcuda.so ` +
    `--link libnvidia-egl-gbm.so.1.1.2::${DIR}/libnvidia-egl-gbm.so.1 ` +
    `--link libnvidia-ml.so.${V}::${DIR}/libnvidia-ml.so.1`,
    `burrow hook enable-cuda-compat --host-driver-version ${V}`,
    `burrow hook update-ldcache --folder ${DIR}`,
    "burrow hook disable-device-node-modification",
  ]);
  for (const hook of hooks) {
    assertEquals(hook.hookName, "createContainer");
    assertEquals(hook.path, "/usr/bin/burrow");
    assertEquals(
      hook.env?.length,
      1,
      "an environment, so that none is inherited",
    );
  }
});

Deno.test("generate() spells hooks as the named program wants them", () => {
  const spelt = (path: string) =>
    from(ODD, { ...OPTIONS, hook: { path, own: false } }).file.containerEdits
      ?.hooks?.at(-1)?.args;
  assertEquals(spelt("/usr/bin/nvidia-cdi-hook"), [
    "nvidia-cdi-hook",
    "disable-device-node-modification",
  ]);
  assertEquals(spelt("/opt/bin/nvidia-ctk"), [
    "nvidia-ctk",
    "hook",
    "disable-device-node-modification",
  ]);
});

Deno.test("generate() adds the profile where there are graphics libraries", () => {
  const name = `${DIR}/libEGL_nvidia.so.${V}`;
  const { file } = from({ ...ODD, [name]: library("libEGL_nvidia.so.0") });
  assertEquals(
    file.containerEdits?.hooks?.at(-1)?.args?.at(-1),
    "update-application-profile",
  );
});

Deno.test("generate() writes what is read back the same, as JSON and as YAML", () => {
  const made = from(ODD).file;
  const { file } = parseCdiFile(cdiText(made, "json"));
  assertEquals(file.devices?.length, made.devices?.length);
  for (const format of ["json", "yaml"] as const) {
    assertEquals(parseCdiFile(cdiText(file, format)).file, file);
  }
});

Deno.test("generate() puts the driver's root before what lies on the host only", () => {
  const host = memoryHost(ODD);
  const { file } = generate(host, host, {
    ...OPTIONS,
    driverRoot: "/run/nvidia/driver",
  });
  const [first] = file.containerEdits?.mounts ?? [];
  assertEquals(first?.hostPath, `/run/nvidia/driver${DIR}/libcuda.so.${V}`);
  assertEquals(first?.containerPath, `${DIR}/libcuda.so.${V}`);
});

Deno.test("generate() mounts sockets of the driver's services to write to them", () => {
  const path = "/run/nvidia-persistenced/socket";
  const { file } = from({ ...ODD, [path]: { socket: true } });
  assertEquals(file.containerEdits?.mounts?.at(-1), {
    hostPath: path,
    containerPath: path,
    options: ["nosuid", "nodev", "noexec", "rbind", "rprivate"],
  });
});

Deno.test("generate() adds groups of nodes that not everybody may open, and their version", () => {
  const entries: Record<string, Entry> = {
    ...ODD,
    "/sys/bus/pci/devices/0000:00:05.0/drm/renderD128": { folder: true },
    "/sys/bus/pci/devices/0000:00:05.0/drm/card0": { folder: true },
    "/dev/dri/renderD128": { node: 0o660, gid: 105 },
    "/dev/dri/card0": { node: 0o660, gid: 44 },
    "/dev/dri/card1": { node: 0o660, gid: 45 },
    "/dev/dri/by-path/pci-0000:00:05.0-card": { link: "../card0" },
    "/dev/dri/by-path/pci-0000:00:06.0-card": { link: "../card1" },
  };
  const { file } = from(entries);
  assertEquals(file.cdiVersion, "0.7.0");
  const edits = file.devices?.[0]?.containerEdits;
  assertEquals(edits?.additionalGids, [44, 105]);
  assertEquals(edits?.deviceNodes?.map(({ path }) => path), [
    "/dev/nvidia0",
    "/dev/dri/card0",
    "/dev/dri/renderD128",
  ]);
  assertEquals(
    edits?.hooks?.[0]?.args?.at(-1),
    "../card0::/dev/dri/by-path/pci-0000:00:05.0-card",
  );
  const without = from(entries, { ...OPTIONS, noAdditionalGids: true }).file;
  assertEquals(without.cdiVersion, "0.5.0");
});

Deno.test("generate() says what is missing", () => {
  assertIncludes(failureOf(() => from({})), "no NVIDIA GPU");
  const bare = Object.fromEntries(
    Object.entries(ODD).filter(([path]) =>
      !path.includes("libcuda") && !path.includes("libnvidia-ml")
    ),
  );
  assertIncludes(failureOf(() => from(bare)), `libraries of version ${V}`);
  const { warnings } = from(Object.fromEntries(
    Object.entries(ODD).filter(([path]) => path !== "/dev/nvidia-uvm"),
  ));
  assertEquals(warnings, ['there is no "/dev/nvidia-uvm": CUDA will not work']);
});

Deno.test("findGpus() counts in the order of the bus, and leaves excluded ones out", () => {
  const gpus = findGpus(memoryHost({
    "/proc/driver/nvidia/gpus/0000:0a:00.0/information": information(
      1,
      "GPU-b",
    ),
    "/proc/driver/nvidia/gpus/0000:9b:00.0/information": information(
      0,
      "GPU-c",
    ),
    "/proc/driver/nvidia/gpus/0001:03:00.0/information": information(
      3,
      "GPU-d",
    ),
    "/proc/driver/nvidia/gpus/0000:02:00.0/information": information(
      2,
      "GPU-x",
      "Yes",
    ),
  }));
  assertEquals(
    gpus.map(({ index, minor, uuid }) => [index, minor, uuid]),
    [[0, 1, "GPU-b"], [1, 0, "GPU-c"], [2, 3, "GPU-d"]],
  );
});

Deno.test("findGpus() has no UUID of a GPU that the driver has not looked at", () => {
  const [gpu] = findGpus(memoryHost({
    "/proc/driver/nvidia/gpus/0000:0a:00.0/information": information(
      0,
      "GPU-????????-????-????-????-????????????",
    ),
  }));
  assertEquals(gpu?.uuid, undefined);
});

Deno.test("findGpus() goes by the nodes where procfs is silent", () => {
  const gpus = findGpus(memoryHost({
    "/dev/nvidia1": { node: 0o666 },
    "/dev/nvidia0": { node: 0o666 },
    "/dev/nvidiactl": { node: 0o666 },
  }));
  assertEquals(gpus.map(({ minor }) => minor), [0, 1]);
});

Deno.test("findGpus() finds the instances that there are, with their capability nodes", () => {
  const caps = "/proc/driver/nvidia/capabilities/gpu0/mig";
  const { file } = from({
    ...ODD,
    "/proc/driver/nvidia-caps/mig-minors":
      "config 1\nmonitor 2\ngpu0/gi0/access 3\ngpu0/gi0/ci0/access 4\n" +
      "gpu0/gi9/access 84\ngpu0/gi9/ci0/access 85\ngpu0/gi9/ci1/access 86\n",
    [`${caps}/gi9/access`]: "",
    [`${caps}/gi9/ci0/access`]: "",
    [`${caps}/gi9/ci1/access`]: "",
  });
  assertEquals(file.devices?.map(({ name }) => name), [
    "0",
    "GPU-a",
    "0:0",
    "0:1",
    "all",
  ]);
  assertEquals(
    file.devices?.[3]?.containerEdits?.deviceNodes?.map(({ path }) => path),
    [
      "/dev/nvidia0",
      "/dev/nvidia-caps/nvidia-cap84",
      "/dev/nvidia-caps/nvidia-cap86",
    ],
  );
});

Deno.test("driverVersion() is the module's, not the compiler's", () => {
  assertEquals(driverVersion(memoryHost(ODD)), V);
  assertEquals(driverVersion(memoryHost({})), undefined);
});

Deno.test("findDriver() takes the libraries of the loaded version, and of this machine", () => {
  const host = memoryHost({
    "/usr/lib/i386-linux-gnu/libcuda.so.580.159.04": library("libcuda.so.1", 3),
    "/usr/lib64/libcuda.so.570.1": library("libcuda.so.1"),
    "/opt/odd/libcuda.so.580.159.04": library("libcuda.so.1"),
    "/opt/odd/libnvidia-ml.so.570.1": library("libnvidia-ml.so.1"),
  });
  const driver = findDriver(host, host, {
    version: V,
    folders: ["/usr/lib/i386-linux-gnu", "/opt/odd/"],
  });
  assertEquals(driver?.folders, ["/opt/odd"]);
  assertEquals(driver?.libraries.map(({ host }) => host), [
    "/opt/odd/libcuda.so.580.159.04",
  ]);
});

Deno.test("findDriver() takes a folder once, by whatever names it is reached", () => {
  const host = memoryHost({
    "/usr/lib64/libcuda.so.1.2": library("libcuda.so.1"),
    "/lib64": { link: "usr/lib64" },
  });
  assertEquals(findDriver(host, host, {})?.folders, ["/usr/lib64"]);
});

Deno.test("findDriver() finds firmware of the version, where the kernel was told to look too", () => {
  const host = memoryHost({
    ...ODD,
    "/sys/module/firmware_class/parameters/path": "/odd/fw\n",
    [`/odd/fw/nvidia/${V}/gsp_ga10x.bin`]: "f",
    [`/odd/fw/nvidia/${V}/readme`]: "f",
  });
  assertEquals(findDriver(host, host, { version: V })?.firmware, [{
    host: `/odd/fw/nvidia/${V}/gsp_ga10x.bin`,
    container: `/lib/firmware/nvidia/${V}/gsp_ga10x.bin`,
  }]);
});

Deno.test("hostView() keeps to its root, whatever links say", () => {
  const root = Deno.makeTempDirSync();
  Deno.mkdirSync(`${root}/usr/lib`, { recursive: true });
  Deno.writeTextFileSync(`${root}/usr/lib/file`, "inside");
  Deno.symlinkSync("/usr/lib", `${root}/lib`);
  Deno.symlinkSync("../../../../usr/lib/file", `${root}/up`);
  Deno.symlinkSync("loop", `${root}/loop`);
  const host = hostView(root);
  assertEquals(host.readText("/lib/file"), "inside");
  assertEquals(host.readText("/up"), "inside");
  assertEquals(host.realPath("/lib/file"), "/usr/lib/file");
  assertEquals(host.readDir("/lib"), ["file"]);
  assertEquals(host.stat("/loop"), undefined);
  assertEquals(host.readLink("/lib"), "/usr/lib");
  assertEquals(host.readLink("/usr/lib/file"), undefined);
  assertEquals(
    new TextDecoder().decode(host.readBytes("/lib/file", 2, 3)),
    "sid",
  );
  Deno.removeSync(root, { recursive: true });
});
