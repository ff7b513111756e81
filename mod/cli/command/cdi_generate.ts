/**
 * `burrow cdi generate`.
 *
 * Runs in: launcher.
 *
 * @module
 */

import { resolve } from "@std/path";
import { cdiText, generate } from "../../cdi/generate.ts";
import type { GenerateOptions } from "../../cdi/generate.ts";
import { hostView } from "../../cdi/generate_host.ts";
import { faultOfKind } from "../../cdi/name.ts";
import { parseCdiFile } from "../../cdi/parse.ts";
import { readDirectories } from "../../cdi/read.ts";
import { CDI_SPEC_DIRS, makeRegistry } from "../../cdi/registry.ts";
import { RuntimeError } from "../../errors.ts";
import { log } from "../../log.ts";
import type { Globals } from "../globals.ts";
import type { Arguments } from "../option.ts";

/** Reads the format. */
function formatOf(args: Arguments, output: string): "json" | "yaml" {
  const ending = /\.ya?ml$/.test(output) ? "yaml" : "json";
  const format = args.value("format") ?? ending;
  if (format === "json" || format === "yaml") return format;
  throw new RuntimeError(`--format ${JSON.stringify(format)}`, {
    hint: "json or yaml",
  });
}

/**
 * Refuses to write what an engine would drop together with what is there: two
 * files of one directory that define the same device count for nothing.
 */
function checkConflict(output: string, kind: string): void {
  const directory = output.slice(0, output.lastIndexOf("/")) || "/";
  const { files } = makeRegistry(readDirectories([directory]), parseCdiFile);
  const other = files.find(({ path, file }) =>
    path !== output && file.kind === kind
  );
  if (other === undefined) return;
  throw new RuntimeError(
    `"${other.path}" defines devices of ${kind} too: neither would count`,
    { hint: `remove it, or write there: --output ${other.path}` },
  );
}

/** A path as the driver's root has it: either spelling will do. */
function withoutRoot(path: string, root: string): string {
  return root !== "" && path.startsWith(`${root}/`)
    ? path.slice(root.length)
    : path;
}

/** Writes a file whole or not at all. */
function writeFile(path: string, text: string): void {
  const cut = path.lastIndexOf("/") + 1;
  // Neither .json nor .yaml: no engine reads it half written.
  const part = `${path.slice(0, cut)}.${path.slice(cut)}.${Deno.pid}`;
  try {
    Deno.mkdirSync(path.slice(0, cut) || "/", { recursive: true });
    Deno.writeTextFileSync(part, text, { mode: 0o644 });
    Deno.chmodSync(part, 0o644);
    Deno.renameSync(part, path);
  } catch (cause) {
    throw new RuntimeError(`write "${path}"`, { cause });
  }
}

/** Generates the CDI file of this host's GPUs. */
export function execute(args: Arguments, _globals: Globals): number {
  const vendor = args.value("vendor") ?? "nvidia.com";
  const name = args.value("class") ?? "gpu";
  const kind = `${vendor}/${name}`;
  const fault = faultOfKind(kind);
  if (fault !== undefined) throw new RuntimeError(`"${kind}": ${fault}`);
  const own = args.value("hook-path");
  const root = args.value("driver-root") ?? "/";
  const driverRoot = resolve(root) === "/" ? "" : resolve(root);
  const options: GenerateOptions = {
    vendor,
    class: name,
    driverRoot,
    libraryDirs: args.values("library-dir").map((path) =>
      withoutRoot(resolve(path), driverRoot)
    ),
    hook: { path: own ?? Deno.execPath(), own: own === undefined },
    noAdditionalGids: args.flag("no-additional-gids"),
  };
  const named = args.value("output");
  const directory = CDI_SPEC_DIRS.at(-1) ?? "";
  const format = formatOf(args, named ?? "");
  const output = named ?? `${directory}/${vendor}-${name}.${format}`;
  const { file, gpus, driver, warnings } = generate(
    hostView(),
    hostView(driverRoot),
    options,
  );
  for (const warning of warnings) log("warning", warning);
  const text = cdiText(file, format);
  // What we write, we can read.
  parseCdiFile(text);
  if (output === "-") {
    Deno.stdout.writeSync(new TextEncoder().encode(text));
    return 0;
  }
  const path = resolve(output);
  checkConflict(path, kind);
  writeFile(path, text);
  const devices = (file.devices ?? []).map((device) => device.name).join(", ");
  const models = [...new Set(gpus.map(({ model }) => model ?? "GPU"))];
  Deno.stderr.writeSync(new TextEncoder().encode(
    `wrote ${path}: ${kind}=${devices} (${gpus.length} × ${
      models.join(", ")
    }, ` +
      `driver ${driver.version} in ${driver.folders.join(", ")})\n`,
  ));
  return 0;
}
