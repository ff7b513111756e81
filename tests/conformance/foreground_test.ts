import { assertEquals } from "../support/assert.ts";
import { runOnce } from "../support/bundle.ts";

Deno.test("run exits with the status of the program", async () => {
  const { code } = await runOnce({ args: ["sh", "-c", "exit 7"] });
  assertEquals(code, 7);
});
