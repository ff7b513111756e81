/**
 * Running the runtime under test.
 *
 * Its standard streams are files: a detached container keeps them open, and a
 * pipe would keep the test waiting for its end.
 *
 * @module
 */
import { checkout } from "./fixture.ts";

/** Path of the runtime: `RUNTIME`, or the executable of this repository. */
export function runtimePath(): string {
  return Deno.env.get("RUNTIME") ?? `${checkout()}/dist/burrow`;
}

/**
 * Whether the tests are being proved on runc. Only for expectations where runc
 * truly differs; each such place says how.
 */
export function isRunc(): boolean {
  return runtimePath().split("/").pop()?.startsWith("runc") ?? false;
}

/** What a finished command left. */
export interface Result {
  /** Exit status; 128 and the signal's number when it died of one. */
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** How to start a command. */
export interface CommandOptions {
  readonly cwd?: string;
  readonly env?: Record<string, string>;
  /** Start from an empty environment. */
  readonly clearEnv?: boolean;
  /** What its standard input holds; empty by default. */
  readonly stdin?: string;
  /** More redirections in the shell's words, such as `7</etc/passwd`. */
  readonly redirect?: string;
  /** Command put in front, such as `unshare -m`. */
  readonly wrap?: readonly string[];
  /** The command is killed, and the test fails, after this long. */
  readonly deadlineMs?: number;
}

/** A command that runs. */
export interface Running {
  readonly pid: number;
  /** Its standard output up to now. */
  stdout(): string;
  /** Its standard error up to now. */
  stderr(): string;
  kill(signal: Deno.Signal): void;
  /** Waits for its end; throws when that is after the deadline. */
  finished(): Promise<Result>;
}

/** Children that Deno waits for, which nobody else may reap. */
const spawned = new Set<number>();

/** The pids of commands that were started here and not yet waited for. */
export function spawnedPids(): ReadonlySet<number> {
  return spawned;
}

/** Quotes a word for the shell. */
export function shellQuote(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`;
}

/** Starts a command with its output in files of the folder `scratch`. */
export function spawn(
  scratch: string,
  argv: readonly string[],
  options: CommandOptions = {},
): Running {
  const stem = `${scratch}/io-${crypto.randomUUID()}`;
  Deno.writeTextFileSync(`${stem}.in`, options.stdin ?? "");
  const redirect = [
    `<${shellQuote(`${stem}.in`)}`,
    `>>${shellQuote(`${stem}.out`)}`,
    `2>>${shellQuote(`${stem}.err`)}`,
    options.redirect ?? "",
  ].join(" ");
  const child = new Deno.Command("/bin/sh", {
    args: ["-c", `exec "$@" ${redirect}`, "sh", ...options.wrap ?? [], ...argv],
    stdin: "null",
    stdout: "null",
    stderr: "inherit",
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    ...(options.env === undefined ? {} : { env: options.env }),
    clearEnv: options.clearEnv ?? false,
  }).spawn();
  spawned.add(child.pid);
  const read = (end: string) => {
    try {
      return Deno.readTextFileSync(`${stem}.${end}`);
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return "";
      throw error;
    }
  };
  const finished = async (): Promise<Result> => {
    const deadlineMs = options.deadlineMs ?? 60_000;
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      child.kill("SIGKILL");
    }, deadlineMs);
    const status = await child.status;
    clearTimeout(timer);
    spawned.delete(child.pid);
    if (late) {
      throw new Error(
        `"${argv.join(" ")}" did not end within ${deadlineMs} ms: ` +
          read("out") + read("err"),
      );
    }
    return { code: status.code, stdout: read("out"), stderr: read("err") };
  };
  return {
    pid: child.pid,
    stdout: () => read("out"),
    stderr: () => read("err"),
    kill: (signal) => child.kill(signal),
    finished,
  };
}

/** Runs a command of the host to its end, and throws unless it exits 0. */
export function host(...argv: string[]): string {
  const [command = "", ...args] = argv;
  const { code, stdout, stderr } = new Deno.Command(command, { args })
    .outputSync();
  const text = new TextDecoder();
  if (code !== 0) {
    throw new Error(
      `"${argv.join(" ")}" exited ${code}: ${text.decode(stderr)}`,
    );
  }
  return text.decode(stdout);
}
