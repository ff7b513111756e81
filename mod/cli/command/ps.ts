/**
 * `burrow ps`.
 *
 * @module
 */

import { processesOf, selectLines } from "../../container/ps.ts";
import { RuntimeError } from "../../errors.ts";
import type { Globals } from "../globals.ts";
import type { Arguments } from "../option.ts";

/** What ps(1) says of all processes of this host. */
function runPs(args: readonly string[]): string {
  let result: Deno.CommandOutput;
  try {
    result = new Deno.Command("ps", { args: [...args] }).outputSync();
  } catch (cause) {
    throw new RuntimeError("run ps(1)", {
      cause,
      hint: "`burrow ps --format json ID` needs no other program",
    });
  }
  const text = new TextDecoder();
  if (result.success) return text.decode(result.stdout);
  throw new RuntimeError(`ps ${args.join(" ")}: ${text.decode(result.stderr)}`);
}

/** Prints the processes of a container. */
export function execute(args: Arguments, { stateRoot }: Globals): number {
  const [id = "", ...rest] = args.operands;
  const format = args.value("format") ?? "table";
  if (format !== "table" && format !== "json") {
    throw new RuntimeError(`invalid format option "${format}"`, {
      hint: "table or json",
    });
  }
  const pids = processesOf(stateRoot, id);
  const text = format === "json"
    ? `${JSON.stringify(pids)}\n`
    : selectLines(runPs(rest.length > 0 ? rest : ["-ef"]), pids);
  Deno.stdout.writeSync(new TextEncoder().encode(text));
  return 0;
}
