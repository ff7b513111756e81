import { callError } from "../../ffi/call.ts";
import { errnoName, errnoText, SyscallError } from "../../ffi/errno.ts";
import { close, openat } from "../../ffi/file.ts";
import { libc } from "../../ffi/libc.ts";
import { local } from "../../ffi/local.ts";
import { assert, assertEquals, fail } from "../support/assert.ts";

libc(); // Opened before the first test: it stays open.

/** Numbers by name, as the C preprocessor has them. */
function errnoOfC(): Map<string, number> {
  const { stdout } = new Deno.Command("sh", {
    args: ["-c", "echo '#include <errno.h>' | gcc -E -dM -"],
  }).outputSync();
  const text = new TextDecoder().decode(stdout);
  const found = text.matchAll(/^#define (E[A-Z0-9]+) (\w+)$/gm);
  const table = new Map(
    [...found].map(([, name = "", value]) => [name, value]),
  );
  return new Map([...table].map(([name, value]) => [
    name,
    // EWOULDBLOCK and its like are other names.
    Number(table.get(value ?? "") ?? value),
  ]));
}

Deno.test("errnoName() gives the names of errno.h", () => {
  const c = errnoOfC();
  const known = Array.from({ length: 4096 }, (_, errno) => errno)
    .filter((errno) => errnoName(errno) !== `E${errno}`);
  for (const errno of known) assertEquals(c.get(errnoName(errno)), errno);
  assert(known.length > 50, `only ${known.length} names`);
});

Deno.test("an errno without a name is told by its number", () => {
  assertEquals(errnoName(4095), "E4095");
  assertEquals(errnoText(4095), "errno 4095");
  assertEquals(
    new SyscallError("mount", "", 4095).message,
    "mount: errno 4095",
  );
});

Deno.test("SyscallError says call, object and reason in one line", () => {
  const error = callError(openat(-100, "/no/such", 0), -2);
  assertEquals(
    error.message,
    'openat "/no/such": no such file or directory',
  );
  assertEquals([error.syscall, error.object, error.errno, error.code], [
    "openat",
    '"/no/such"',
    2,
    "ENOENT",
  ]);
});

Deno.test("errno is read right after each call, whatever is allocated", () => {
  const failing = [
    [close(-1), "EBADF"],
    [openat(-100, "/no/such", 0), "ENOENT"],
    [openat(-100, "/dev/null/x", 0), "ENOTDIR"],
    [openat(-1, "x", 0), "EBADF"],
  ] as const;
  let kept: unknown[] = [];
  for (let i = 0; i < 100_000; i++) {
    const [call, code] = failing[i % failing.length] ?? failing[0];
    try {
      local.run(call);
    } catch (error) {
      if (error instanceof SyscallError && error.code === code) {
        // What makes the collector run between two calls.
        kept.push({ error, text: `${i}`.repeat(8), bytes: new Uint8Array(64) });
        if (kept.length > 1000) kept = [];
        continue;
      }
      throw error;
    }
    fail(`${call.syscall} did not fail`);
  }
});
