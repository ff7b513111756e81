import { renderError } from "../../../mod/errors.ts";
import { checkConsole, planConsole } from "../../../mod/console/plan.ts";
import { assertEquals, assertMatch } from "../../support/assert.ts";

const PROCESS = { cwd: "/", user: { uid: 0, gid: 0 }, args: ["sh"] };

Deno.test("planConsole() makes no terminal for a program that wants none", () => {
  assertEquals(planConsole(PROCESS, "/socket"), []);
  assertEquals(planConsole({ ...PROCESS, terminal: false }, undefined), []);
});

Deno.test("planConsole() takes rows from the height, columns from the width", () => {
  const consoleSize = { height: 25, width: 80 };
  assertEquals(
    planConsole({ ...PROCESS, terminal: true, consoleSize }, "/socket"),
    [{ kind: "console", socket: "/socket", size: { rows: 25, columns: 80 } }],
  );
});

Deno.test("planConsole() leaves a size of 0 by 0 to the caller", () => {
  const consoleSize = { height: 0, width: 0 };
  assertEquals(
    planConsole({ ...PROCESS, terminal: true, consoleSize }, undefined),
    [{ kind: "console" }],
  );
});

/** What checkConsole() says: the empty string where it refuses nothing. */
function refusal(
  terminal: boolean,
  detached: boolean,
  socket: string | undefined,
): string {
  try {
    checkConsole({ terminal, detached, socket });
    return "";
  } catch (error) {
    return renderError(error);
  }
}

Deno.test("checkConsole() wants a socket exactly where a terminal is detached", () => {
  const useless = /^cannot use console socket/;
  assertEquals(refusal(true, true, "/s"), "");
  assertEquals(refusal(true, false, undefined), "");
  assertEquals(refusal(false, true, undefined), "");
  assertEquals(refusal(false, false, undefined), "");
  assertMatch(refusal(true, true, undefined), /^cannot allocate tty/);
  assertMatch(refusal(true, false, "/s"), useless);
  assertMatch(refusal(false, true, "/s"), useless);
  assertMatch(refusal(false, false, "/s"), useless);
});
