import {
  hasLongIntegers,
  markChangedIntegers,
  toInt64,
  toUint64,
  unmarkIntegers,
} from "../../../mod/spec/number.ts";
import { assertEquals } from "../../support/assert.ts";

/** What reading makes of an integer, as text. */
function read(text: string): string {
  const document = markChangedIntegers({ a: [JSON.parse(text)] }, text);
  const [value] = (document as { a: unknown[] }).a;
  return `${typeof value} ${value}`;
}

Deno.test("markChangedIntegers() lets pass what a double holds", () => {
  assertEquals(read("9007199254740992"), "number 9007199254740992");
  assertEquals(read("9223372036854771712"), "number 9223372036854772000");
  assertEquals(read("-9223372036854775808"), "number -9223372036854776000");
  assertEquals(read("0.1234567890123456789"), "number 0.12345678901234568");
});

Deno.test("markChangedIntegers() lets pass both kinds of unlimited", () => {
  assertEquals(read("9223372036854775807"), "number 9223372036854776000");
  assertEquals(read("18446744073709551615"), "number 18446744073709552000");
});

Deno.test("markChangedIntegers() lets pass what JavaScript has written", () => {
  for (const number of [2 ** 63, 2 ** 64, 9223372036854771712]) {
    assertEquals(read(JSON.stringify(number)), `number ${number}`);
  }
});

Deno.test("markChangedIntegers() marks what a double changes", () => {
  assertEquals(read("9007199254740993"), "bigint 9007199254740993");
  assertEquals(read("-9007199254740993"), "bigint -9007199254740993");
  assertEquals(read("18446744073709551614"), "bigint 18446744073709551614");
});

Deno.test("markChangedIntegers() marks what has more than 64 bits", () => {
  assertEquals(read("18446744073709551616"), "bigint 18446744073709551616");
  assertEquals(read("1".padEnd(310, "0")), `bigint ${"1".padEnd(310, "0")}`);
});

Deno.test("unmarkIntegers() leaves nothing that JSON cannot write", () => {
  assertEquals(
    unmarkIntegers({ a: [1n], b: "1" }),
    { a: [1], b: "1" } as never,
  );
});

Deno.test("hasLongIntegers() is true from 16 digits on", () => {
  assertEquals(hasLongIntegers("123456789012345"), false);
  assertEquals(hasLongIntegers("1234567890123456"), true);
});

Deno.test("toInt64() and toUint64() give back the unlimited numbers", () => {
  assertEquals(String(toInt64(2 ** 63)), "9223372036854775807");
  assertEquals(String(toInt64(-(2 ** 63))), "-9223372036854775808");
  assertEquals(String(toInt64(-1)), "-1");
  assertEquals(String(toUint64(2 ** 64)), "18446744073709551615");
  assertEquals(String(toUint64(2 ** 63)), "9223372036854775808");
  assertEquals(String(toUint64(5)), "5");
});
