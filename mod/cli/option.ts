/**
 * Options of a command line: a table of them, and their reading.
 *
 * Callers spell them in every way that Go's libraries take: `--x y`, `--x=y`,
 * `-x y`, and a single dash before a long name.
 *
 * @module
 */

import { parseArgs } from "@std/cli/parse-args";
import { RuntimeError } from "../errors.ts";

/** One option. */
export interface Option {
  /** Its name, without dashes. */
  readonly name: string;
  /** A letter for it. */
  readonly short?: string;
  /** What its value is called in the help; absent: it takes none. */
  readonly value?: string;
  /** It may be given again. */
  readonly repeat?: boolean;
  /** One line for the help. */
  readonly help: string;
}

/** A command line that was read. */
export interface Arguments {
  /** Was a flag given? */
  flag(name: string): boolean;
  /** The value of an option; of several, the last. */
  value(name: string): string | undefined;
  /** All values of an option that may be given again. */
  values(name: string): readonly string[];
  /** What is no option, in order. */
  readonly operands: readonly string[];
}

const HELP: Option = { name: "help", short: "h", help: "print this help" };

/** The options of a command, with `--help`. */
export function withHelp(options: readonly Option[]): readonly Option[] {
  return [...options, HELP];
}

/** Finds the option that a word names: `--name`, `-name`, `-n`. */
function find(options: readonly Option[], word: string): Option | undefined {
  const name = word.replace(/^--?/, "");
  return options.find((option) =>
    option.name === name ||
    (word.length === 2 && option.short === name)
  );
}

/**
 * Brings a command line to one spelling, and cuts the operands off: at `--`,
 * and at the first operand where what follows belongs to somebody else.
 *
 * @throws {RuntimeError} for an option that is not there
 */
function normalize(
  args: readonly string[],
  options: readonly Option[],
  stopEarly: boolean,
): { words: string[]; operands: string[] } {
  const words: string[] = [];
  const operands: string[] = [];
  for (let i = 0; i < args.length; i++) {
    const word = args[i] ?? "";
    if (word === "--") {
      return { words, operands: [...operands, ...args.slice(i + 1)] };
    }
    if (!word.startsWith("-") || word === "-") {
      if (stopEarly) return { words, operands: args.slice(i) };
      operands.push(word);
      continue;
    }
    const cut = word.indexOf("=");
    const option = find(options, cut === -1 ? word : word.slice(0, cut));
    if (option === undefined) {
      throw new RuntimeError(`flag provided but not defined: ${word}`, {
        hint: "`--help` lists the options",
      });
    }
    if (option.value === undefined) {
      const value = cut === -1 ? "true" : word.slice(cut + 1);
      if (value !== "true" && value !== "false") {
        throw new RuntimeError(
          `--${option.name} is true or false, not "${value}"`,
        );
      }
      words.push(value === "true" ? `--${option.name}` : `--no-${option.name}`);
      continue;
    }
    const next = cut === -1 ? args[++i] : word.slice(cut + 1);
    if (next === undefined) {
      throw new RuntimeError(`flag needs an argument: ${word}`);
    }
    words.push(`--${option.name}=${next}`);
  }
  return { words, operands };
}

/**
 * Reads a command line.
 *
 * @throws {RuntimeError} for an unknown option, or one without its value
 */
export function readArguments(
  args: readonly string[],
  options: readonly Option[],
  stopEarly: boolean,
): Arguments {
  const { words, operands } = normalize(args, options, stopEarly);
  const flags = options.filter(({ value }) => value === undefined);
  const valued = options.filter(({ value }) => value !== undefined);
  const parsed = parseArgs(words, {
    boolean: flags.map(({ name }) => name),
    negatable: flags.map(({ name }) => name),
    string: valued.map(({ name }) => name),
    collect: valued.map(({ name }) => name),
  });
  const found: Readonly<Record<string, unknown>> = parsed;
  const values = (name: string): readonly string[] => {
    const list = found[name];
    return Array.isArray(list) ? list.map(String) : [];
  };
  return {
    flag: (name) => found[name] === true,
    value: (name) => values(name).at(-1),
    values,
    operands,
  };
}
