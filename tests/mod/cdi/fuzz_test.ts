import { injectDevices } from "../../../mod/cdi/inject.ts";
import { deviceNames } from "../../../mod/cdi/registry.ts";
import { unresolvedError } from "../../../mod/cdi/unresolved.ts";
import { renderError, RuntimeError } from "../../../mod/errors.ts";
import { defaultSpec } from "../../../mod/spec/default.ts";
import { assert, fail } from "../../support/assert.ts";
import { HOST, registry } from "./file.ts";
import { fullFile, generator, mutate, mutateText } from "./mutate.ts";

Deno.test("no mutation of a CDI file does more than be dropped with a reason", () => {
  const seed = Number(Deno.env.get("SEED") ?? Date.now() % 2 ** 32);
  const random = generator(seed);
  let dropped = 0;
  for (let round = 0; round < 2000; round++) {
    const document = fullFile();
    const changes = 1 + Math.floor(random() * 3);
    for (let i = 0; i < changes; i++) mutate(document, random);
    let text = JSON.stringify(document);
    if (round % 4 === 0) text = mutateText(text, random);
    const about = `SEED=${seed}, round ${round}: ${text.slice(0, 2000)}`;
    try {
      const found = registry({ "a.json": text });
      const names = deviceNames(found);
      for (const { reason } of found.dropped) {
        dropped++;
        assert(
          reason !== "" && !reason.includes("\n") && reason.length < 1000,
          `${about}: ${reason}`,
        );
        const line = renderError(unresolvedError(found, ["v.test/c=0"]));
        assert(line.includes(reason) && !line.includes("\n"), about);
      }
      JSON.stringify(injectDevices(defaultSpec(), found, names, HOST));
    } catch (error) {
      // A node that this host does not have.
      if (error instanceof RuntimeError) continue;
      fail(`${about}: ${error instanceof Error ? error.stack : error}`);
    }
  }
  assert(dropped > 500 && dropped < 1990, `SEED=${seed}: ${dropped} dropped`);
});
