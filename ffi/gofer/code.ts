/**
 * The gofer's machine code, assembled from `x86_64.S` and `aarch64.S` beside
 * this file. `tests/ffi/gofer_code_test.ts` assembles them again and compares;
 * this writes the file anew:
 *
 *     dist/deno test -A tests/ffi/gofer_code_test.ts -- --update
 *
 * @module
 */

import type { Arch } from "../abi/arch.ts";

/** The bytes of `.text`, in hexadecimal. */
export const GOFER_CODE: Readonly<Record<Arch, string>> = {
  x86_64: "488d1da1000000448b7b04488b7b08410fbae7087303488b3f488b7310410fba" +
    "e7097303488b36488b5318410fbae70a7303488b124c8b5320410fbae70b7303" +
    "4d8b124c8b4328410fbae70c73034d8b004c8b4b30410fbae70d73034d8b098b" +
    "030f05488b53384885d27403488902483d01f0ffff7209488b53404885d27519" +
    "488b534841f6c702750f41f6c70174054885c07404488d53504889d3e966ffff" +
    "ff0f1f8000000000",
  aarch64: "93040010740640b9600640f954004036000040f9610a40f954004836210040f9" +
    "620e40f954005036420040f9631240f954005836630040f9641640f954006036" +
    "840040f9651a40f954006836a50040f9680240b9010000d4691e40f9490000b4" +
    "200100f91ffc3fb163000054692240f9c90000b5692640f99400083754000036" +
    "400000b469420191f30309aadeffff17",
};
