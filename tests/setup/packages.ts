/**
 * The packages that the tests stand on.
 *
 * @module
 */

/** Debian's name, what shows elsewhere that it is there, and why. */
const PACKAGES: readonly (readonly [string, string, string])[] = [
  ["gcc", "gcc", "compiles the tests' own programs, and checks layouts"],
  ["libc6-dev", "/usr/include/stdio.h", "headers, and libc to link statically"],
  ["binutils", "as", "assembles the gofer again, to compare its bytes"],
  ["binutils-aarch64-linux-gnu", "aarch64-linux-gnu-as", "the same, aarch64"],
  [
    "gcc-aarch64-linux-gnu",
    "aarch64-linux-gnu-gcc",
    "checks aarch64's layouts",
  ],
  ["libc6-dev-arm64-cross", "/usr/aarch64-linux-gnu/include", "its headers"],
  ["qemu-user-static", "qemu-aarch64-static", "runs the gofer for aarch64"],
  ["busybox-static", "busybox", "the small root file system"],
  ["debootstrap", "debootstrap", "makes the Debian root file system"],
  ["erofs-utils", "mkfs.erofs", "makes a root that can never be written"],
  ["runc", "runc", "proves the tests, and is measured beside"],
  ["crun", "crun", "is measured beside"],
  ["podman", "podman", "calls the runtime, and injects CDI devices beside"],
  ["libseccomp2", "libseccomp.so.2", "filters that hide newer system calls"],
  [
    "golang-github-containers-common",
    "/usr/share/containers/seccomp.json",
    "podman's default filter of system calls",
  ],
  ["util-linux", "unshare", "namespaces and mounts from outside"],
  ["iproute2", "ip", "network namespaces from outside"],
  ["strace", "strace", "counts the system calls that were made"],
  ["procps", "ps", "processes from outside"],
  ["uidmap", "newuidmap", "subordinate ids of an ordinary user"],
];

/** Runs a command and returns what it printed; undefined where it failed. */
export function outputOf(command: string, ...args: string[]) {
  try {
    const { success, stdout } = new Deno.Command(command, {
      args,
      stderr: "null",
    }).outputSync();
    return success ? new TextDecoder().decode(stdout) : undefined;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

/** Runs a command that may talk to the terminal; throws where it fails. */
export function perform(
  command: string,
  args: readonly string[],
  env: Record<string, string> = {},
): void {
  const { code } = new Deno.Command(command, {
    args: [...args],
    env,
    stdin: "null",
    stdout: "inherit",
    stderr: "inherit",
  }).outputSync();
  if (code !== 0) {
    throw new Error(`"${command} ${args.join(" ")}" exited ${code}`);
  }
}

/** The words of /etc/os-release. */
export function osRelease(): Readonly<Record<string, string>> {
  const text = Deno.readTextFileSync("/etc/os-release");
  return Object.fromEntries(
    [...text.matchAll(/^(\w+)="?(.*?)"?$/gm)].map(([, key, value]) => [
      key,
      value,
    ]),
  );
}

/** Whether Debian's package tools are the ones of this machine. */
function isDebian(): boolean {
  const { ID = "", ID_LIKE = "" } = osRelease();
  return `${ID} ${ID_LIKE}`.split(" ").includes("debian");
}

/** Whether Debian has the package installed. */
function isInstalled(name: string): boolean {
  return outputOf("dpkg-query", "-W", "-f=${db:Status-Status}", name) ===
    "installed";
}

/** Whether a command, a file or a library is there. */
function isThere(probe: string): boolean {
  if (probe.includes(".so.")) {
    return outputOf("ldconfig", "-p")?.includes(probe) ?? false;
  }
  const test = probe.startsWith("/") ? "test -e" : "command -v";
  return outputOf("sh", "-c", `${test} ${probe}`) !== undefined;
}

/**
 * Installs the packages that are missing and says so. Where packages are not
 * Debian's, it only names what is missing.
 *
 * @throws where something is missing in the end
 */
export function installPackages(say: (line: string) => void): void {
  const debian = isDebian();
  const missing = PACKAGES.filter(([name, probe]) =>
    debian ? !isInstalled(name) : !isThere(probe)
  );
  if (missing.length === 0) return;

  for (const [name, probe, reason] of missing) {
    say(`missing: ${debian ? name : `${probe} (Debian: ${name})`}: ${reason}`);
  }
  if (!debian) {
    throw new Error("install what is missing first, and run again");
  }
  const names = missing.map(([name]) => name);
  say(`apt-get install ${names.join(" ")}`);
  const env = { DEBIAN_FRONTEND: "noninteractive" };
  perform("apt-get", ["-qq", "update"], env);
  perform("apt-get", [
    ...["-qq", "-y", "--no-install-recommends", "install"],
    ...names,
  ], env);
}
