import { FCNTL } from "../../ffi/abi/fcntl.ts";
import { MOUNT } from "../../ffi/abi/mount.ts";
import { SCHED } from "../../ffi/abi/sched.ts";
import { attempt, perform } from "../../ffi/call.ts";
import { AT_FDCWD, openat } from "../../ffi/file.ts";
import type { Gofer } from "../../ffi/gofer/channel.ts";
import { spawnGofer } from "../../ffi/gofer/spawn.ts";
import { libc } from "../../ffi/libc.ts";
import { mount } from "../../ffi/mount.ts";
import { unshare } from "../../ffi/process.ts";
import type { HookJob } from "../../mod/cdi/hook/arguments.ts";
import { disableDeviceNodeModification } from "../../mod/cdi/hook/params.ts";
import { performJob } from "../../mod/cdi/hook/perform.ts";
import {
  exists,
  listFolder,
  openIn,
  readText,
} from "../../mod/cdi/hook/site.ts";
import type { HookSite } from "../../mod/cdi/hook/site.ts";
import { hookSite } from "../../mod/container/native_hook.ts";
import { renderError } from "../../mod/errors.ts";
import { assertEquals, assertIncludes } from "../support/assert.ts";

libc(); // Opened before the first test: it stays open.

const PARAMS = "/proc/driver/nvidia/params";
const EROFS = -30;

/** A gofer in a mount namespace of its own, and a folder as the root. */
interface Ground extends Disposable {
  readonly gofer: Gofer;
  readonly root: string;
  readonly site: HookSite;
  readonly warnings: string[];
}

/** Makes one; `prepare` fills the root, which may be read-only then. */
function makeGround(
  prepare: (root: string) => void,
  readonly = false,
): Ground {
  const root = Deno.makeTempDirSync({ prefix: "burrow-test-" });
  prepare(root);
  const gofer = spawnGofer();
  gofer.run(
    unshare(SCHED.CLONE_NEWNS, "mounts"),
    mount("none", "/", "", MOUNT.MS_REC | MOUNT.MS_PRIVATE),
    mount(root, root, "", MOUNT.MS_BIND),
    ...readonly
      ? [mount(
        "none",
        root,
        "",
        MOUNT.MS_BIND | MOUNT.MS_REMOUNT | MOUNT.MS_RDONLY,
      )]
      : [],
  );
  const fd = perform(gofer, openat(AT_FDCWD, root, FCNTL.O_PATH));
  const warnings: string[] = [];
  return {
    gofer,
    root,
    warnings,
    site: hookSite(gofer, fd, (message) => warnings.push(message)),
    [Symbol.dispose]() {
      gofer[Symbol.dispose]();
      Deno.removeSync(root, { recursive: true });
    },
  };
}

/** Writes a file, with its folders. */
function put(path: string, text: string): void {
  Deno.mkdirSync(path.slice(0, path.lastIndexOf("/")), { recursive: true });
  Deno.writeTextFileSync(path, text);
}

/** The mount points of the gofer below the root. */
function mountsIn({ gofer, root }: Ground): string[] {
  return Deno.readTextFileSync(`/proc/${gofer.pid}/mountinfo`).split("\n")
    .map((line) => line.split(" ")[4] ?? "")
    .filter((point) => point.startsWith(root))
    .map((point) => point.slice(root.length));
}

Deno.test("disable-device-node-modification covers the parameters, and nothing else is mounted", () => {
  using ground = makeGround((root) => put(root + PARAMS, "not looked at"));
  const { site, gofer } = ground;
  disableDeviceNodeModification(site, "A: 1\nModifyDeviceFiles: 1\n");
  assertEquals(readText(site, PARAMS), "A: 1\nModifyDeviceFiles: 0\n");
  assertEquals(mountsIn(ground), ["", PARAMS]);
  const opened = attempt(gofer, openIn(site, PARAMS, FCNTL.O_RDWR));
  assertEquals(opened, EROFS);
});

Deno.test("disable-device-node-modification does nothing twice, and nothing without need", () => {
  using ground = makeGround((root) =>
    put(root + PARAMS, "ModifyDeviceFiles: 1\n")
  );
  disableDeviceNodeModification(ground.site, undefined);
  disableDeviceNodeModification(ground.site, "ModifyDeviceFiles: 0\n");
  assertEquals(mountsIn(ground), [""]);
  for (let i = 0; i < 2; i++) {
    disableDeviceNodeModification(ground.site, "ModifyDeviceFiles: 1\n");
    assertEquals(mountsIn(ground), ["", PARAMS]);
  }
});

Deno.test("disable-device-node-modification goes on where the container has no driver's folder", () => {
  using ground = makeGround(() => {});
  disableDeviceNodeModification(ground.site, "ModifyDeviceFiles: 1\n");
  assertEquals(ground.warnings.length, 1);
});

/** The line of the error of a job; empty where there was none. */
function failureOf(site: HookSite, job: HookJob): string {
  try {
    performJob(site, job);
    return "";
  } catch (error) {
    return renderError(error);
  }
}

Deno.test("on a read-only root the hooks that matter fail, and say what helps", () => {
  using ground = makeGround((root) => put(`${root}/etc/passwd`, ""), true);
  const { site, warnings } = ground;
  const link = failureOf(site, {
    kind: "create-symlinks",
    links: [{ target: "a", path: "/etc/b" }],
  });
  assertIncludes(link, "read-only file system");
  assertIncludes(link, "overlay");
  const cache = failureOf(site, {
    kind: "update-ldcache",
    folders: ["/opt"],
    ldconfig: "/sbin/ldconfig",
  });
  assertIncludes(cache, "read-only file system");
  assertIncludes(cache, "overlay");
  assertEquals(warnings, []);
});

Deno.test("on a read-only root the hooks that matter less warn", () => {
  using ground = makeGround((root) => {
    Deno.mkdirSync(`${root}/dev`);
    new Deno.Command("mknod", { args: [`${root}/dev/nvidia0`, "c", "1", "3"] })
      .outputSync();
    put(`${root}/usr/local/cuda/compat/libcuda.so.590.1`, "");
  }, true);
  const { site, warnings } = ground;
  assertEquals(failureOf(site, { kind: "update-application-profile" }), "");
  assertEquals(
    failureOf(site, {
      kind: "enable-cuda-compat",
      driverVersion: "580.1",
      cudaVersion: "",
      folder: "/usr/local/cuda/compat",
    }),
    "",
  );
  assertEquals(
    failureOf(site, { kind: "chmod", mode: 0o755, paths: ["/dev"] }),
    "",
  );
  assertEquals(warnings.length, 3);
});

Deno.test("a file and a folder that are larger than a piece are read whole", () => {
  const names = Array.from({ length: 500 }, (_, i) => `name-${1000 + i}`);
  const text = "line\n".repeat(5000);
  using ground = makeGround((root) => {
    for (const name of names) put(`${root}/many/${name}`, "");
    put(`${root}/long`, text);
    put(`${root}/exact`, "x".repeat(4096));
  });
  const { site } = ground;
  assertEquals(listFolder(site, "/many"), names);
  assertEquals(listFolder(site, "/none"), []);
  assertEquals(readText(site, "/long"), text);
  assertEquals(readText(site, "/exact")?.length, 4096);
  assertEquals(readText(site, "/none"), undefined);
  assertEquals(readText(site, "/many"), undefined, "a folder is no text");
  assertEquals(exists(site, "/many"), true);
  assertEquals(exists(site, "/none"), false);
});

Deno.test("a fifo in place of a configuration file makes nobody wait", () => {
  using ground = makeGround((root) => {
    Deno.mkdirSync(`${root}/etc`);
    new Deno.Command("mkfifo", { args: [`${root}/etc/ld.so.conf`] })
      .outputSync();
  });
  assertEquals(readText(ground.site, "/etc/ld.so.conf"), "");
});
