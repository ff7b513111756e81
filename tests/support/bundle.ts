/**
 * Bundles: a folder with a root file system, config.json, a state directory of
 * its own, and a container id; all disposed of together, with a check that
 * nothing is left.
 *
 * @module
 */
import { fail, takeFailure } from "./assert.ts";
import { program, rootFixture } from "./fixture.ts";
import { assertNoLeak, cgroupsOf, takeSnapshot } from "./leak.ts";
import { becomeSubreaper } from "./process.ts";
import {
  type CommandOptions,
  host,
  type Result,
  type Running,
  runtimePath,
  spawn,
} from "./runtime.ts";
import { baseSpec, type Spec } from "./spec.ts";

/** What to make. */
export interface BundleOptions {
  /** The container's program; `true` by default. */
  readonly args?: string[];
  /** A root fixture, copied by hard links; `none` leaves `rootfs` unmade. */
  readonly rootfs?: "busybox" | "debian" | "none";
  /** Test programs to put into the root as /test/NAME. */
  readonly programs?: string[];
  /** Changes to the spec before it is written. */
  readonly edit?: (spec: Spec, bundle: Bundle) => void;
}

/** The state document, as far as tests look. */
export interface ContainerState {
  ociVersion: string;
  id: string;
  status: string;
  pid: number;
  bundle: string;
  rootfs?: string;
  created?: string;
  owner?: string;
  annotations?: Record<string, string>;
}

/** A container that can be made. */
export interface Bundle extends AsyncDisposable {
  readonly id: string;
  /** Folder of everything that belongs to the test. */
  readonly folder: string;
  /** The bundle's folder. */
  readonly path: string;
  readonly rootfs: string;
  /** The `--root` of every command. */
  readonly stateRoot: string;
  readonly spec: Spec;
  /** Writes config.json again after `spec` was changed. */
  write(): void;
  /** Starts the runtime with `--root` and returns at once. */
  spawn(options: CommandOptions, ...args: string[]): Running;
  /** Runs the runtime with `--root` to its end. */
  runtime(...args: string[]): Promise<Result>;
  /** `runtime`, with options. */
  runtimeWith(options: CommandOptions, ...args: string[]): Promise<Result>;
  /** `runtime`, and fails unless it exits 0. */
  ok(...args: string[]): Promise<Result>;
  /** `run --bundle PATH ID` to its end. */
  run(options?: CommandOptions): Promise<Result>;
  /** `create --bundle PATH ID`, which must work. */
  create(options?: CommandOptions): Promise<Result>;
  /** What `state ID` says. */
  state(): Promise<ContainerState>;
}

/** A folder for one test that any mapped user can reach. */
export function makeFolder(): string {
  const folder = Deno.makeTempDirSync({ prefix: "burrow-test-" });
  Deno.chmodSync(folder, 0o755);
  return folder;
}

/** Copies a tree by hard links, or file by file across file systems. */
export function copyTree(from: string, to: string): void {
  const linked = new Deno.Command("cp", { args: ["-al", from, to] })
    .outputSync();
  if (linked.success) return;
  host("rm", "-rf", to);
  host("cp", "-a", from, to);
}

/** Makes a bundle; nothing of it may be left when it is disposed of. */
export function makeBundle(options: BundleOptions = {}): Bundle {
  becomeSubreaper();
  const before = takeSnapshot();
  const id = `t${crypto.randomUUID().slice(0, 13)}`;
  const folder = makeFolder();
  const path = `${folder}/bundle`;
  const rootfs = `${path}/rootfs`;
  const stateRoot = `${folder}/state`;
  Deno.mkdirSync(path);
  const name = options.rootfs ?? "busybox";
  if (name !== "none") copyTree(rootFixture(name), rootfs);
  for (const tool of options.programs ?? []) {
    Deno.mkdirSync(`${rootfs}/test`, { recursive: true });
    Deno.copyFileSync(program(tool), `${rootfs}/test/${tool}`);
  }
  const spec = baseSpec(id, options.args ?? ["true"]);

  const start = (how: CommandOptions, ...args: string[]) =>
    spawn(folder, [runtimePath(), "--root", stateRoot, ...args], how);
  const runtimeWith = (how: CommandOptions, ...args: string[]) =>
    start(how, ...args).finished();
  const succeed = async (how: CommandOptions, ...args: string[]) => {
    const result = await runtimeWith(how, ...args);
    if (result.code === 0) return result;
    return fail(
      `"${args.join(" ")}" exited ${result.code}: ` +
        `${result.stderr}${result.stdout}`,
    );
  };
  const bundle: Bundle = {
    id,
    folder,
    path,
    rootfs,
    stateRoot,
    spec,
    write: () =>
      Deno.writeTextFileSync(`${path}/config.json`, JSON.stringify(spec)),
    spawn: start,
    runtimeWith,
    runtime: (...args) => runtimeWith({}, ...args),
    ok: (...args) => succeed({}, ...args),
    run: (how = {}) => runtimeWith(how, "run", "--bundle", path, id),
    create: (how = {}) => succeed(how, "create", "--bundle", path, id),
    state: async () => {
      const { stdout, stderr } = await succeed({}, "state", id);
      return JSON.parse(stdout + stderr) as ContainerState;
    },
    [Symbol.asyncDispose]: async () => {
      const first = takeFailure();
      try {
        const removed = await runtimeWith({}, "delete", "--force", id);
        if (removed.code !== 0) fail(`delete --force: ${removed.stderr}`);
        await assertNoLeak(before, id, folder);
      } catch (cause) {
        const after = first === undefined ? "" : `\nafter: ${first}`;
        throw new Error(`${(cause as Error).message}${after}`, { cause });
      } finally {
        sweep(id, folder);
        removeParents(spec.linux.cgroupsPath ?? "");
      }
    },
  };
  options.edit?.(spec, bundle);
  bundle.write();
  return bundle;
}

/** Runs a bundle in the foreground, disposes of it, and returns the result. */
export async function runOnce(
  options: BundleOptions,
  how: CommandOptions = {},
): Promise<Result> {
  await using bundle = makeBundle(options);
  return await bundle.run(how);
}

/** `runOnce`, and fails unless the program exits 0; returns its output. */
export async function outputOf(
  options: BundleOptions,
  how: CommandOptions = {},
): Promise<string> {
  const { code, stdout, stderr } = await runOnce(options, how);
  if (code !== 0) fail(`the program exited ${code}: ${stderr}${stdout}`);
  return stdout.trimEnd();
}

/**
 * Runs a script of the container's shell, after `edit`, and returns what it
 * printed; fails unless it exits 0.
 */
export function shell(
  script: string,
  edit: NonNullable<BundleOptions["edit"]> = () => {},
): Promise<string> {
  return outputOf({ args: ["sh", "-c", script], edit });
}

/** Removes what a failed test left, so that the next one starts clean. */
function sweep(id: string, folder: string): void {
  for (const cgroup of cgroupsOf(id).reverse()) {
    try {
      const procs = Deno.readTextFileSync(`${cgroup}/cgroup.procs`).trim();
      for (const pid of procs === "" ? [] : procs.split("\n").map(Number)) {
        // A pid of 0 is a process of another pid namespace.
        if (pid > 0) Deno.kill(pid, "SIGKILL");
      }
      Deno.removeSync(cgroup);
    } catch {
      // The test has failed already, and says what is left.
    }
  }
  const points = Deno.readTextFileSync("/proc/self/mountinfo").split("\n")
    .map((line) => line.split(" ")[4] ?? "")
    .filter((point) => point.startsWith(`${folder}/`)).reverse();
  for (const point of points) {
    new Deno.Command("umount", { args: ["-l", point] }).outputSync();
  }
  host("rm", "-rf", "--one-file-system", folder);
}

/**
 * Removes the empty cgroups above a cgroup of a test. Runtimes leave them: they
 * cannot know who made them.
 */
function removeParents(cgroupsPath: string): void {
  const parts = cgroupsPath.split("/").slice(1, -1);
  for (const { name } of Deno.readDirSync("/sys/fs/cgroup")) {
    for (let depth = parts.length; depth > 0; depth--) {
      const above = parts.slice(0, depth).join("/");
      for (const top of [`/sys/fs/cgroup/${name}`, "/sys/fs/cgroup"]) {
        try {
          Deno.removeSync(`${top}/${above}`);
        } catch {
          // Others have cgroups in it, or it is not there.
        }
      }
    }
  }
}
