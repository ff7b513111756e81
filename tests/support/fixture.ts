/**
 * What the tests stand on: root file systems and small C programs, made once
 * under `.cache/fixtures`.
 *
 * @module
 */

/** Top of the checkout, without a slash at its end. */
export function checkout(): string {
  return new URL("../..", import.meta.url).pathname.replace(/\/$/, "");
}

/** Where the fixtures are. */
export function fixtures(): string {
  return `${checkout()}/.cache/fixtures`;
}

/** The folder of a root file system that the test command prepared. */
export function rootFixture(name: "busybox" | "debian"): string {
  const path = `${fixtures()}/${name}`;
  try {
    Deno.statSync(`${path}/bin/sh`);
  } catch (cause) {
    throw new Error(`no fixture "${path}": run the test command`, { cause });
  }
  return path;
}

/**
 * The executable (or, for a name that ends in `.so`, the library) of a C file
 * in `tests/testdata`, compiled if there is none or it is older than its
 * source. A comment on its first line, `cc: FLAGS`, says how.
 */
export function program(name: string): string {
  const source = `${checkout()}/tests/testdata/${name.replace(/\.so$/, "")}.c`;
  const target = `${fixtures()}/bin/${name}`;
  const age = Deno.statSync(source).mtime?.getTime() ?? 0;
  try {
    const made = Deno.statSync(target).mtime?.getTime() ?? 0;
    if (made >= age) return target;
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  Deno.mkdirSync(`${fixtures()}/bin`, { recursive: true });
  const first = Deno.readTextFileSync(source).split("\n")[0] ?? "";
  const flags = /^\/\* cc: (.*) \*\/$/.exec(first)?.[1]?.split(" ") ?? [];
  const scratch = `${target}.${Deno.pid}`;
  const { success, stderr } = new Deno.Command("cc", {
    args: ["-O1", "-Wall", "-Wextra", "-Werror", ...flags]
      .concat(["-o", scratch, source]),
  }).outputSync();
  if (!success) {
    throw new Error(`cc "${source}": ${new TextDecoder().decode(stderr)}`);
  }
  Deno.renameSync(scratch, target);
  return target;
}
