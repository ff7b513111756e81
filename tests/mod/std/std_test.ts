import { parseArgs } from "@std/cli/parse-args";
import { parse } from "@std/jsonc";
import { basename, dirname, isAbsolute, join, normalize } from "@std/path";
import { relative, resolve } from "@std/path";

/** Fails unless two values are the same as JSON. */
function assertSame(actual: unknown, wanted: unknown): void {
  const [a, b] = [JSON.stringify(actual), JSON.stringify(wanted)];
  if (a !== b) throw new Error(`got ${a}, wanted ${b}`);
}

Deno.test("parseArgs() gives each declared option its declared type", () => {
  const args = parseArgs(
    ["--keep", "--bundle", "/b", "--rw", "x", "--rw=y", "c1", "--", "-x"],
    {
      boolean: ["keep", "all"],
      string: ["bundle", "root", "rw", "_"],
      collect: ["rw"],
      "--": true,
    },
  );
  // Each assignment is checked by the compiler.
  const keep: boolean = args.keep;
  const bundle: string | undefined = args.bundle;
  const rw: string[] = args.rw;
  const operands: string[] = args._;
  const rest: string[] = args["--"];
  assertSame([keep, args.all, bundle, args.root ?? null, rw, operands, rest], [
    true,
    false,
    "/b",
    null,
    ["x", "y"],
    ["c1"],
    ["-x"],
  ]);
});

Deno.test("parseArgs() asks unknown() about an option in no list", () => {
  const asked: string[] = [];
  parseArgs(["--nope=1", "-q"], {
    boolean: ["keep"],
    unknown: (arg, key) => void asked.push(`${arg} ${key}`),
  });
  assertSame(asked, ["--nope=1 nope", "-q q"]);
});

Deno.test("parse() of jsonc accepts comments and trailing commas", () => {
  assertSame(parse('{"a": [1, /* two */ 2,], // three\n}'), { a: [1, 2] });
});

Deno.test("parse() of jsonc refuses what is not JSON", () => {
  let thrown: unknown;
  try {
    parse('{"a": }');
  } catch (error) {
    thrown = error;
  }
  if (!(thrown instanceof SyntaxError)) throw new Error(`got ${thrown}`);
});

Deno.test("@std/path works on text alone, as on Linux", () => {
  assertSame(join("/a", "..", "b"), "/b");
  assertSame(normalize("/a//b/./c/.."), "/a/b");
  assertSame([dirname("/a/b"), basename("/a/b")], ["/a", "b"]);
  assertSame([isAbsolute("a\\b"), isAbsolute("/a")], [false, true]);
  assertSame(relative("/a/b", "/a/c"), "../c");
  assertSame(resolve("/a", "b"), "/a/b");
});
