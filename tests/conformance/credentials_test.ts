import { assertEquals } from "../support/assert.ts";
import { outputOf } from "../support/bundle.ts";
import { parseStatus } from "../support/process.ts";
import type { BundleOptions } from "../support/bundle.ts";
import type { CapabilitySet, Spec } from "../support/spec.ts";

/** /proc/self/status of a program in the container. */
async function status(
  edit: NonNullable<BundleOptions["edit"]>,
): Promise<Record<string, string>> {
  const args = ["cat", "/proc/self/status"];
  return parseStatus(await outputOf({ args, edit }));
}

const BITS: Record<string, bigint> = {
  CAP_CHOWN: 0n,
  CAP_KILL: 5n,
  CAP_NET_BIND_SERVICE: 10n,
  CAP_SYS_ADMIN: 21n,
  CAP_AUDIT_WRITE: 29n,
};

/** The mask of named capabilities as status prints it. */
function mask(...names: string[]): string {
  const bits = names.map((name) => 1n << (BITS[name] ?? 0n));
  return bits.reduce((all, bit) => all | bit, 0n).toString(16).padStart(
    16,
    "0",
  );
}

const LINES: Record<CapabilitySet, string> = {
  inheritable: "CapInh",
  permitted: "CapPrm",
  effective: "CapEff",
  bounding: "CapBnd",
  ambient: "CapAmb",
};

/** The five sets as status prints them. */
function sets(seen: Record<string, string>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(LINES).map(([set, line]) => [set, seen[line] ?? ""]),
  );
}

Deno.test("uid, gid and additionalGids are the spec's", async () => {
  const seen = await status((spec) => {
    spec.process.user = { uid: 1000, gid: 2000, additionalGids: [30, 40] };
  });
  assertEquals(seen.Uid, "1000\t1000\t1000\t1000");
  assertEquals(seen.Gid, "2000\t2000\t2000\t2000");
  assertEquals(seen.Groups?.split(" "), ["30", "40"]);
});

Deno.test("supplementary groups of the caller are dropped where the spec names none", async () => {
  const args = ["cat", "/proc/self/status"];
  const text = await outputOf({
    args,
    edit: (spec) => {
      spec.process.user = { uid: 1000, gid: 2000 };
    },
  }, { wrap: ["setpriv", "--groups", "7,8"] });
  assertEquals(parseStatus(text).Groups, "");
});

Deno.test("each capability set is exactly the spec's for root", async () => {
  const seen = await status((spec) => {
    spec.process.capabilities = {
      bounding: ["CAP_CHOWN", "CAP_KILL", "CAP_SYS_ADMIN", "CAP_AUDIT_WRITE"],
      permitted: ["CAP_CHOWN", "CAP_KILL", "CAP_AUDIT_WRITE"],
      effective: ["CAP_CHOWN"],
      inheritable: ["CAP_KILL"],
      ambient: ["CAP_KILL"],
    };
  });
  // execve makes effective what is permitted, for root; no_new_privs keeps it
  // from making permitted what is bounding.
  const permitted = mask("CAP_CHOWN", "CAP_KILL", "CAP_AUDIT_WRITE");
  const all = ["CAP_CHOWN", "CAP_KILL", "CAP_SYS_ADMIN", "CAP_AUDIT_WRITE"];
  assertEquals(sets(seen), {
    inheritable: mask("CAP_KILL"),
    permitted,
    effective: permitted,
    bounding: mask(...all),
    ambient: mask("CAP_KILL"),
  });
});

Deno.test("an ordinary user holds what is ambient, and no more", async () => {
  const seen = await status((spec) => {
    spec.process.user = { uid: 1000, gid: 1000 };
    const both = ["CAP_KILL", "CAP_NET_BIND_SERVICE"];
    spec.process.capabilities = {
      bounding: [...both, "CAP_CHOWN"],
      permitted: both,
      effective: both,
      inheritable: ["CAP_KILL"],
      ambient: ["CAP_KILL"],
    };
  });
  const kill = mask("CAP_KILL");
  assertEquals(sets(seen), {
    inheritable: kill,
    permitted: kill,
    effective: kill,
    bounding: mask("CAP_KILL", "CAP_NET_BIND_SERVICE", "CAP_CHOWN"),
    ambient: kill,
  });
});

Deno.test("inheritable stays empty where the spec leaves it empty", async () => {
  // CVE-2022-27650 and CVE-2022-29162.
  const seen = await status(() => {});
  assertEquals(seen.CapInh, mask());
  assertEquals(seen.CapAmb, mask());
});

Deno.test("empty sets leave root without a capability", async () => {
  const none: Spec["process"]["capabilities"] = {
    bounding: [],
    permitted: [],
    effective: [],
    inheritable: [],
    ambient: [],
  };
  const seen = await status((spec) => {
    spec.process.capabilities = none;
  });
  assertEquals(Object.values(sets(seen)), Array(5).fill(mask()));
});

Deno.test("a capability that the kernel does not know is passed over", async () => {
  const seen = await status((spec) => {
    const names = ["CAP_KILL", "CAP_FROM_THE_FUTURE"];
    spec.process.capabilities = {
      bounding: names,
      permitted: names,
      effective: names,
      inheritable: [],
      ambient: [],
    };
  });
  assertEquals(seen.CapBnd, mask("CAP_KILL"));
});

Deno.test("no_new_privs and capabilities hold for an ordinary user too", async () => {
  const seen = await status((spec) => {
    spec.process.user = { uid: 65_534, gid: 65_534 };
  });
  assertEquals(seen.NoNewPrivs, "1");
  assertEquals(seen.CapEff, mask());
});
