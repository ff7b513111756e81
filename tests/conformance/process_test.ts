import {
  assertEquals,
  assertIncludes,
  assertMatch,
} from "../support/assert.ts";
import { makeBundle, outputOf, runOnce, shell } from "../support/bundle.ts";
import { isRunc } from "../support/runtime.ts";

Deno.test("the program gets its arguments as they are, empty ones and blanks too", async () => {
  const args = [
    "sh",
    "-c",
    'printf "[%s]" "$@"',
    "x",
    "a b",
    "",
    "$HOME",
    "ü\n",
  ];
  assertEquals(await outputOf({ args }), "[a b][][$HOME][ü\n]");
});

Deno.test("the program gets the env of the spec and nothing of the runtime's", async () => {
  const seen = await outputOf(
    {
      args: ["cat", "/proc/self/environ"],
      edit: (spec) => spec.process.env.push("A=b=c", "EMPTY=", "SPACE=a b"),
    },
    { env: { MARK: "inherited" } },
  );
  const env = seen.split("\0").filter((entry) => !entry.startsWith("HOME="));
  const wanted = ["PATH=/usr/sbin:/usr/bin:/sbin:/bin", "TERM=dumb", "A=b=c"];
  assertEquals(env.filter((e) => e !== ""), [...wanted, "EMPTY=", "SPACE=a b"]);
});

Deno.test("HOME comes from the container's passwd file when the spec has none", async () => {
  assertEquals(await shell("echo $HOME"), "/root");
});

Deno.test("HOME of the spec is kept", async () => {
  const home = await shell("echo $HOME", (spec) => {
    spec.process.env.push("HOME=/elsewhere");
  });
  assertEquals(home, "/elsewhere");
});

Deno.test("HOME is / for a uid that the passwd file lacks", async () => {
  const home = await shell("echo $HOME", (spec) => {
    spec.process.user = { uid: 4242, gid: 4242 };
  });
  assertEquals(home, "/");
});

Deno.test("the last of two entries with one key wins", async () => {
  const seen = await shell("echo $TWICE", (spec) => {
    spec.process.env.push("TWICE=first", "TWICE=second");
  });
  assertEquals(seen, "second");
});

Deno.test("the program starts in cwd", async () => {
  const cwd = await shell("pwd", (spec) => {
    spec.process.cwd = "/etc";
  });
  assertEquals(cwd, "/etc");
});

Deno.test("a cwd that is missing is created, with mode 0755", async () => {
  const seen = await shell("pwd; stat -c %a:%u . /made", (spec) => {
    spec.process.cwd = "/made/deep";
  });
  assertEquals(seen, "/made/deep\n755:0\n755:0");
});

Deno.test("a cwd that is a file is refused by create", async () => {
  const { code, stderr } = await runOnce({
    edit: (spec) => {
      spec.process.cwd = "/etc/passwd";
    },
  });
  assertMatch(String(code), /^(1|126|127|255)$/);
  assertIncludes(stderr, "not a directory");
});

Deno.test("a relative cwd is refused", async () => {
  const { code, stderr } = await runOnce({
    edit: (spec) => {
      spec.process.cwd = "etc";
    },
  });
  assertEquals(code, 1, stderr);
  assertMatch(stderr, /cwd/i);
});

Deno.test("a cwd that the user may not enter is reported by create", async () => {
  await using bundle = makeBundle({
    edit: (spec) => {
      spec.process.user = { uid: 1000, gid: 1000 };
      spec.process.cwd = "/private";
    },
  });
  Deno.mkdirSync(`${bundle.rootfs}/private`, { mode: 0o700 });
  const args = ["create", "--bundle", bundle.path, bundle.id];
  const { code, stderr } = await bundle.runtime(...args);
  // runc 1.1.5 enters it as root, and lets it be.
  if (isRunc()) return;
  assertEquals(code, 1);
  assertIncludes(stderr, "permission denied");
});

Deno.test("umask is 022 unless the spec says otherwise", async () => {
  assertEquals(await shell("umask"), "0022");
  const umask = await shell("umask", (spec) => {
    spec.process.user.umask = 0o027;
  });
  assertEquals(umask, "0027");
});

Deno.test("rlimits are the spec's, soft and hard", async () => {
  const seen = await shell("cat /proc/self/limits", (spec) => {
    spec.process.rlimits = [
      { type: "RLIMIT_NOFILE", soft: 100, hard: 200 },
      { type: "RLIMIT_CORE", soft: 0, hard: 0 },
      { type: "RLIMIT_NPROC", soft: 500, hard: 600 },
    ];
  });
  assertMatch(seen, /^Max open files +100 +200 /m);
  assertMatch(seen, /^Max core file size +0 +0 /m);
  assertMatch(seen, /^Max processes +500 +600 /m);
});

Deno.test("the soft limit of open files is the caller's where the spec has none", async () => {
  // A JavaScript engine, and Go since 1.19, raise their own: not ours to pass on.
  const seen = await outputOf(
    { args: ["sh", "-c", "ulimit -Sn; ulimit -Hn"] },
    // The caller is whoever starts the runtime: a shell.
    {
      wrap: ["prlimit", "--nofile=333:4000", "sh", "-c", '"$@"; exit $?', "sh"],
    },
  );
  if (isRunc()) assertMatch(seen, /\n4000$/);
  else assertEquals(seen, "333\n4000");
});

Deno.test("two rlimits of one type are refused", async () => {
  const { code } = await runOnce({
    edit: (spec) => {
      const limit = { type: "RLIMIT_NOFILE", soft: 100, hard: 200 };
      spec.process.rlimits = [limit, { ...limit, soft: 50 }];
    },
  });
  // The specification demands an error; runc 1.1.5 takes the last.
  if (!isRunc()) assertEquals(code, 1);
});

Deno.test("an rlimit of an unknown type is refused", async () => {
  const { code, stderr } = await runOnce({
    edit: (spec) => {
      const limit = { type: "RLIMIT_NONSENSE", soft: 1, hard: 1 };
      spec.process.rlimits = [limit];
    },
  });
  assertEquals(code, 1);
  assertIncludes(stderr, "RLIMIT_NONSENSE");
});

Deno.test("oomScoreAdj is set", async () => {
  const seen = await shell("cat /proc/self/oom_score_adj", (spec) => {
    spec.process.oomScoreAdj = 321;
  });
  assertEquals(seen, "321");
});

Deno.test("noNewPrivileges is set only where the spec asks for it", async () => {
  const read = (wanted: boolean) =>
    shell("grep NoNewPrivs /proc/self/status", (spec) => {
      spec.process.noNewPrivileges = wanted;
    });
  assertEquals(await read(true), "NoNewPrivs:\t1");
  assertEquals(await read(false), "NoNewPrivs:\t0");
});

Deno.test("the program leads a session of its own and ignores no signal", async () => {
  const args = ["sh", "-c", "cat /proc/self/stat; exec cat /proc/1/status"];
  const wrap = ["env", "--ignore-signal=USR1"];
  const seen = await outputOf({ args }, { wrap });
  // Fields 4 to 6 of its child: parent, process group, session.
  assertMatch(seen, /^\d+ \(cat\) . 1 1 1 /);
  // runc passes on what its caller ignores.
  if (!isRunc()) assertMatch(seen, /^SigIgn:\t0{16}$/m);
  assertMatch(seen, /^SigBlk:\t0{16}$/m);
  assertMatch(seen, /^SigCgt:\t0{15}/m);
});

Deno.test("args that are empty are refused", async () => {
  const { code, stderr } = await runOnce({ args: [] });
  assertEquals(code, 1);
  assertIncludes(stderr, "args");
});
