/**
 * Podman's own CDI injection, to compare ours with: a "runtime" that only keeps
 * config.json, in a mount namespace with its own /run and /etc.
 *
 * Podman 4.3.1 knows CDI up to 0.5.0, and reads /etc/cdi and /var/run/cdi.
 *
 * @module
 */
import { makeFolder } from "../support/bundle.ts";
import { host } from "../support/runtime.ts";

/** The mount namespace that podman runs in; `/etc` and `/run` are its own. */
const SCRIPT = `set -e
folder=$1; shift
mount --make-rprivate /
mount -t tmpfs tmpfs /run
mkdir /run/upper /run/work
mount -t overlay -o lowerdir=/etc,upperdir=/run/upper,workdir=/run/work none /etc
rm -rf /etc/cdi /var/run/cdi
cp -r "$folder/etc-cdi" /etc/cdi
cp -r "$folder/run-cdi" /var/run/cdi
exec podman --runtime "$folder/runtime" "$@"
`;

const RUNTIME = `#!/bin/sh
bundle= last=
for word; do
  case $last in --bundle | -b) bundle=$word ;; esac
  last=$word
done
[ -z "$bundle" ] || cp "$bundle/config.json" "$(dirname "$0")/config.json"
exit 1
`;

/** Root lacks CAP_SYS_RESOURCE in some places, and podman asks for limits. */
const CONTAINERS_CONF = `[containers]
default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]
netns = "none"
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
`;

/** As much of config.json as CDI edits. */
export interface EditedConfig {
  process: {
    env: string[];
    user: { uid: number; gid: number; additionalGids?: number[] };
  };
  mounts: {
    destination: string;
    source?: string;
    type?: string;
    options?: string[];
  }[];
  hooks?: Record<string, unknown[]>;
  linux: {
    devices?: Record<string, unknown>[];
    resources: { devices?: unknown[] };
  };
}

/** What podman made of some devices. */
export interface Injected {
  /** Undefined where it never came to the runtime. */
  readonly config?: EditedConfig;
  /** The container's config.json as text, with the id made "ID". */
  readonly text: string;
  readonly stderr: string;
}

/** A podman with CDI files of its own. */
export interface Podman extends Disposable {
  readonly folder: string;
  /** The directories of CDI files, lower priority first. */
  readonly specDirs: readonly [etc: string, run: string];
  /** Writes a CDI file into one of the directories. */
  write(dir: "etc" | "run", name: string, file: unknown): void;
  /** Runs `podman run` with these options, up to its runtime. */
  inject(...options: string[]): Injected;
}

/** Makes a podman with an image. */
export function makePodman(): Podman {
  const folder = makeFolder();
  for (const name of ["etc-cdi", "run-cdi"]) {
    Deno.mkdirSync(`${folder}/${name}`);
  }
  Deno.writeTextFileSync(`${folder}/runtime`, RUNTIME, { mode: 0o755 });
  Deno.writeTextFileSync(`${folder}/containers.conf`, CONTAINERS_CONF);
  Deno.writeTextFileSync(
    `${folder}/storage.conf`,
    `[storage]\ndriver = "vfs"\nrunroot = "${folder}/runroot"\ngraphroot = "${folder}/root"\n`,
  );
  // The container is never made: one file is image enough.
  host("tar", "-C", folder, "-cf", `${folder}/image.tar`, "runtime");
  const podman = (...args: string[]) => {
    const { stderr } = new Deno.Command("unshare", {
      args: ["-m", "sh", "-c", SCRIPT, "sh", folder]
        .concat(["--tmpdir", `${folder}/tmp`, ...args]),
      env: {
        CONTAINERS_CONF: `${folder}/containers.conf`,
        CONTAINERS_STORAGE_CONF: `${folder}/storage.conf`,
      },
      stdout: "null",
    }).outputSync();
    return new TextDecoder().decode(stderr);
  };
  podman("import", "-q", `${folder}/image.tar`, "image");
  return {
    folder,
    specDirs: [`${folder}/etc-cdi`, `${folder}/run-cdi`],
    write: (dir, name, file) =>
      Deno.writeTextFileSync(
        `${folder}/${dir}-cdi/${name}`,
        typeof file === "string" ? file : JSON.stringify(file),
      ),
    inject: (...options) => {
      const path = `${folder}/config.json`;
      const stderr = podman(
        ...["run", "--rm", "--network", "none", "--name", "cdi"],
        ...["--hostname", "cdi", ...options, "image", "true"],
      );
      try {
        const text = Deno.readTextFileSync(path)
          .replaceAll(/\b[0-9a-f]{64}\b/g, "ID");
        Deno.removeSync(path);
        return { text, stderr, config: JSON.parse(text) as EditedConfig };
      } catch (error) {
        if (!(error instanceof Deno.errors.NotFound)) throw error;
        return { text: "", stderr };
      }
    },
    [Symbol.dispose]: () => {
      host("rm", "-rf", "--one-file-system", folder);
    },
  };
}
