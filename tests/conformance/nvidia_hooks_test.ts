import {
  assertEquals,
  assertExcludes,
  assertMatch,
} from "../support/assert.ts";
import { type Bundle, makeBundle, outputOf } from "../support/bundle.ts";
import { compatNote, makeElf } from "../support/elf.ts";
import { program } from "../support/fixture.ts";
import type { Spec, SpecHook } from "../support/spec.ts";

const LIBRARY = "libburrowanswer.so.1";
const COMPAT = "/usr/local/cuda/compat";

/** A hook of NVIDIA's, whose program is there and is executed. */
function hook(name: string, ...args: string[]): SpecHook {
  const path = program("nvidia_like_hook");
  return { path, args: ["nvidia-cdi-hook", name, ...args], env: ["X=y"] };
}

/** The same with more in its environment. */
function hookWith(env: string[], name: string, ...args: string[]): SpecHook {
  return { ...hook(name, ...args), env };
}

/** What the program prints in a Debian root after hooks have run. */
function afterHooks(
  args: string[],
  hooks: SpecHook[],
  edit: (spec: Spec, bundle: Bundle) => void = () => {},
): Promise<string> {
  return outputOf({
    rootfs: "debian",
    args,
    edit: (spec, bundle) => {
      spec.mounts.push({
        destination: `/opt/answer/${LIBRARY}`,
        type: "bind",
        source: program("answer.so"),
        options: ["rbind", "ro"],
      });
      spec.hooks = { createContainer: hooks };
      edit(spec, bundle);
    },
  });
}

Deno.test("create-symlinks makes links in the root, with their folders", async () => {
  const links = await afterHooks(
    ["readlink", "/opt/new/libx.so", "/opt/answer/libburrowanswer.so"],
    [hook(
      ...["create-symlinks", "--link", "libx.so.1::/opt/new/libx.so"] as const,
      ...["--link", `${LIBRARY}::/opt/answer/libburrowanswer.so`],
    )],
  );
  assertEquals(links, `libx.so.1\n${LIBRARY}`);
});

Deno.test("the older spelling of the hooks is served too", async () => {
  const path = program("nvidia_like_hook");
  const args = ["nvidia-ctk", "hook", "create-symlinks", "--link", "a::/opt/b"];
  const link = await afterHooks(["readlink", "/opt/b"], [{ path, args }]);
  assertEquals(link, "a");
});

Deno.test("the hook that does not know its name lets the container run", async () => {
  const out = await afterHooks(["echo", "ran"], [hook("newer-than-this")]);
  assertEquals(out, "ran");
});

Deno.test("disable-device-node-modification covers a file in the container's /proc", async () => {
  const out = await afterHooks(
    ["sh", "-c", "cat /proc/version; echo x 2>&1 >/proc/version; true"],
    [],
    (spec, { folder }) => {
      const params = `${folder}/params`;
      Deno.writeTextFileSync(params, "A: 1\nModifyDeviceFiles: 1\n");
      const env = [`HOOK_PARAMS=${params}`, "HOOK_TARGET=/proc/version"];
      spec.hooks = {
        createContainer: [hookWith(env, "disable-device-node-modification")],
      };
    },
  );
  assertMatch(out, /^A: 1\nModifyDeviceFiles: 0\n/);
});

Deno.test("update-application-profile sees the devices of the container", async () => {
  const profile = await afterHooks(
    [
      "sh",
      "-c",
      "cd /etc/nvidia/nvidia-application-profiles-rc.d && stat -c %a * && cat *",
    ],
    [hook("update-application-profile")],
    (spec) => {
      spec.linux.devices = [
        { path: "/dev/nvidia3", type: "c", major: 1, minor: 3 },
      ];
    },
  );
  assertMatch(profile, /^444\n.*\["EGLVisibleDGPUDevices", 0x8\]/);
});

Deno.test("chmod changes what the mounts have brought", async () => {
  const mode = await afterHooks(
    ["stat", "-c", "%a", "/opt/answer"],
    [hook("chmod", "--mode", "711", "--path", "/opt/answer")],
  );
  assertEquals(mode, "711");
});

Deno.test("update-ldcache as it was before 1.17.5 works on the root from outside", async () => {
  const cache = await afterHooks(
    ["ldconfig", "-p"],
    [hookWith(
      ["HOOK_LDCACHE=old"],
      ...["update-ldcache", "--folder", "/opt/answer"] as const,
    )],
  );
  assertMatch(cache, new RegExp(`${LIBRARY} .* => /opt/answer/${LIBRARY}`));
});

/** Puts a compatibility library for drivers 535 and 580 into the root. */
function withCompat(rootfs: string): void {
  const folder = `${rootfs}${COMPAT}`;
  const bytes = compatNote(`{"CUDA Version": "13.1", "Driver": [535, 580]}`);
  const section = { name: ".note.cuda.fwd_compatibility", bytes };
  Deno.mkdirSync(folder, { recursive: true });
  Deno.writeFileSync(
    `${folder}/libcuda.so.590.44.01`,
    makeElf({ soname: "libcuda.so.1", section }),
  );
}

for (
  const [version, used] of [["580.159.04", true], ["570.1", false]] as const
) {
  Deno.test(`enable-cuda-compat ${used ? "names" : "leaves"} the image's libraries for driver ${version}`, async () => {
    const out = await afterHooks(
      ["sh", "-c", "cat /etc/ld.so.conf.d/00-compat-*.conf; true"],
      [hook("enable-cuda-compat", "--host-driver-version", version)],
      (_, { rootfs }) => withCompat(rootfs),
    );
    assertEquals(out.trim(), used ? COMPAT : "");
  });
}

Deno.test("all hooks of a CDI file run in their order, and leave the mounts alone", async () => {
  const hooks = [
    hook("create-symlinks", "--link", `${LIBRARY}::/opt/answer/liba.so`),
    hook("enable-cuda-compat", "--host-driver-version", "580.1"),
    hook("update-ldcache", "--folder", "/opt/answer"),
    hook("disable-device-node-modification"),
    hook("update-application-profile"),
  ];
  await using bundle = makeBundle({
    rootfs: "debian",
    programs: ["dlopen_probe"],
    args: [
      ...["sh", "-c"],
      `cat /proc/self/mountinfo; exec /test/dlopen_probe ${LIBRARY}`,
    ],
    edit: (spec, { rootfs }) => {
      withCompat(rootfs);
      spec.root.readonly = true;
      spec.mounts.push({
        destination: `/opt/answer/${LIBRARY}`,
        source: program("answer.so"),
        options: ["rbind", "ro"],
      });
      spec.hooks = { createContainer: hooks };
    },
  });
  const { code, stdout, stderr } = await bundle.run();
  assertEquals(code, 42, stderr);
  assertExcludes(stdout, "nvidia-like-hook");
});
