import {
  assert,
  assertEquals,
  assertIncludes,
  assertMatch,
} from "../support/assert.ts";
import { makeBundle, outputOf } from "../support/bundle.ts";
import { compatNote, makeElf } from "../support/elf.ts";
import { program } from "../support/fixture.ts";
import { makeReadOnlyRoot, useRoot } from "../support/image.ts";
import { runtimePath } from "../support/runtime.ts";
import type { Spec, SpecHook } from "../support/spec.ts";

const LIBRARY = "libburrowanswer.so.1";

/** A hook of NVIDIA's, whose program is not on this host. */
function missing(...args: string[]): SpecHook {
  const path = "/usr/local/nvidia/toolkit/nvidia-cdi-hook";
  return { path, args: ["nvidia-cdi-hook", ...args], env: ["X=y"] };
}

/** The same, as this executable does it in a process of its own. */
function ours(...args: string[]): SpecHook {
  // By a name that is not recognised, so that it is executed.
  return { path: runtimePath(), args: ["hooks", "hook", ...args], env: [] };
}

const WAYS = [["in process", missing], ["as a process", ours]] as const;

/** Binds the library of the fixtures in. */
function bindLibrary(spec: Spec): void {
  spec.mounts.push({
    destination: `/opt/answer/${LIBRARY}`,
    source: program("answer.so"),
    options: ["rbind", "ro"],
  });
}

/** What the program prints after hooks have run in a Debian root. */
function afterHooks(
  args: string[],
  hooks: SpecHook[],
  edit: (spec: Spec, rootfs: string) => void = () => {},
): Promise<string> {
  return outputOf({
    rootfs: "debian",
    args,
    edit: (spec, { rootfs }) => {
      bindLibrary(spec);
      spec.hooks = { createContainer: hooks };
      edit(spec, rootfs);
    },
  });
}

for (const [way, hook] of WAYS) {
  Deno.test(`update-ldcache ${way} makes the loader find a library`, async () => {
    const cache = await afterHooks(
      ["ldconfig", "-p"],
      [hook("update-ldcache", "--folder", "/opt/answer")],
    );
    assertMatch(cache, new RegExp(`${LIBRARY} .* => /opt/answer/${LIBRARY}`));
  });

  Deno.test(`update-ldcache ${way} leaves nothing more when it runs again`, async () => {
    const update = hook("update-ldcache", "--folder", "/opt/answer");
    const once = await afterHooks(["find", "/etc", "/run"], [update]);
    const twice = await afterHooks(["find", "/etc", "/run"], [update, update]);
    assertEquals(twice, once);
    assertIncludes(once, "/etc/ld.so.conf.d/00-ldcache-burrow-");
  });

  Deno.test(`create-symlinks ${way} makes links and the folders they lie in`, async () => {
    const links = await afterHooks(
      ["sh", "-c", "readlink /opt/deep/er/libx.so /opt/libx.so /etc/motd.link"],
      [hook(
        ...["create-symlinks", "--link", "libx.so.1::/opt/deep/er/libx.so"],
        ...["--link=deep/er/libx.so::/opt/libx.so"],
        ...["--link", "/nowhere::/etc/motd.link"],
      )],
    );
    assertEquals(links, "libx.so.1\ndeep/er/libx.so\n/nowhere");
  });

  Deno.test(`create-symlinks ${way} keeps to the root where the image has a link out of it`, async () => {
    const outside = Deno.makeTempDirSync({ prefix: "burrow-hook-" });
    const inside = await afterHooks(
      ["readlink", `${outside}/libx.so`],
      [hook("create-symlinks", "--link", "y::/trap/libx.so")],
      (_, rootfs) => Deno.symlinkSync(outside, `${rootfs}/trap`),
    );
    assertEquals(inside, "y");
    assertEquals([...Deno.readDirSync(outside)].length, 0);
    Deno.removeSync(outside);
  });

  Deno.test(`create-symlinks ${way} replaces a link that says otherwise, and nothing of the host`, async () => {
    const link = await afterHooks(
      ["sh", "-c", "readlink /opt/a; readlink /opt/b; ls -A /opt"],
      [hook(
        ...["create-symlinks", "--link", "new::/opt/a"],
        ...["--link", "same::/opt/b"],
      )],
      (_, rootfs) => {
        Deno.symlinkSync("old", `${rootfs}/opt/a`);
        Deno.symlinkSync("same", `${rootfs}/opt/b`);
      },
    );
    assertEquals(link, "new\nsame\na\nanswer\nb");
  });

  Deno.test(`update-application-profile ${way} shows the GPUs of the container only`, async () => {
    const profile = await afterHooks(
      [
        "cat",
        "/etc/nvidia/nvidia-application-profiles-rc.d/10-container.conf",
      ],
      [hook("update-application-profile")],
      (spec) => {
        for (const minor of [0, 5]) {
          const path = `/dev/nvidia${minor}`;
          spec.linux.devices = [
            ...spec.linux.devices ?? [],
            { path, type: "c", major: 195, minor },
          ];
        }
      },
    );
    assertIncludes(profile, `["EGLVisibleDGPUDevices", 0x21]`);
  });

  Deno.test(`chmod ${way} keeps to the root`, async () => {
    const outside = Deno.makeTempFileSync({ prefix: "burrow-hook-" });
    Deno.chmodSync(outside, 0o600);
    const mode = await afterHooks(
      ["stat", "-c", "%a", "/etc/hostname.test"],
      [hook("chmod", "--mode", "751", "--path", "/trap")],
      (_, rootfs) => {
        Deno.symlinkSync("/etc/hostname.test", `${rootfs}/trap`);
        Deno.writeTextFileSync(`${rootfs}/etc/hostname.test`, "");
      },
    );
    assertEquals(mode, "751");
    assertEquals((Deno.statSync(outside).mode ?? 0) & 0o777, 0o600);
    Deno.removeSync(outside);
  });

  Deno.test(`an unknown flag is passed over ${way}`, async () => {
    const link = await afterHooks(
      ["readlink", "/opt/x"],
      [hook("create-symlinks", "--newer=1", "--link", "y::/opt/x")],
    );
    assertEquals(link, "y");
  });
}

for (const version of ["580.159.04", "570.1"]) {
  Deno.test(`enable-cuda-compat does as NVIDIA's for driver ${version}, and comes before the cache`, async () => {
    const resultOf = async (hook: (...args: string[]) => SpecHook) =>
      await afterHooks(
        ["sh", "-c", "cat /etc/ld.so.conf.d/00-compat-*.conf; true"],
        [
          hook("enable-cuda-compat", "--host-driver-version", version),
          hook("update-ldcache", "--folder", "/opt/answer"),
        ],
        (_, rootfs) => {
          const folder = `${rootfs}/usr/local/cuda/compat`;
          const document = `{"CUDA Version": "13.1", "Driver": [535, 580]}`;
          const section = {
            name: ".note.cuda.fwd_compatibility",
            bytes: compatNote(document),
          };
          Deno.mkdirSync(folder, { recursive: true });
          Deno.writeFileSync(
            `${folder}/libcuda.so.590.44.01`,
            makeElf({ soname: "libcuda.so.1", section }),
          );
        },
      );
    const theirs = await resultOf((...args) => ({
      path: program("nvidia_like_hook"),
      args: ["nvidia-cdi-hook", ...args],
      env: [],
    }));
    assertEquals(await resultOf(missing), theirs);
    assertEquals(await resultOf(ours), theirs);
  });
}

for (
  const [mode, whose] of [
    ["auto", "00-hook-"],
    ["never", "00-hook-"],
    ["always", "00-ldcache-burrow-"],
  ] as const
) {
  Deno.test(`with --native-hooks ${mode} a hook whose program is there leaves ${whose}*.conf`, async () => {
    await using bundle = makeBundle({
      rootfs: "debian",
      args: ["ls", "/etc/ld.so.conf.d"],
      edit: (spec) => {
        spec.hooks = {
          createContainer: [{
            path: program("nvidia_like_hook"),
            args: ["nvidia-cdi-hook", "update-ldcache", "--folder", "/opt"],
            env: [],
          }],
        };
      },
    });
    const run = ["run", "--native-hooks", mode, "--bundle", bundle.path];
    const { stdout } = await bundle.ok(...run, bundle.id);
    const files = stdout.split("\n").filter((name) => name.startsWith("00-"));
    assertEquals(files.map((name) => name.startsWith(whose)), [true]);
  });
}

Deno.test("a hook that is missing and not built in fails the container", async () => {
  await using bundle = makeBundle({
    edit: (spec) => {
      spec.hooks = { createContainer: [missing("create-world-peace")] };
    },
  });
  const { code, stderr } = await bundle.run();
  assertEquals(code, 1);
  assertIncludes(stderr, "no such file or directory");
});

Deno.test("an unknown hook of ours is passed over", async () => {
  assertEquals(
    await afterHooks(["echo", "ran"], [ours("create-world-peace", "--now")]),
    "ran",
  );
});

for (const kind of ["erofs", "bind"] as const) {
  Deno.test(`built-in hooks work on a ${kind} root, and the program sees it`, async () => {
    using root = makeReadOnlyRoot(kind, "debian", (tree) => {
      Deno.mkdirSync(`${tree}/test`);
      Deno.copyFileSync(program("dlopen_probe"), `${tree}/test/dlopen_probe`);
    });
    await using bundle = makeBundle({
      rootfs: "none",
      args: [
        ...["sh", "-c"],
        '/test/dlopen_probe "/opt/answer/libanswer.so"; [ $? = 42 ] && ' +
        `exec /test/dlopen_probe ${LIBRARY}`,
      ],
      edit: (spec) => {
        bindLibrary(spec);
        spec.hooks = {
          createContainer: [
            missing(
              ...["create-symlinks", "--link"],
              `${LIBRARY}::/opt/answer/libanswer.so`,
            ),
            missing("update-ldcache", "--folder", "/opt/answer"),
          ],
        };
      },
    });
    useRoot(bundle, root);
    const before = root.listing();
    const { code, stderr } = await bundle.run();
    assertEquals(code, 42, stderr);
    assertEquals(root.listing(), before);
  });
}

Deno.test("built-in hooks work in a user namespace", async () => {
  const cache = await afterHooks(
    ["ldconfig", "-p"],
    [missing("update-ldcache", "--folder", "/opt/answer")],
    (spec, rootfs) => {
      spec.linux.namespaces.push({ type: "user" });
      const maps = [{ containerID: 0, hostID: 100000, size: 65536 }];
      spec.linux.uidMappings = maps;
      spec.linux.gidMappings = maps;
      new Deno.Command("chown", {
        args: ["-R", "100000:100000", `${rootfs}/etc`, `${rootfs}/opt`],
      }).outputSync();
      new Deno.Command("chown", { args: ["100000:100000", rootfs] })
        .outputSync();
    },
  );
  assertMatch(cache, new RegExp(`${LIBRARY} .* => /opt/answer/${LIBRARY}`));
});

Deno.test("nothing of the image is executed, and nothing is preloaded", async () => {
  const out = await afterHooks(
    ["sh", "-c", "ls -A /tmp; ldconfig.own -p"],
    [missing("update-ldcache", "--folder", "/opt/answer")],
    (_, rootfs) => {
      Deno.copyFileSync(
        `${rootfs}/sbin/ldconfig`,
        `${rootfs}/sbin/ldconfig.own`,
      );
      // A hard link of the fixture: replaced, not written.
      Deno.removeSync(`${rootfs}/sbin/ldconfig`);
      const script = "#!/bin/sh\ntouch /tmp/executed\n";
      Deno.writeTextFileSync(`${rootfs}/sbin/ldconfig`, script, {
        mode: 0o755,
      });
      Deno.writeTextFileSync(`${rootfs}/etc/ld.so.preload`, "/opt/evil.so\n");
    },
  );
  assert(!out.includes("executed"), out);
  assertIncludes(out, LIBRARY);
});

Deno.test("a built-in hook that fails is named, with what the spec calls it", async () => {
  await using bundle = makeBundle({
    edit: (spec) => {
      spec.hooks = {
        createContainer: [
          missing("create-symlinks", "--link", "x::/etc/passwd/y"),
        ],
      };
    },
  });
  const { code, stderr } = await bundle.run();
  assertEquals(code, 1);
  assertIncludes(stderr, "nvidia-cdi-hook create-symlinks");
  assertIncludes(stderr, "not a directory");
});

Deno.test("ldconfig is given up after the hook's timeout, and nothing of it is left", async () => {
  await using bundle = makeBundle({
    rootfs: "debian",
    edit: (spec) => {
      const forever = program("forever");
      const hook = missing("update-ldcache", "--ldconfig-path", forever);
      spec.hooks = { createContainer: [{ ...hook, timeout: 1 }] };
    },
  });
  const { code, stderr } = await bundle.run();
  assertEquals(code, 1);
  assertIncludes(stderr, "ldconfig: timed out after 1 s");
});

Deno.test("an ldconfig that would load the image's loader is refused", async () => {
  await using bundle = makeBundle({
    rootfs: "debian",
    edit: (spec) => {
      const hook = missing("update-ldcache", "--ldconfig-path", "/bin/true");
      spec.hooks = { createContainer: [hook] };
    },
  });
  const { code, stderr } = await bundle.run();
  assertEquals(code, 1);
  assertIncludes(stderr, "not statically linked");
});
