import {
  faultOfDeviceName,
  faultOfKind,
  faultOfWord,
  isQualifiedName,
  nearestNames,
  parseQualifiedName,
} from "../../../mod/cdi/name.ts";
import { assert, assertEquals, assertMatch } from "../../support/assert.ts";
import { refusal } from "../spec/refusal.ts";

Deno.test("parseQualifiedName() cuts at the first = and the first / before it", () => {
  assertEquals(parseQualifiedName("nvidia.com/gpu=GPU-1:0"), {
    vendor: "nvidia.com",
    class: "gpu",
    name: "GPU-1:0",
  });
});

Deno.test("parseQualifiedName() takes what the library takes", () => {
  const names = ["a/b=c", "a_b/c-d=e.f", "Vendor.COM/X=0", "a/b=1:0", "a/b=9"];
  for (const name of names) assert(isQualifiedName(name), name);
});

Deno.test("parseQualifiedName() refuses what the library refuses", () => {
  const names = [
    ...["", "a", "a/b", "a/b=", "/b=c", "a/=c", "a=c", "/dev/a/b=c"],
    ...["a/b=c=d", "a/b=c/d", "9a/b=c", "a/9b=c", " a/b=c", "a/b=c "],
    ...["a-/b=c", "a/b-=c", "a/b=c-", "a/b=-c", "a/b=:c", "a/b/c=d", "a/b=é"],
    ...["a/b=c\n", "a\n/b=c"],
  ];
  for (const name of names) {
    assert(!isQualifiedName(name), JSON.stringify(name));
    assertMatch(refusal(() => parseQualifiedName(name)), /^CDI device "/);
  }
});

Deno.test("a vendor or class of one letter is one", () => {
  assertEquals([faultOfWord("a"), faultOfKind("a/b")], [undefined, undefined]);
});

Deno.test("a device's name may hold a colon, but not begin or end with it", () => {
  assertEquals(faultOfDeviceName("0:1"), undefined);
  assert(faultOfDeviceName("0:") !== undefined);
  assert(faultOfDeviceName(":0") !== undefined);
});

Deno.test("a kind with two slashes has a fault of its class", () => {
  assertMatch(faultOfKind("a/b/c") ?? "", /^vendor\/class, the class /);
});

Deno.test("nearestNames() puts names of the same kind first, then like ones", () => {
  const names = ["v.test/gpu=0", "v.test/gpu=1", "w.test/gpu=9", "x/y=z"];
  assertEquals(nearestNames("v.test/gpu=11", names), [
    "v.test/gpu=1",
    "v.test/gpu=0",
    "w.test/gpu=9",
  ]);
});

Deno.test("nearestNames() finds the device of a bare name, and nothing like none", () => {
  assertEquals(nearestNames("all", ["v/gpu=all", "v/gpu=0"]), ["v/gpu=all"]);
  assertEquals(nearestNames("nothing.like/it=x", ["v/gpu=all"]), []);
});
