/**
 * `burrow list`.
 *
 * @module
 */

import { listContainers } from "../../container/inspect.ts";
import { RuntimeError } from "../../errors.ts";
import type { State } from "../../spec/state.ts";
import type { Globals } from "../globals.ts";
import type { Arguments } from "../option.ts";

const encoder = new TextEncoder();

/** A table with aligned columns, at least twelve characters each, as runc's. */
function table(states: readonly State[]): string {
  const rows = [
    ["ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER"],
    ...states.map((s) => [
      s.id,
      String(s.pid),
      s.status,
      s.bundle,
      s.created,
      s.owner,
    ]),
  ];
  const widths = [0, 1, 2, 3, 4].map((i) =>
    Math.max(11, ...rows.map((row) => (row[i] ?? "").length)) + 1
  );
  return rows.map((row) =>
    row.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join("").trimEnd() + "\n"
  ).join("");
}

/** Lists the containers. */
export function execute(args: Arguments, globals: Globals): number {
  const format = args.value("format") ?? "table";
  if (format !== "table" && format !== "json") {
    throw new RuntimeError(`invalid format "${format}"`, {
      hint: "table or json",
    });
  }
  const { stateRoot, rootNamed } = globals;
  if (rootNamed) {
    try {
      Deno.statSync(stateRoot);
    } catch {
      throw new RuntimeError(
        `--root "${stateRoot}": no such file or directory`,
      );
    }
  }
  const states = listContainers(stateRoot, (message) => {
    Deno.stderr.writeSync(encoder.encode(`burrow: ${message}\n`));
  });
  const text = args.flag("quiet")
    ? states.map(({ id }) => `${id}\n`).join("")
    : format === "json"
    ? JSON.stringify(states)
    : table(states);
  Deno.stdout.writeSync(encoder.encode(text));
  return 0;
}
