/**
 * What the tests use and no repository should hold: root file systems and
 * compiled programs, under .cache/fixtures. Each is made when it is missing,
 * beside its place and then renamed, so that half of one is never used.
 *
 * @module
 */

import { exists } from "../support/assert.ts";
import { checkout, fixtures, program } from "../support/fixture.ts";
import { osRelease, outputOf, perform } from "./packages.ts";

/** Users of the busybox root: name, uid and gid, home, shell. */
const PASSWD = `root:x:0:0:root:/root:/bin/sh
daemon:x:1:1:daemon:/:/bin/false
nobody:x:65534:65534:nobody:/:/bin/false
`;

/** Groups of the busybox root. */
const GROUP = `root:x:0:
daemon:x:1:
audio:x:29:daemon
nogroup:x:65534:
`;

/** Makes the root of busybox: one program, many names, two accounts' files. */
function makeBusybox(root: string): void {
  for (const folder of ["bin", "dev", "etc", "proc", "root", "sys", "usr"]) {
    Deno.mkdirSync(`${root}/${folder}`, { recursive: true });
  }
  Deno.mkdirSync(`${root}/tmp`);
  Deno.chmodSync(`${root}/tmp`, 0o1777);
  Deno.writeTextFileSync(`${root}/etc/passwd`, PASSWD);
  Deno.writeTextFileSync(`${root}/etc/group`, GROUP);

  const busybox = outputOf("sh", "-c", "command -v busybox")?.trim() ?? "";
  Deno.copyFileSync(busybox, `${root}/bin/busybox`);
  for (const name of outputOf(busybox, "--list")?.trim().split("\n") ?? []) {
    if (name !== "busybox") Deno.symlinkSync("busybox", `${root}/bin/${name}`);
  }
  // A busybox that needs libraries would fail here and not in a test.
  perform("chroot", [root, "/bin/true"]);
}

/** Where apt has this Debian from: its own archive's address and suite. */
function archive(): { readonly mirror: string; readonly suite: string } {
  const suite = osRelease()["VERSION_CODENAME"] ?? "";
  const targets = outputOf(
    ...["apt-get", "indextargets"] as const,
    ...["--format", "$(REPO_URI) $(CODENAME) $(COMPONENT)"],
    "Created-By: Packages",
  ) ?? "";
  for (const target of targets.split("\n")) {
    const [mirror, codename, component] = target.split(" ");
    if (mirror !== undefined && codename === suite && component === "main") {
      return { mirror, suite };
    }
  }
  throw new Error(
    `cannot make a Debian root: apt has no archive of "${suite}": run apt-get update`,
  );
}

/** The environment in which debootstrap asks the network as apt does. */
function proxyOfApt(): Record<string, string> {
  const line = outputOf("apt-config", "shell", "P", "Acquire::http::Proxy");
  const proxy = /^P='(.*)'$/m.exec(line ?? "")?.[1];
  return proxy === undefined ? {} : { http_proxy: proxy };
}

/** Makes a minimal Debian, of this machine's release and archive. */
function makeDebian(root: string): void {
  const { mirror, suite } = archive();
  // In a mount namespace of its own, which takes its mounts with it.
  perform("unshare", [
    ...["--mount", "--propagation=private", "debootstrap", "--variant=minbase"],
    ...[suite, root, mirror],
  ], proxyOfApt());
  Deno.removeSync(`${root}/var/cache/apt/archives`, { recursive: true });
}

/** The roots, by name. */
const ROOTS: Readonly<Record<string, (root: string) => void>> = {
  busybox: makeBusybox,
  debian: makeDebian,
};

/** Makes what is missing under .cache/fixtures, and says what it makes. */
export function makeFixtures(say: (line: string) => void): void {
  for (const [name, make] of Object.entries(ROOTS)) {
    const place = `${fixtures()}/${name}`;
    if (exists(place)) continue;
    say(`making the ${name} root file system`);
    const part = `${place}.part`;
    if (exists(part)) Deno.removeSync(part, { recursive: true });
    Deno.mkdirSync(part, { recursive: true });
    make(part);
    Deno.renameSync(part, place);
  }
  compilePrograms();
}

/** Compiles the programs of tests/testdata that are missing or older. */
function compilePrograms(): void {
  const folder = `${checkout()}/tests/testdata`;
  for (const { name } of Deno.readDirSync(folder)) {
    if (!name.endsWith(".c")) continue;
    const head = Deno.readTextFileSync(`${folder}/${name}`).split("\n")[0];
    const stem = name.slice(0, -".c".length);
    program(head?.includes("-shared") ? `${stem}.so` : stem);
  }
}
