/**
 * Prints the seccomp filter that an engine makes of its default profile for a
 * container with the capabilities of tests/gpu/run.sh, as config.json has it.
 *
 * usage: deno run -A tests/gpu/seccomp.ts PROFILE
 */

import { engineProfile } from "../support/engine_profile.ts";

const CAPABILITIES = ["CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_MKNOD"];

const filter = JSON.stringify(engineProfile(CAPABILITIES));
Deno.stdout.writeSync(new TextEncoder().encode(`${filter}\n`));
