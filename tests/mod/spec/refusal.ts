/**
 * Catches what a function refuses, and nothing but a refusal.
 *
 * @module
 */
import { renderError, RuntimeError } from "../../../mod/errors.ts";
import { fail } from "../../support/assert.ts";

/** The one line of the RuntimeError that `act` throws; fails if it does not. */
export function refusal(act: () => unknown, about = ""): string {
  const line = refusalOf(act);
  return line ?? fail(`${about} was not refused`.trim());
}

/** The one line of the RuntimeError, undefined where nothing is thrown. */
export function refusalOf(act: () => unknown): string | undefined {
  try {
    act();
    return undefined;
  } catch (error) {
    if (!(error instanceof RuntimeError)) throw error;
    return renderError(error);
  }
}
