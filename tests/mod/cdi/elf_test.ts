import { readElf, readSection } from "../../../mod/cdi/elf.ts";
import { parseLdCache } from "../../../mod/cdi/ldcache.ts";
import { assert, assertEquals } from "../../support/assert.ts";
import { makeElf, pieces } from "../../support/elf.ts";

Deno.test("readElf() reads machine, soname and loader", () => {
  assertEquals(readElf(pieces(makeElf({ soname: "libx.so.1", machine: 62 }))), {
    machine: 62,
    soname: "libx.so.1",
    interpreted: false,
  });
  assertEquals(readElf(pieces(makeElf({ machine: 183, interpreted: true }))), {
    machine: 183,
    interpreted: true,
  });
});

Deno.test("readElf() reads the programs of this host", () => {
  const bytes = Deno.readFileSync("/bin/sh");
  assertEquals(readElf(pieces(bytes))?.interpreted, true);
  assertEquals(readSection(pieces(bytes), ".interp")?.at(0), 0x2f);
  assertEquals(readSection(pieces(bytes), ".nonesuch"), undefined);
});

Deno.test("readElf() has nothing to say of what is no ELF file of 64 bits", () => {
  const small = makeElf({ soname: "x" });
  small[4] = 1; // 32 bits
  for (const bytes of [new Uint8Array(), new Uint8Array(4096), small]) {
    assertEquals(readElf(pieces(bytes)), undefined);
    assertEquals(readSection(pieces(bytes), "x"), undefined);
  }
});

Deno.test("readElf() and readSection() survive any byte being any other", () => {
  const bytes = makeElf({
    soname: "libx.so.1",
    section: { name: ".s", bytes: new Uint8Array(8) },
  });
  const places = [...Array(0x100).keys(), ...Array(0x100).keys()].map((i, k) =>
    k < 0x100 ? i : 0x400 + i
  ).concat([...Array(0xc0).keys()].map((i) => 0x600 + i));
  for (const place of places) {
    for (const value of [0, 1, 0x7f, 0x80, 0xff]) {
      const broken = bytes.slice();
      broken[place] = value;
      readElf(pieces(broken));
      readSection(pieces(broken), ".s");
    }
  }
});

Deno.test("readElf() survives a file that is cut anywhere", () => {
  const bytes = makeElf({ soname: "libx.so.1" });
  for (let size = 0; size < 0x600; size += 7) {
    readElf(pieces(bytes.subarray(0, size)));
  }
});

/** Makes a cache of pairs, behind an old one where asked. */
function makeCache(
  pairs: readonly (readonly [string, string])[],
  old = false,
): Uint8Array {
  const text = new TextEncoder();
  const start = old ? (16 + 12 + 7) & ~7 : 0;
  const strings = pairs.flat().map((word) => text.encode(`${word}\0`));
  const base = 48 + 24 * pairs.length;
  const bytes = new Uint8Array(
    start + base + strings.reduce((n, s) => n + s.length, 0),
  );
  const data = new DataView(bytes.buffer);
  if (old) {
    bytes.set(text.encode("ld.so-1.7.0"));
    data.setUint32(12, 1, true);
  }
  bytes.set(text.encode("glibc-ld.so.cache1.1"), start);
  data.setUint32(start + 20, pairs.length, true);
  let at = base;
  strings.forEach((word, i) => {
    bytes.set(word, start + at);
    const entry = start + 48 + 24 * (i >> 1);
    data.setUint32(entry + (i % 2 === 0 ? 4 : 8), at, true);
    at += word.length;
  });
  return bytes;
}

Deno.test("parseLdCache() reads the new format, also behind the old one", () => {
  const pairs = [["libcuda.so.1", "/odd/libcuda.so.1"], ["b", "/c"]] as const;
  for (const old of [false, true]) {
    assertEquals(
      parseLdCache(makeCache(pairs, old)),
      pairs.map(([name, path]) => ({ name, path })),
    );
  }
});

Deno.test("parseLdCache() agrees with ldconfig -p on this host", () => {
  const { stdout } = new Deno.Command("/sbin/ldconfig", { args: ["-p"] })
    .outputSync();
  const told = new TextDecoder().decode(stdout).split("\n")
    .flatMap((line) => {
      const [, name, path] = /^\t(\S+) \(.*\) => (.*)$/.exec(line) ?? [];
      return name === undefined ? [] : [`${name} ${path}`];
    });
  const read = parseLdCache(Deno.readFileSync("/etc/ld.so.cache"))
    .map(({ name, path }) => `${name} ${path}`);
  assert(read.length > 0);
  assertEquals(read.sort(), told.sort());
});

Deno.test("parseLdCache() reads nothing of what is broken", () => {
  assertEquals(parseLdCache(new Uint8Array()), []);
  assertEquals(parseLdCache(new Uint8Array(100)), []);
  const cut = makeCache([["a", "/b"], ["c", "/d"]]);
  for (let size = 0; size < cut.length; size++) {
    parseLdCache(cut.subarray(0, size));
  }
});
