/**
 * The newest Deno, beside the pinned one: to see whether the step up stays
 * open. Run alone, it prints the path of the executable.
 *
 * @module
 */

import { exists } from "../support/assert.ts";
import { checkout } from "../support/fixture.ts";
import { perform } from "./packages.ts";

/** Its package on npm, and the hash of that as npm writes it. */
const PACKAGE = "@deno/linux-x64-glibc@2.9.6";
const INTEGRITY =
  "sha512-3md4TKLCuzsLDmfOoC5KN7NAZaxSVkMgm64vg6foD00JBADCpYS2/5QqXfzgnP5ZQz3iLP9vBQJtEgc116OAoQ==";

/** Returns the path of the newest Deno, which it fetches when it is missing. */
export async function newestDeno(): Promise<string> {
  const version = PACKAGE.slice(PACKAGE.lastIndexOf("@") + 1);
  const folder = `${checkout()}/.cache/deno-${version}`;
  if (exists(`${folder}/deno`)) return `${folder}/deno`;

  Deno.mkdirSync(`${folder}/part`, { recursive: true });
  perform("npm", [
    ...["pack", "--silent", "--no-update-notifier"],
    ...["--pack-destination", `${folder}/part`, PACKAGE],
  ]);
  for (const { name } of Deno.readDirSync(`${folder}/part`)) {
    const archive = `${folder}/part/${name}`;
    const bytes = Deno.readFileSync(archive);
    const hash = await crypto.subtle.digest("SHA-512", bytes);
    const found = `sha512-${new Uint8Array(hash).toBase64()}`;
    if (found !== INTEGRITY) {
      throw new Error(`"${PACKAGE}" has integrity ${found}`);
    }
    perform("tar", ["-xzf", archive, "-C", `${folder}/part`, "package/deno"]);
    Deno.renameSync(`${folder}/part/package/deno`, `${folder}/deno`);
  }
  Deno.removeSync(`${folder}/part`, { recursive: true });
  return `${folder}/deno`;
}

if (import.meta.main) {
  Deno.stdout.writeSync(new TextEncoder().encode(`${await newestDeno()}\n`));
}
