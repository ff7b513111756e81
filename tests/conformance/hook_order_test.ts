import { assert, assertEquals, assertGone } from "../support/assert.ts";
import { type Bundle, makeBundle } from "../support/bundle.ts";
import { isRunc } from "../support/runtime.ts";
import type { HookName, SpecHook } from "../support/spec.ts";

const ON_HOST: HookName[] = [
  "prestart",
  "createRuntime",
  "createContainer",
  "poststart",
  "poststop",
];

/** A hook that adds a line to the file `order`, then runs `more`. */
function note(bundle: Bundle, line: string, more = "true"): SpecHook {
  const script = `echo ${line} >> ${bundle.folder}/order; ${more}`;
  return { path: "/bin/sh", args: ["sh", "-c", script] };
}

/** The lines that the hooks and the program have written. */
function order(bundle: Bundle): string[] {
  try {
    return Deno.readTextFileSync(`${bundle.folder}/order`).trim().split("\n");
  } catch {
    return [];
  }
}

/** A bundle whose every hook, and whose program, adds a line. */
function makeNoted(more: Partial<Record<HookName, string>> = {}): Bundle {
  return makeBundle({
    args: ["sh", "-c", "echo program >> /shared/order"],
    edit: (spec, bundle) => {
      spec.mounts.push({
        destination: "/shared",
        source: bundle.folder,
        options: ["rbind", "rw"],
      });
      spec.hooks = Object.fromEntries(ON_HOST.map((name) => [
        name,
        [note(bundle, `${name}-1`), note(bundle, `${name}-2`, more[name])],
      ]));
      spec.hooks.startContainer = ["1", "2"].map((which) => ({
        path: "/bin/sh",
        args: ["sh", "-c", `echo startContainer-${which} >> /shared/order`],
      }));
    },
  });
}

/** Both hooks of each kind. */
function both(...names: HookName[]): string[] {
  return names.flatMap((name) => [`${name}-1`, `${name}-2`]);
}

const CREATE = both("prestart", "createRuntime", "createContainer");

Deno.test("create runs prestart, createRuntime and createContainer hooks, in order", async () => {
  await using bundle = makeNoted();
  await bundle.create();
  // runc 1.1.5 runs poststart hooks in create, long before the program.
  const early = isRunc() ? both("poststart") : [];
  assertEquals(order(bundle), [...CREATE, ...early]);
});

Deno.test("start runs startContainer hooks, then the program, and poststart hooks", async () => {
  await using bundle = makeNoted();
  await bundle.create();
  await bundle.ok("start", bundle.id);
  await bundle.ok("delete", "--force", bundle.id);
  const lines = order(bundle).slice(CREATE.length);
  const without = lines.filter((line) => line !== "program");
  const wanted = both("startContainer", "poststart", "poststop");
  // The program and runc's poststart and startContainer hooks run at once.
  if (isRunc()) assertEquals(without.sort(), wanted.sort());
  else assertEquals(without, wanted);
  const program = lines.indexOf("program");
  assert(program > lines.indexOf("startContainer-2"), lines.join(" "));
});

Deno.test("delete runs poststop hooks after the container is gone", async () => {
  await using bundle = makeBundle({
    edit: (spec, made) => {
      const alive = `grep -q '^State:.[RSD]' ` +
        `/proc/$(cat ${made.folder}/pid)/status && ` +
        `echo alive >> ${made.folder}/order`;
      spec.hooks = { poststop: [note(made, "ran", `${alive}; true`)] };
    },
  });
  const pidFile = `${bundle.folder}/pid`;
  const args = ["--bundle", bundle.path, "--pid-file", pidFile, bundle.id];
  await bundle.ok("create", ...args);
  await bundle.ok("delete", "--force", bundle.id);
  assertEquals(order(bundle), ["ran"]);
});

for (const name of ["prestart", "createRuntime", "createContainer"] as const) {
  Deno.test(`a ${name} hook that fails stops create, and poststop hooks run`, async () => {
    await using bundle = makeNoted({ [name]: "exit 3" });
    const args = ["create", "--bundle", bundle.path, bundle.id];
    const { code, stderr } = await bundle.runtime(...args);
    assertEquals(code, 1, stderr);
    const upTo = CREATE.indexOf(`${name}-2`) + 1;
    const wanted = [...CREATE.slice(0, upTo), ...both("poststop")];
    assertEquals(order(bundle), wanted);
    assertGone(`${bundle.stateRoot}/${bundle.id}`);
  });

  Deno.test(`after a ${name} hook that fails the later ones do not run`, async () => {
    await using bundle = makeNoted();
    const hooks = bundle.spec.hooks?.[name] ?? [];
    hooks[0] = note(bundle, `${name}-1`, "exit 3");
    bundle.write();
    const { code } = await bundle.run();
    assertEquals(code, 1);
    assertEquals(order(bundle).includes(`${name}-2`), false);
    assertEquals(order(bundle).includes("program"), false);
  });
}

Deno.test("a startContainer hook that fails keeps the program from running", async () => {
  await using bundle = makeNoted();
  bundle.spec.hooks ??= {};
  bundle.spec.hooks.startContainer = [
    { path: "/bin/sh", args: ["sh", "-c", "exit 3"] },
  ];
  bundle.write();
  await bundle.create();
  const { code, stderr } = await bundle.runtime("start", bundle.id);
  // runc lets go of the fifo before these hooks, and cannot tell.
  if (!isRunc()) assertEquals(code, 1, stderr);
  await bundle.ok("delete", "--force", bundle.id);
  assertEquals(order(bundle).includes("program"), false);
});

Deno.test("a poststart hook that fails fails start and stops the container", async () => {
  await using bundle = makeBundle({
    args: ["sleep", "100"],
    edit: (spec, made) => {
      spec.hooks = { poststart: [note(made, "poststart", "exit 3")] };
    },
  });
  // runc 1.1.5 runs these hooks in create, and so it is create that fails.
  const args = ["create", "--bundle", bundle.path, bundle.id];
  const created = await bundle.runtime(...args);
  assertEquals(created.code, isRunc() ? 1 : 0, created.stderr);
  const { code, stderr } = await bundle.runtime("start", bundle.id);
  assertEquals(code, 1, stderr);
  assertEquals(order(bundle), ["poststart"]);
  const state = await bundle.runtime("state", bundle.id);
  const status = state.code === 0 ? JSON.parse(state.stdout).status : "gone";
  // Whether the stopped container is removed as well is left open.
  assert(["gone", "stopped"].includes(status), status);
});

Deno.test("a poststop hook that fails is logged, and delete goes on", async () => {
  await using bundle = makeNoted();
  bundle.spec.hooks = {
    poststop: [note(bundle, "one", "exit 3"), note(bundle, "two")],
  };
  bundle.write();
  await bundle.create();
  const { code, stderr } = await bundle.runtime("delete", bundle.id);
  // runc 1.1.5 stops at the first and reports it.
  if (isRunc()) return;
  assertEquals(code, 0, stderr);
  assertEquals(order(bundle), ["one", "two"]);
  assertGone(`${bundle.stateRoot}/${bundle.id}`);
});

Deno.test("run runs the hooks of create, start and delete", async () => {
  await using bundle = makeNoted();
  const { code, stderr } = await bundle.run();
  assertEquals(code, 0, stderr);
  const lines = order(bundle).filter((line) => line !== "program").sort();
  const later = both("startContainer", "poststart", "poststop");
  assertEquals(lines, [...CREATE, ...later].sort());
  assertEquals(order(bundle).slice(-2), both("poststop"));
});

Deno.test("cgroup limits are in force when createRuntime hooks run", async () => {
  await using bundle = makeBundle({
    edit: (spec, { folder, id }) => {
      spec.linux.resources.cpu = { shares: 512 };
      const script = `cat /sys/fs/cgroup/cpu/burrow-test/${id}/cpu.shares ` +
        `> ${folder}/shares`;
      spec.hooks = {
        createRuntime: [{ path: "/bin/sh", args: ["sh", "-c", script] }],
      };
    },
  });
  await bundle.ok("run", "--bundle", bundle.path, bundle.id);
  assertEquals(Deno.readTextFileSync(`${bundle.folder}/shares`), "512\n");
});
