import { assertEquals } from "../../support/assert.ts";
import { jsonText, listed, readStats } from "../../../mod/cgroups/stats.ts";
import { completeV2 } from "../../../mod/cgroups/update.ts";

Deno.test("readStats() reads a v2 cgroup, with all digits of its numbers", () => {
  const directory = Deno.makeTempDirSync();
  const files = {
    "cpu.stat": "usage_usec 7\nuser_usec 4\nsystem_usec 3\nnr_periods 2\n",
    "cpu.pressure": "some avg10=1.50 avg60=0.00 avg300=0.00 total=9\n",
    "memory.current": "1000\n",
    "memory.max": "max\n",
    "memory.peak": "2000\n",
    "memory.swap.current": "10\n",
    "memory.swap.max": "0\n",
    "memory.stat": "anon 5\nfile 6\nkernel 7\n",
    "memory.events": "low 0\nmax 3\noom_kill 1\n",
    "pids.current": "3\n",
    "pids.max": "max\n",
    "io.stat": "8:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=0 dios=0\n",
    "hugetlb.2MB.current": "0\n",
  };
  for (const [name, text] of Object.entries(files)) {
    Deno.writeTextFileSync(`${directory}/${name}`, text);
  }
  const text = jsonText(
    readStats({ mode: "unified", paths: { "": directory } }),
  );
  Deno.removeSync(directory, { recursive: true });
  const { cpu, memory, pids, blkio, hugetlb } = JSON.parse(text);
  assertEquals(cpu.usage, { total: 7000, kernel: 3000, user: 4000 });
  assertEquals(cpu.psi.some, { avg10: 1.5, avg60: 0, avg300: 0, total: 9 });
  assertEquals(memory.usage.usage, 1000);
  assertEquals(memory.usage.failcnt, 3);
  assertEquals(memory.swap.usage, 1010);
  assertEquals(memory.raw.anon, 5);
  assertEquals(pids, { current: 3, limit: 0 });
  assertEquals(blkio.ioServicedRecursive[1], {
    major: 8,
    minor: 0,
    op: "Write",
    value: 4,
  });
  assertEquals(Object.keys(hugetlb), ["2MB"]);
  // 2^64 - 1, which no double holds.
  assertEquals(text.includes('"limit":18446744073709551615'), true);
});

Deno.test("listed() reads lists of CPUs", () => {
  assertEquals(listed("0-2,7").map(Number), [0, 1, 2, 7]);
  assertEquals(listed("").length, 0);
});

Deno.test("completeV2() keeps the half of a pair that is not named", () => {
  const files: Record<string, string> = {
    "cpu.max": "20000 50000",
    "memory.max": "4096",
  };
  const read = (name: string) => files[name];
  assertEquals(completeV2({ cpu: { quota: 10_000 } }, read).cpu, {
    quota: 10_000,
    period: 50_000,
  });
  assertEquals(completeV2({ cpu: { period: 10_000 } }, read).cpu, {
    period: 10_000,
    quota: 20_000,
  });
  assertEquals(completeV2({ memory: { swap: 8192 } }, read).memory, {
    swap: 8192,
    limit: 4096,
  });
  const both = { cpu: { quota: 1000, period: 2000, shares: 5 } };
  assertEquals(completeV2(both, read), both);
});
