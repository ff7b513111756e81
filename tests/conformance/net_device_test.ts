import {
  assertEquals,
  assertIncludes,
  assertMatch,
} from "../support/assert.ts";
import { makeBundle } from "../support/bundle.ts";
import { isRunc } from "../support/runtime.ts";
import { mapUser, type Spec } from "../support/spec.ts";

/** What a script of the container prints. */
interface Seen {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * Runs a script in a container, from a network namespace of its own that has
 * one end of a pair of devices, `bw0`, set up as `commands` say.
 */
async function withDevice(
  script: string,
  netDevices: Record<string, { name?: string }>,
  commands: string[] = [],
  edit: (spec: Spec) => void = () => {},
): Promise<Seen> {
  await using bundle = makeBundle({
    args: ["sh", "-c", script],
    edit: (spec) => {
      Object.assign(spec.linux, { netDevices });
      edit(spec);
    },
  });
  const setup = ["ip link add bw0 type veth peer name bw1", ...commands]
    .join(" && ");
  const wrap = ["unshare", "--net", "sh", "-c", `${setup} && exec "$@"`, "sh"];
  return await bundle.run({ wrap });
}

/** Names of all devices, one a line. */
const NAMES = "ls /sys/class/net";

Deno.test("linux.netDevices moves a device into the container", async () => {
  const { stdout, stderr } = await withDevice(NAMES, { bw0: {} });
  // runc knows network devices from 1.4 on.
  if (!isRunc()) assertEquals(stdout, "bw0\nlo\n", stderr);
});

Deno.test("linux.netDevices gives a device its new name, and sets it up", async () => {
  const { stdout, stderr } = await withDevice(
    `${NAMES}; ip -o link show eth7 | grep -o '[<,]UP[,>]'`,
    { bw0: { name: "eth7" } },
    ["ip link set bw1 up"],
  );
  if (!isRunc()) assertMatch(stdout, /^eth7\nlo\n[<,]UP[,>]$/m, stderr);
});

Deno.test("linux.netDevices takes the first free name of a template", async () => {
  const { stdout, stderr } = await withDevice(
    NAMES,
    { bw0: { name: "net%d" }, bw2: { name: "net%d" } },
    ["ip link add bw2 type veth peer name bw3"],
  );
  if (!isRunc()) assertEquals(stdout, "lo\nnet0\nnet1\n", stderr);
});

Deno.test("linux.netDevices keeps addresses, the hardware address and the MTU", async () => {
  const { stdout, stderr } = await withDevice(
    "ip addr show eth0; cat /sys/class/net/eth0/mtu",
    { bw0: { name: "eth0" } },
    [
      "ip link set bw0 address 02:00:00:00:00:07 mtu 1432",
      "ip addr add 10.11.12.13/24 dev bw0",
      "ip addr add 10.11.12.14/32 dev bw0",
      "ip addr add fd00::7/64 dev bw0",
      "ip addr add 10.99.0.1/24 scope link dev bw0",
    ],
  );
  if (isRunc()) return;
  for (const text of ["10.11.12.13/24", "10.11.12.14/32", "fd00::7/64"]) {
    assertIncludes(stdout, text, stderr);
  }
  assertIncludes(stdout, "02:00:00:00:00:07");
  assertMatch(stdout, /^1432$/m);
  // Only what is good everywhere goes along.
  assertEquals(stdout.includes("10.99.0.1"), false, stdout);
});

Deno.test("linux.netDevices moves a device into a user namespace's network", async () => {
  const { stdout, stderr } = await withDevice(
    NAMES,
    { bw0: { name: "eth0" } },
    [],
    mapUser,
  );
  if (!isRunc()) assertEquals(stdout, "eth0\nlo\n", stderr);
});

Deno.test("linux.netDevices names a device that is not there", async () => {
  const { code, stderr } = await withDevice("true", { nosuch0: {} });
  if (isRunc()) return;
  assertEquals(code, 1);
  assertIncludes(stderr, 'linux.netDevices: "nosuch0"');
  assertIncludes(stderr, "has no such device");
});

Deno.test("linux.netDevices refuses a name that is taken", async () => {
  const { code, stderr } = await withDevice("true", { bw0: { name: "lo" } });
  if (isRunc()) return;
  assertEquals(code, 1);
  assertIncludes(stderr, "the container has a device");
});

Deno.test("linux.netDevices without a network namespace is refused", async () => {
  const { code, stderr } = await withDevice("true", { bw0: {} }, [], (spec) => {
    spec.linux.namespaces = spec.linux.namespaces
      .filter(({ type }) => type !== "network");
  });
  if (isRunc()) return;
  assertEquals(code, 1);
  assertIncludes(stderr, "network");
});
