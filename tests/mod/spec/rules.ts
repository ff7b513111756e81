/**
 * Changes to the default spec, and tables of what a rule takes and refuses.
 *
 * @module
 */
import type { Spec } from "../../../mod/spec/config.ts";
import { defaultSpec, rootlessSpec } from "../../../mod/spec/default.ts";
import type { Linux } from "../../../mod/spec/linux.ts";
import type { Process } from "../../../mod/spec/process.ts";
import { checkSpec } from "../../../mod/spec/validate.ts";
import { assertEquals } from "../../support/assert.ts";
import { refusal } from "./refusal.ts";

/** What differs from the default spec. */
export interface Change {
  /** Whole top-level fields; undefined removes one. */
  readonly spec?: { [K in keyof Spec]?: Spec[K] | undefined };
  /** Fields of `process`. */
  readonly process?: Partial<Process>;
  /** Fields of `linux`. */
  readonly linux?: Partial<Linux>;
  /** Is it made for a user namespace? */
  readonly userns?: true;
}

/** One rule: something that it lets pass, something not, and what it says. */
export interface Row {
  readonly accepted: Change;
  readonly refused: Change;
  readonly says: string;
}

/** The default spec, or the rootless one, with a change. */
export function changed({ spec, process, linux, userns }: Change): Spec {
  const base = userns ? rootlessSpec(1000, 1000) : defaultSpec();
  const whole = { ...base, ...spec } as Spec;
  if (process !== undefined && whole.process !== undefined) {
    whole.process = { ...whole.process, ...process };
  }
  if (linux !== undefined) whole.linux = { ...whole.linux, ...linux };
  return whole;
}

/** The default namespaces without those of `types`. */
export function without(...types: string[]): Linux["namespaces"] {
  return defaultSpec().linux?.namespaces?.filter((n) =>
    !types.includes(n.type)
  );
}

/** The default namespaces and more. */
export function and(
  ...more: NonNullable<Linux["namespaces"]>
): Linux["namespaces"] {
  return [...defaultSpec().linux?.namespaces ?? [], ...more];
}

/** A thousand ids, with root. */
export const ALL_IDS = [{ containerID: 0, hostID: 1000, size: 1000 }];
/** A bind mount. */
export const BIND = { destination: "/a", source: "a", options: ["bind"] };

/** Registers a test for each row of a table. */
export function testRules(rows: Readonly<Record<string, Row>>): void {
  for (const [about, { accepted, refused, says }] of Object.entries(rows)) {
    Deno.test(`checkSpec() has a rule for ${about}`, () => {
      checkSpec(changed(accepted), "config.json");
      assertEquals(
        refusal(() => checkSpec(changed(refused), "config.json"), about),
        `config.json: ${says}`,
      );
    });
  }
}
