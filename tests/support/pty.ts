/**
 * A terminal as a person has one: the runtime is called on it, the test types
 * and reads the screen.
 *
 * @module
 */
import { eventually } from "./assert.ts";
import type { Bundle } from "./bundle.ts";
import { host, type Result, type Running } from "./runtime.ts";

const O_RDWR = 2;
const O_NOCTTY = 0o400;
const O_NONBLOCK = 0o4000;
const O_CLOEXEC = 0o2000000;
const TIOCSWINSZ = 0x5414n;

/** The terminal. */
export interface TestPty extends Disposable {
  /** Where it is, such as `/dev/pts/7`. */
  readonly path: string;
  /** The shell's words that make it the standard streams of a command. */
  readonly redirect: string;
  /** Types. */
  type(text: string): void;
  /** All that it has shown up to now. */
  screen(): string;
  /** Waits until it shows something. */
  shows(text: string): Promise<void>;
  /** Changes its size, as a window manager does. */
  resize(rows: number, columns: number): void;
  /** Its modes, in the words of `stty -g`. */
  modes(): string;
  /** Starts the runtime on it, as the leader of a session. */
  spawn(bundle: Bundle, ...args: string[]): Running;
  /** `run` of a bundle on it. */
  run(bundle: Bundle): Running;
  /** Waits for the end of a command, reading the screen meanwhile. */
  finished(running: Running): Promise<Result>;
}

/** Opens the few functions of libc that Deno has no words for. */
function openLibc() {
  const library = Deno.dlopen("libc.so.6", {
    posix_openpt: { parameters: ["i32"], result: "i32" },
    unlockpt: { parameters: ["i32"], result: "i32" },
    ptsname_r: { parameters: ["i32", "buffer", "usize"], result: "i32" },
    ioctl: { parameters: ["i32", "u64", "buffer"], result: "i32" },
    read: { parameters: ["i32", "buffer", "usize"], result: "isize" },
    write: { parameters: ["i32", "buffer", "usize"], result: "isize" },
    close: { parameters: ["i32"], result: "i32" },
  });
  return { ...library.symbols, [Symbol.dispose]: () => library.close() };
}

/** Opens a terminal of 33 lines of 101 characters. */
export function openPty(): TestPty {
  const libc = openLibc();
  const flags = O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC;
  const master = libc.posix_openpt(flags);
  if (master < 0 || libc.unlockpt(master) !== 0) throw new Error("no pty");
  const name = new Uint8Array(64);
  libc.ptsname_r(master, name, BigInt(name.length));
  const path = new TextDecoder().decode(name).split("\0")[0] ?? "";
  // Kept open: between two commands it is not hung up.
  const held = Deno.openSync(path, { read: true, write: true });
  const shown: string[] = [];
  const decoder = new TextDecoder();
  const bytes = new Uint8Array(65_536);
  const resize = (rows: number, columns: number) => {
    const size = new Uint8Array(Uint16Array.of(rows, columns, 0, 0).buffer);
    libc.ioctl(master, TIOCSWINSZ, size);
  };
  resize(33, 101);
  const screen = () => {
    for (;;) {
      const n = Number(libc.read(master, bytes, BigInt(bytes.length)));
      if (n <= 0) break;
      shown.push(decoder.decode(bytes.subarray(0, n), { stream: true }));
    }
    if (shown.length > 1) shown.splice(0, shown.length, shown.join(""));
    return shown[0] ?? "";
  };
  const redirect = `0<>${path} 1>&0 2>&0`;
  const spawn = (bundle: Bundle, ...args: string[]) =>
    bundle.spawn({ wrap: ["setsid", "--ctty"], redirect }, ...args);
  return {
    path,
    redirect,
    screen,
    resize,
    type(text) {
      const typed = new TextEncoder().encode(text);
      const n = Number(libc.write(master, typed, BigInt(typed.length)));
      if (n !== typed.length) throw new Error(`typed ${n} bytes`);
    },
    shows: (text) =>
      eventually(`"${text}" on the screen`, () => screen().includes(text))
        .then(() => {}, (cause) => {
          throw new Error(`${cause.message}; it shows: ${screen()}`, { cause });
        }),
    modes: () => host("stty", "-F", path, "-g").trim(),
    spawn,
    run: (bundle) => spawn(bundle, "run", "--bundle", bundle.path, bundle.id),
    finished: async (running) => {
      const timer = setInterval(screen, 5);
      try {
        return await running.finished();
      } finally {
        clearInterval(timer);
      }
    },
    [Symbol.dispose]() {
      held.close();
      libc.close(master);
      libc[Symbol.dispose]();
    },
  };
}
