/**
 * Help texts, made of the tables.
 *
 * @module
 */

import { GLOBAL_OPTIONS } from "./globals.ts";
import type { Option } from "./option.ts";
import { withHelp } from "./option.ts";
import type { Command } from "./table.ts";
import { COMMANDS } from "./table.ts";

/** Two columns, the second aligned. */
function columns(rows: readonly (readonly [string, string])[]): string {
  const width = Math.max(...rows.map(([left]) => left.length)) + 2;
  return rows.map(([left, right]) => `  ${left.padEnd(width)}${right}\n`)
    .join("");
}

/** The lines of options. */
function optionLines(options: readonly Option[]): string {
  return columns(options.map(({ name, short, value, repeat, help }) => [
    (short === undefined ? "    " : `-${short}, `) + `--${name}` +
    (value === undefined ? "" : ` ${value}`),
    help + (repeat ? " (repeatable)" : ""),
  ]));
}

/** The help of one command. */
export function commandHelp(name: string, command: Command): string {
  const usage = `burrow ${name} [OPTION]… ${command.operands}`.trimEnd();
  return `burrow ${name}: ${command.summary}\n\nUsage: ${usage}\n\n` +
    `Options:\n${optionLines(withHelp(command.options))}`;
}

/** The help of a command that has commands of its own. */
export function groupHelp(
  name: string,
  commands: Readonly<Record<string, Command>>,
): string {
  const rows = Object.entries(commands).map(([word, { summary }]) =>
    [word, summary] as const
  );
  return `Usage: burrow ${name} COMMAND [OPTION]… [OPERAND]…\n\n` +
    `Commands:\n${columns(rows)}\n` +
    `\`burrow ${name} COMMAND --help\` tells more.\n`;
}

/** The help of the whole. */
export function generalHelp(): string {
  const commands = columns(
    Object.entries(COMMANDS).map(([name, { summary }]) => [name, summary]),
  );
  return "burrow: sandbox launcher and OCI container runtime\n\n" +
    "Usage: burrow [OPTION]… COMMAND [OPTION]… [OPERAND]…\n\n" +
    `Commands:\n${commands}\nOptions:\n${
      optionLines(withHelp(GLOBAL_OPTIONS))
    }\n` +
    "`burrow COMMAND --help` tells more.\n";
}
