/**
 * `burrow do`.
 *
 * @module
 */

import { resolve } from "@std/path";
import { isTerminal } from "../../console/terminal.ts";
import { hostMounts } from "../../container/facts.ts";
import { sandboxSpec } from "../../container/sandbox.ts";
import { RuntimeError } from "../../errors.ts";
import type { Globals } from "../globals.ts";
import type { Arguments } from "../option.ts";
import { withDevices } from "./cdi_option.ts";
import { needRoot, watchOf } from "./create.ts";
import { runForeground } from "./run.ts";

/** A user of this host, by number or name: its ids and its home. */
function findUser(text: string): { uid: number; gid: number; home: string } {
  const [name = "", group] = text.split(":");
  const isId = (word: string) =>
    /^\d{1,10}$/.test(word) &&
    Number(word) < 0xffffffff;
  const rows = Deno.readTextFileSync("/etc/passwd").split("\n")
    .map((line) => line.split(":"));
  const row = rows.find(([n, , uid]) => isId(name) ? uid === name : n === name);
  if (row === undefined && !isId(name)) {
    throw new RuntimeError(`--user ${JSON.stringify(text)}: no such user`);
  }
  if (group !== undefined && !isId(group)) {
    throw new RuntimeError(
      `--user ${JSON.stringify(text)}: group is no number`,
    );
  }
  return {
    uid: Number(row?.[2] ?? name),
    gid: Number(group ?? row?.[3] ?? 0),
    home: row?.[5] ?? "/",
  };
}

/** An existing path of this host, without symlinks. */
function realPath(option: string, path: string): string {
  try {
    return Deno.realPathSync(path);
  } catch (cause) {
    if (cause instanceof Deno.errors.NotFound) {
      throw new RuntimeError(
        `--${option} "${path}": no such file or directory`,
      );
    }
    throw new RuntimeError(`--${option} "${path}"`, { cause });
  }
}

/** This process' environment, with what was asked for, and a fitting HOME. */
function environment(
  given: readonly string[],
  home: string | undefined,
): string[] {
  const env = new Map(Object.entries(Deno.env.toObject()));
  if (home !== undefined) env.set("HOME", home);
  for (const entry of given) {
    const cut = entry.indexOf("=");
    if (cut < 1) {
      throw new RuntimeError(`--env ${JSON.stringify(entry)}`, {
        hint: "KEY=VALUE is wanted",
      });
    }
    env.set(entry.slice(0, cut), entry.slice(cut + 1));
  }
  return [...env].map(([key, value]) => `${key}=${value}`);
}

/** Runs a command in a throw-away sandbox; returns its exit status. */
export async function execute(
  args: Arguments,
  globals: Globals,
): Promise<number> {
  needRoot();
  const wanted = args.value("user");
  const user = wanted === undefined ? undefined : findUser(wanted);
  const cwd = args.value("cwd");
  const sandbox = sandboxSpec({
    args: args.operands,
    env: environment(args.values("env"), user?.home),
    cwd: cwd === undefined ? Deno.cwd() : resolve(cwd),
    rw: args.values("rw").map((path) => realPath("rw", path)),
    ro: args.values("ro").map((path) => realPath("ro", path)),
    net: args.flag("net"),
    terminal: isTerminal(0) && isTerminal(1),
    user: { uid: user?.uid ?? 0, gid: user?.gid ?? 0 },
  }, hostMounts());
  const { spec } = await withDevices(args, {
    spec: sandbox.spec,
    bundle: "/",
  });
  const id = `do-${Deno.pid}`;
  return runForeground(
    {
      id,
      stateRoot: globals.stateRoot,
      bundle: "/",
      spec: {
        ...spec,
        linux: { ...spec.linux, cgroupsPath: `/burrow/${id}` },
      },
      overlayRoot: true,
      overlays: sandbox.overlays,
    },
    false,
    watchOf(globals),
  );
}
