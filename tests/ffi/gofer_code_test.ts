/**
 * The gofer's bytes are what the assembler makes of its source, and the file
 * built around them is a sound executable. With `--update` behind `--`, writes
 * the bytes to `ffi/gofer/code.ts` instead:
 *
 *     dist/deno test -A tests/ffi/gofer_code_test.ts -- --update
 */

import type { Arch } from "../../ffi/abi/arch.ts";
import { GOFER_CODE } from "../../ffi/gofer/code.ts";
import { BUFFER, BUFFER_SIZE, buildImage } from "../../ffi/gofer/image.ts";
import { assert, assertEquals, assertMatch, fail } from "../support/assert.ts";
import { checkout } from "../support/fixture.ts";

const ARCHES: readonly Arch[] = ["x86_64", "aarch64"];

/** Runs a command; fails the test where it fails or complains. */
function run(command: string, ...args: string[]): string {
  const { code, stdout, stderr } = new Deno.Command(command, {
    args,
    env: { LC_ALL: "C" },
  }).outputSync();
  const text = new TextDecoder();
  const said = text.decode(stderr);
  if (code !== 0 || said !== "") fail(`${command} exited ${code}: ${said}`);
  return text.decode(stdout);
}

/** Calls `use` with a folder that is gone afterwards. */
function inFolder<T>(use: (folder: string) => T): T {
  const folder = Deno.makeTempDirSync();
  try {
    return use(folder);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

/** The bytes of `.text` of an assembled source, in hexadecimal. */
function assemble(arch: Arch): string {
  const prefix = arch === Deno.build.arch ? "" : `${arch}-linux-gnu-`;
  return inFolder((folder) => {
    const object = `${folder}/gofer.o`;
    const source = `${checkout()}/ffi/gofer/${arch}.S`;
    run(`${prefix}as`, "-o", object, source);
    // What the source must not need: data, or a linker to move it.
    const sections = run("readelf", "-SW", object);
    assertMatch(sections, /\] \.data\s+PROGBITS\s+\S+ \S+ 000000 /);
    assert(!sections.includes("RELA"), "the code has relocations");
    const text = `${folder}/text`;
    run(`${prefix}objcopy`, "-O", "binary", "-j", ".text", object, text);
    return Deno.readFileSync(text).toHex();
  });
}

/** Writes the bytes into `code.ts`, in lines of 64 digits. */
function update(codes: Readonly<Record<Arch, string>>): void {
  const path = `${checkout()}/ffi/gofer/code.ts`;
  const head = Deno.readTextFileSync(path).split("= {\n")[0];
  const body = ARCHES.map((arch) => {
    const lines = codes[arch].match(/.{1,64}/g) ?? [];
    const text = lines.map((line) => `"${line}"`).join(" +\n    ");
    return `  ${arch}: ${text},\n`;
  });
  Deno.writeTextFileSync(path, `${head}= {\n${body.join("")}};\n`);
}

if (Deno.args.includes("--update")) {
  update({ x86_64: assemble("x86_64"), aarch64: assemble("aarch64") });
}

for (const arch of ARCHES) {
  Deno.test(`code.ts has what the assembler makes of ${arch}.S`, () => {
    if (Deno.args.includes("--update")) return;
    assertEquals(GOFER_CODE[arch], assemble(arch));
  });

  Deno.test(`buildImage() makes an executable of two segments for ${arch}`, () => {
    const image = buildImage(arch, 3);
    const told = inFolder((folder) => {
      Deno.writeFileSync(`${folder}/gofer`, image.bytes);
      return run("readelf", "-hlW", `${folder}/gofer`);
    });
    assertMatch(told, /Type:\s+EXEC/);
    assertMatch(
      told,
      arch === "x86_64" ? /Machine:.*X86-64/ : /Machine:\s+AArch64/,
    );
    const segments = [...told.matchAll(
      /^\s+(LOAD|GNU_STACK) +(\S+) (\S+) \S+ (\S+) (\S+) (.{3}) (\S+)$/gm,
    )].map(([, type, ...rest]) => {
      const [offset, address, inFile, inMemory, flags = "", align] = rest;
      const numbers = [offset, address, inFile, inMemory, align].map(Number);
      return [type, flags.replaceAll(" ", ""), ...numbers];
    });
    const size = image.bytes.length;
    assertEquals(segments, [
      ["LOAD", "RE", 0, 0x10000000, size, size, 0x10000],
      ["LOAD", "RW", 0, BUFFER, 0, BUFFER_SIZE, 0x10000],
      ["GNU_STACK", "RW", 0, 0, 0, 0, 0x10000],
    ]);
    const entry = Number(/Entry point address:\s+(\S+)/.exec(told)?.[1]);
    const code = GOFER_CODE[arch];
    const at = entry - 0x10000000;
    assertEquals(
      image.bytes.slice(at, at + code.length / 2).toHex(),
      code,
      "what lies at the entry point",
    );
    assertEquals(image.listen, entry + code.length / 2, "listen");
    assert(size <= 1024, `the image has ${size} bytes`);
  });
}

Deno.test("buildImage() differs by the control socket in one byte only", () => {
  const [three, nine] = [buildImage("x86_64", 3), buildImage("x86_64", 9)];
  const differ = [...three.bytes].flatMap((byte, i) =>
    byte === nine.bytes[i] ? [] : [[byte, nine.bytes[i]]]
  );
  assertEquals(differ, [[3, 9]]);
});
