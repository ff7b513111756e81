import type { Seccomp } from "../../mod/spec/seccomp.ts";
import {
  assert,
  assertEquals,
  assertIncludes,
  eventually,
  exists,
} from "../support/assert.ts";
import { makeBundle } from "../support/bundle.ts";
import type { Bundle } from "../support/bundle.ts";
import { setSeccomp } from "../support/engine_profile.ts";
import { program } from "../support/fixture.ts";
import { spawn } from "../support/runtime.ts";

/** A filter that asks a listener about calls of these names. */
function asking(listenerPath: string, ...names: string[]): Seccomp {
  return {
    defaultAction: "SCMP_ACT_ALLOW",
    listenerPath,
    listenerMetadata: "told you",
    syscalls: [{ names, action: "SCMP_ACT_NOTIFY" }],
  };
}

/** Starts a listener, which answers with an errno or, 0, lets calls be. */
async function listen(bundle: Bundle, socket: string, errno: number) {
  const helper = spawn(bundle.folder, [
    program("notify_listener"),
    socket,
    `${bundle.folder}/message`,
    `${errno}`,
  ]);
  await eventually("the listener", () => exists(socket));
  return helper;
}

for (const noNewPrivileges of [true, false]) {
  Deno.test(`a listener answers the program's calls, noNewPrivileges ${noNewPrivileges}`, async () => {
    await using bundle = makeBundle({
      programs: ["system_call"],
      // mkdirat(-1): refused without a listener's help, too, but otherwise.
      args: ["/test/system_call", Deno.build.arch === "x86_64" ? "258" : "34"],
    });
    const socket = `${bundle.folder}/socket`;
    bundle.spec.process.noNewPrivileges = noNewPrivileges;
    bundle.spec.annotations = { "org.example.key": "value" };
    setSeccomp(bundle.spec, asking(socket, "mkdirat"));
    bundle.write();
    const listener = await listen(bundle, socket, 77);
    const { code, stdout, stderr } = await bundle.run();
    assertEquals([code, stdout], [0, "= -77\n"], stderr);
    assertEquals((await listener.finished()).code, 0);

    const message = Deno.readTextFileSync(`${bundle.folder}/message`);
    const { ociVersion, fds, pid, metadata, state } = JSON.parse(message);
    assertEquals(typeof ociVersion, "string");
    assertEquals(fds, ["seccompFd"]);
    assert(pid > 1, "a process of the host");
    assertEquals(metadata, "told you");
    assertEquals(
      [state.id, state.status, state.pid, state.bundle],
      [bundle.id, "creating", pid, bundle.path],
    );
    assertEquals(state.annotations, { "org.example.key": "value" });
  });
}

Deno.test("a listener may let calls be", async () => {
  await using bundle = makeBundle({
    args: ["sh", "-c", "mkdir /tmp/made && echo made"],
    edit: (spec) => spec.mounts.push({ destination: "/tmp", type: "tmpfs" }),
  });
  const socket = `${bundle.folder}/socket`;
  setSeccomp(bundle.spec, asking(socket, "mkdirat", "mkdir"));
  bundle.write();
  const listener = await listen(bundle, socket, 0);
  const { code, stdout, stderr } = await bundle.run();
  assertEquals([code, stdout], [0, "made\n"], stderr);
  assertEquals((await listener.finished()).code, 0);
});

Deno.test("a listener that is not there is an error, and nothing is left", async () => {
  await using bundle = makeBundle();
  const socket = `${bundle.folder}/nobody`;
  setSeccomp(bundle.spec, asking(socket, "mkdirat"));
  bundle.write();
  const { code, stderr } = await bundle.run();
  assert(code !== 0);
  assertIncludes(stderr, "no such file or directory");
  assertIncludes(stderr, socket);
});

Deno.test("a listener cannot be asked about write", async () => {
  await using bundle = makeBundle();
  setSeccomp(bundle.spec, asking(`${bundle.folder}/socket`, "write"));
  bundle.write();
  const { code, stderr } = await bundle.run();
  assert(code !== 0);
  assertIncludes(stderr, "write");
});
