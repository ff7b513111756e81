/**
 * Burrow: a sandbox launcher and OCI container runtime.
 *
 * Reads the command line, loads the command's code, prints the one line of a
 * failure, and exits.
 *
 * @module
 */

import { exitCodeOf, renderError, RuntimeError } from "./mod/errors.ts";
import {
  checkLogFormat,
  findLog,
  GLOBAL_OPTIONS,
  readGlobals,
} from "./mod/cli/globals.ts";
import { readArguments, withHelp } from "./mod/cli/option.ts";
import type { Command, CommandGroup } from "./mod/cli/table.ts";
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

/** Finds a command by its name. */
function find<T>(commands: Readonly<Record<string, T>>, name: string): T {
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (command !== undefined) return command;
  throw new RuntimeError(`unknown command ${JSON.stringify(name)}`, {
    hint: "`--help` lists the commands",
  });
}

/** Finds the command of a group that some words begin with; or prints help. */
async function findInGroup(
  group: string,
  { commands }: CommandGroup,
  [word, ...rest]: readonly string[],
): Promise<{ name: string; command: Command; rest: string[] } | number> {
  if (word === undefined || /^(help|--?help|-h)$/.test(word)) {
    const { groupHelp } = await import("./mod/cli/help.ts");
    print(groupHelp(group, commands));
    return word === undefined ? 1 : 0;
  }
  return { name: `${group} ${word}`, command: find(commands, word), rest };
}

/** Runs the command line; returns the exit status. */
async function run(args: readonly string[]): Promise<number> {
  // First of all, so that every failure is in the log: also that of a flag.
  openLog(findLog(args));
  const globals = readArguments(args, withHelp(GLOBAL_OPTIONS), true);
  checkLogFormat(globals);
  const [first, ...words] = globals.operands;
  if (globals.flag("version")) {
    print(await versionText());
    return 0;
  }
  if (first === undefined || first === "help" || globals.flag("help")) {
    const { generalHelp } = await import("./mod/cli/help.ts");
    print(generalHelp());
    return first === undefined && !globals.flag("help") ? 1 : 0;
  }
  const entry = find(COMMANDS, first);
  const found = "commands" in entry
    ? await findInGroup(first, entry, words)
    : { name: first, command: entry, rest: words };
  if (typeof found === "number") return found;
  const { name, command, rest } = found;
  const local = readArguments(
    // What is refused is refused with any option, and with --help.
    command.refused === true ? [] : rest,
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
  return await execute(local, readGlobals(globals));
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
