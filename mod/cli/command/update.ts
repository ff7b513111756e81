/**
 * `burrow update`.
 *
 * @module
 */

import { resourcesOfFlags, updateContainer } from "../../container/update.ts";
import { RuntimeError } from "../../errors.ts";
import { parseResources, readText } from "../../spec/load.ts";
import type { Globals } from "../globals.ts";
import type { Arguments } from "../option.ts";

/** A document larger than this is none. */
const MOST_BYTES = 8 * 1024 * 1024;

/** All that stdin has. */
function readStdin(): string {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for (;;) {
    const chunk = new Uint8Array(65_536);
    const got = Deno.stdin.readSync(chunk);
    if (got === null) break;
    size += got;
    if (size > MOST_BYTES) {
      throw new RuntimeError(`stdin: more than ${MOST_BYTES} bytes`);
    }
    chunks.push(chunk.slice(0, got));
  }
  const decoder = new TextDecoder();
  return chunks.map((chunk) => decoder.decode(chunk, { stream: true })).join(
    "",
  );
}

/** Changes the limits of a container. */
export function execute(args: Arguments, { stateRoot }: Globals): number {
  const [id = ""] = args.operands;
  const file = args.value("resources");
  const resources = file === undefined
    // By the schema too, which knows what each number may be.
    ? parseResources(
      JSON.stringify(resourcesOfFlags((name) => args.value(name))),
      "flags",
    )
    : file === "-"
    ? parseResources(readStdin(), "stdin")
    : parseResources(readText(file), file);
  updateContainer({ stateRoot, id, resources });
  return 0;
}
