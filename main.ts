/**
 * Burrow: a sandbox launcher and OCI container runtime.
 *
 * Reads the command line, loads the command's code, prints the one line of a
 * failure, and exits.
 *
 * @module
 */

import { exitCodeOf, renderError, RuntimeError } from "./mod/errors.ts";
import { GLOBAL_OPTIONS, logFormat, readGlobals } from "./mod/cli/globals.ts";
import { readArguments, withHelp } from "./mod/cli/option.ts";
import { COMMANDS } from "./mod/cli/table.ts";
import { log, openLog } from "./mod/log.ts";

/** Prints to stdout. */
function print(text: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(text));
}

/** The text of `--version`; only its first line may have the word "version". */
async function versionText(): Promise<string> {
  const { COMMIT, VERSION } = await import("./mod/version.ts");
  const { OCI_VERSION } = await import("./mod/spec/default.ts");
  return `burrow version ${VERSION}\ncommit: ${COMMIT}\nspec: ${OCI_VERSION}\n`;
}

/** Runs the command line; returns the exit status. */
async function run(args: readonly string[]): Promise<number> {
  const globals = readArguments(args, withHelp(GLOBAL_OPTIONS), true);
  // First of all, so that every later failure is in the log.
  const path = globals.value("log");
  openLog({
    ...path === undefined ? {} : { path },
    format: logFormat(globals),
    debug: globals.flag("debug"),
  });
  const [name, ...rest] = globals.operands;
  if (globals.flag("version")) {
    print(await versionText());
    return 0;
  }
  if (name === undefined || name === "help" || globals.flag("help")) {
    const { generalHelp } = await import("./mod/cli/help.ts");
    print(generalHelp());
    return name === undefined && !globals.flag("help") ? 1 : 0;
  }
  const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (command === undefined) {
    throw new RuntimeError(`unknown command ${JSON.stringify(name)}`, {
      hint: "`burrow --help` lists the commands",
    });
  }
  const local = readArguments(
    rest,
    withHelp(command.options),
    command.stopEarly ?? false,
  );
  if (local.flag("help")) {
    const { commandHelp } = await import("./mod/cli/help.ts");
    print(commandHelp(name, command));
    return 0;
  }
  const [least, most] = command.count;
  const given = local.operands.length;
  if (given < least || given > most) {
    const wanted = command.operands === "" ? "no operand" : command.operands;
    throw new RuntimeError(
      `${name}: ${given < least ? "too few" : "too many"} operands`,
      { hint: `${name} takes ${wanted}` },
    );
  }
  const { execute } = await command.load();
  return execute(local, readGlobals(globals));
}

if (import.meta.main) {
  let status = 1;
  try {
    status = await run(Deno.args);
  } catch (error) {
    const line = renderError(error);
    log("error", line);
    Deno.stderr.writeSync(new TextEncoder().encode(`burrow: ${line}\n`));
    status = exitCodeOf(error);
  }
  Deno.exit(status);
}
