import { assertEquals } from "../../support/assert.ts";
import { readHead } from "../../../mod/process/diagnose.ts";

/** The head of a file with these bytes. */
function head(bytes: Uint8Array | string) {
  const all = typeof bytes === "string"
    ? new TextEncoder().encode(bytes)
    : bytes;
  return readHead((offset, size) => all.slice(offset, offset + size));
}

for (
  const [text, path, crlf] of [
    ["#!/bin/sh\n", "/bin/sh", false],
    ["#! \t/usr/bin/env -S deno run\nx", "/usr/bin/env", false],
    ["#!/bin/sh\r\n", "/bin/sh\r", true],
    ["#!/bin/sh -e\r\n", "/bin/sh", true],
    ["#!\n", "", false],
    ["#!/no/end", "/no/end", false],
  ] as const
) {
  Deno.test(`readHead() finds the interpreter of ${JSON.stringify(text)}`, () => {
    assertEquals(head(text), { kind: "script", path, crlf });
  });
}

/** A program of 64 bits whose loader is at the end. */
function program(loader: string, machine: number): Uint8Array {
  const text = new TextEncoder().encode(`${loader}\0`);
  const bytes = new Uint8Array(120 + text.length);
  const view = new DataView(bytes.buffer);
  bytes.set([0x7f, 0x45, 0x4c, 0x46, 2, 1]);
  view.setUint16(18, machine, true);
  view.setBigUint64(32, 64n, true);
  view.setUint16(54, 56, true);
  view.setUint16(56, 1, true);
  view.setUint32(64, 3, true);
  view.setBigUint64(64 + 8, 120n, true);
  view.setBigUint64(64 + 32, BigInt(text.length), true);
  bytes.set(text, 120);
  return bytes;
}

Deno.test("readHead() finds a program's machine and loader", () => {
  assertEquals(head(program("/lib/ld.so", 183)), {
    kind: "elf",
    machine: 183,
    bits: 64,
    bigEndian: false,
    loader: "/lib/ld.so",
  });
});

Deno.test("readHead() survives programs whose tables lead nowhere", () => {
  for (let at = 4; at < 120; at++) {
    for (const value of [0, 0x7f, 0xff]) {
      const bytes = program("/lib/ld.so", 62);
      bytes.fill(value, at, at + 8);
      head(bytes);
      head(bytes.slice(0, at));
    }
  }
});

Deno.test("readHead() tells an empty file from an unknown one", () => {
  assertEquals(head(""), { kind: "empty" });
  assertEquals(head("hello"), { kind: "unknown" });
});
