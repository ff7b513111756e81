/**
 * The engines' own profiles: they load, hold, and let ordinary programs be.
 */
import { assertEquals } from "../support/assert.ts";
import { outputOf } from "../support/bundle.ts";
import { engineProfile, setSeccomp } from "../support/engine_profile.ts";

const X86 = Deno.build.arch === "x86_64";

/** What no container may do without a capability, by number. */
const REFUSED = X86
  ? [164, 169, 170, 171, 172, 175, 246, 298, 304, 313, 320, 321, 323]
  : [142, 161, 162, 170, 104, 105, 241, 265, 273, 280, 282];

for (const [engine, errno] of [["podman", undefined], ["docker", 1]] as const) {
  for (const noNewPrivileges of [true, false]) {
    for (const uid of [0, 1000]) {
      const who = `${engine}'s profile, user ${uid}, ` +
        `noNewPrivileges ${noNewPrivileges}`;

      Deno.test(`${who}: what is refused stays refused`, async () => {
        const calls = REFUSED.map((nr) => `${nr}:-1`);
        const output = await outputOf({
          programs: ["system_call"],
          args: ["/test/system_call", ...calls, "9999"],
          edit: (spec) => {
            spec.process.noNewPrivileges = noNewPrivileges;
            spec.process.user = { uid, gid: uid };
            setSeccomp(spec, engineProfile([], errno));
          },
        });
        assertEquals(output.split("\n"), [
          ...REFUSED.map(() => "= -1"),
          "= -38",
        ]);
      });

      Deno.test(`${who}: ordinary programs and a startContainer hook run`, async () => {
        const script = "ls / | sort | head -1; (sleep 0.01; echo late) & " +
          "wait; perl -e 'print 6*7, qq(\\n)'; tar -c /etc/passwd | wc -c; " +
          "id -u; cat /dev/null; exec bash -c 'echo $((1 + 1))'";
        const output = await outputOf({
          rootfs: "debian",
          args: ["sh", "-c", script],
          edit: (spec) => {
            spec.process.noNewPrivileges = noNewPrivileges;
            spec.process.user = { uid, gid: uid };
            spec.hooks = {
              startContainer: [{
                path: "/bin/sh",
                args: ["sh", "-c", "cat && ls /proc/self/fd"],
              }],
            };
            setSeccomp(spec, engineProfile([], errno));
          },
        });
        assertEquals(output.split("\n"), [
          "bin",
          "late",
          "42",
          "10240",
          `${uid}`,
          "2",
        ]);
      });
    }
  }
}
