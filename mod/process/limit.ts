/**
 * What is set on the container's process from outside, by its id: the gofer has
 * no right to raise a limit, and the launcher may.
 *
 * Runs in: launcher.
 *
 * @module
 */

import { RLIMIT } from "../../ffi/abi/resource.ts";
import { perform } from "../../ffi/call.ts";
import { local } from "../../ffi/local.ts";
import { prlimit64 } from "../../ffi/process.ts";
import { RuntimeError } from "../errors.ts";
import type { Context } from "../gofer/context.ts";
import { goferOf } from "../gofer/context.ts";
import type { OomScoreStep, RlimitStep } from "./plan.ts";

/** Sets one resource limit. */
export function setRlimit(step: RlimitStep, context: Context): void {
  const { type, soft, hard } = step;
  const limit = { soft: BigInt(soft), hard: BigInt(hard) };
  const object = `${type}=${soft}:${hard}`;
  perform(
    local,
    prlimit64(goferOf(context).pid, RLIMIT[type], limit, object),
  );
}

/** Sets the score of the out-of-memory killer. */
export function setOomScore(step: OomScoreStep, context: Context): void {
  const path = `/proc/${goferOf(context).pid}/oom_score_adj`;
  try {
    Deno.writeTextFileSync(path, String(step.value), { create: false });
  } catch (cause) {
    throw new RuntimeError(`write "${step.value}" to ${path}`, {
      cause,
      hint: "only CAP_SYS_RESOURCE may lower the score",
    });
  }
}
