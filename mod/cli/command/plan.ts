/**
 * `burrow plan`.
 *
 * @module
 */

import { observeHost } from "../../container/facts.ts";
import { planCreate, planStart } from "../../container/plan.ts";
import { stepLine, subjectOf } from "../../container/step.ts";
import { loadSpec } from "../../spec/load.ts";
import type { Globals } from "../globals.ts";
import type { Arguments } from "../option.ts";

/** Prints the plan of `run`, without doing any of it. */
export function execute(args: Arguments, _globals: Globals): number {
  const bundle = args.operands[0] ?? args.value("bundle") ?? ".";
  const { spec } = loadSpec(bundle);
  const id = args.value("id") ?? "plan";
  const steps = [
    ...planCreate(spec, {
      ...observeHost(spec),
      // What root would do: only doing it needs rights.
      rootless: false,
    }, { id }),
    ...planStart(spec.hooks ?? {}),
  ];
  const text = args.flag("json")
    ? JSON.stringify(steps.map(stepLine), null, 2)
    : steps.map((step, i) => {
      const { name, process } = stepLine(step);
      const number = String(i + 1).padStart(3);
      return `${number}  ${process.padEnd(8)}  ${name} ${subjectOf(step)}`
        .trimEnd();
    }).join("\n");
  Deno.stdout.writeSync(new TextEncoder().encode(`${text}\n`));
  return 0;
}
