/**
 * `burrow hook`: the hooks of NVIDIA's container toolkit, built in, as a
 * program: for engines and runtimes that are not this one.
 *
 * Runs in: a hook process, in the container's namespaces, before the pivot. The
 * work is done through a gofer; nothing of the image is executed in this
 * process, or by it.
 *
 * @module
 */

import { FCNTL } from "../../../ffi/abi/fcntl.ts";
import { perform } from "../../../ffi/call.ts";
import { AT_FDCWD, fchdir, openat, umask } from "../../../ffi/file.ts";
import { spawnGofer } from "../../../ffi/gofer/spawn.ts";
import { readJob } from "../../cdi/hook/arguments.ts";
import { isNativeHookName, NATIVE_HOOKS } from "../../cdi/hook/name.ts";
import { performJob } from "../../cdi/hook/perform.ts";
import { hookSite } from "../../container/native_hook.ts";
import { RuntimeError } from "../../errors.ts";
import { log } from "../../log.ts";
import type { Globals } from "../globals.ts";
import type { Arguments } from "../option.ts";

/** A state document is read up to this many bytes. */
const MOST_STATE = 4 << 20;

/** Reads all of stdin. */
function readStdin(): string {
  const parts: Uint8Array[] = [];
  let size = 0;
  for (;;) {
    const piece = new Uint8Array(0x10000);
    const got = Deno.stdin.readSync(piece);
    if (got === null) break;
    parts.push(piece.slice(0, got));
    size += got;
    if (size > MOST_STATE) throw new RuntimeError("the state is too long");
  }
  const whole = new Uint8Array(size);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return new TextDecoder().decode(whole);
}

/** The text of `--container-spec FILE`, or of stdin. */
function readState(words: readonly string[]): string {
  const at = words.findIndex((word) => /^--?container-spec(=|$)/.test(word));
  const word = words[at] ?? "";
  const path = word.includes("=")
    ? word.slice(word.indexOf("=") + 1)
    : at < 0
    ? "-"
    : words[at + 1] ?? "-";
  return path === "-" || path === ""
    ? readStdin()
    : Deno.readTextFileSync(path);
}

/** A document of which some members are known. */
function members(
  text: string,
  what: string,
): Readonly<Record<string, unknown>> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new RuntimeError(`${what} is no JSON`, { cause });
  }
  if (typeof value !== "object" || value === null) {
    throw new RuntimeError(`${what} is no object`);
  }
  return { ...value };
}

/** The container's root: of the state, or of the bundle's config.json. */
function rootPath(state: Readonly<Record<string, unknown>>): string {
  const named = state["root"];
  if (typeof named === "string" && named !== "") return named;
  const bundle = state["bundle"];
  if (typeof bundle !== "string" || !bundle.startsWith("/")) {
    throw new RuntimeError("the state has no bundle");
  }
  const path = `${bundle}/config.json`;
  let text: string;
  try {
    text = Deno.readTextFileSync(path);
  } catch (cause) {
    throw new RuntimeError(`read "${path}"`, {
      cause,
      hint: "the hook runs as the container's user: it must be able to read it",
    });
  }
  const root = members(text, path)["root"];
  const found = typeof root === "object" && root !== null && "path" in root
    ? root.path
    : undefined;
  if (typeof found !== "string" || found === "") {
    throw new RuntimeError(`"${path}" has no root.path`);
  }
  return found.startsWith("/") ? found : `${bundle}/${found}`;
}

/** Does a hook on the container whose state is on stdin. */
export function execute(args: Arguments, _globals: Globals): number {
  const [name = "", ...words] = args.operands;
  const warn = (message: string) => log("warning", message);
  if (!isNativeHookName(name)) {
    // A spec may be newer than this program, and its container still runs.
    warn(`unknown hook "${name}", ignoring: ${NATIVE_HOOKS.join(", ")}`);
    return 0;
  }
  const job = readJob({ name, args: words, own: true }, warn);
  if (job.kind === "noop") return 0;
  const path = rootPath(members(readState(words), "the state"));
  if (Deno.realPathSync(path) === "/") {
    throw new RuntimeError(`refusing to work on the root "${path}"`);
  }
  using gofer = spawnGofer({ name: "burrow-hook" });
  const flags = FCNTL.O_PATH | FCNTL.O_DIRECTORY;
  const root = perform(gofer, openat(AT_FDCWD, path, flags));
  gofer.run(umask(0), fchdir(root));
  performJob(hookSite(gofer, root, warn), job);
  return 0;
}
