/**
 * The commands: their options, operands, and where their code is. Help and man
 * page are made of this table.
 *
 * @module
 */

import type { Arguments, Option } from "./option.ts";
import type { Globals } from "./globals.ts";

/** What a command's module exports. */
export interface CommandModule {
  /** Does it; returns the exit status. */
  execute(args: Arguments, globals: Globals): number;
}

/** One command. */
export interface Command {
  /** One line. */
  readonly summary: string;
  /** Its operands, as the help shows them. */
  readonly operands: string;
  /** How many operands: at least, and at most. */
  readonly count: readonly [least: number, most: number];
  /** Options end at the first operand. */
  readonly stopEarly?: boolean;
  /** Its options. */
  readonly options: readonly Option[];
  /** Loads its code. */
  readonly load: () => Promise<CommandModule>;
}

const BUNDLE: Option = {
  name: "bundle",
  short: "b",
  value: "DIR",
  help: "the bundle: the directory of config.json (default: this one)",
};

const PID_FILE: Option = {
  name: "pid-file",
  value: "FILE",
  help: "write the process id there",
};

const CREATE: readonly Option[] = [
  BUNDLE,
  PID_FILE,
  {
    name: "no-pivot",
    help: "do not use pivot_root: the host runs from an initramfs",
  },
  {
    name: "no-new-keyring",
    help: "accepted: no session keyring is made in any case",
  },
  {
    name: "preserve-fds",
    value: "N",
    help: "hand N descriptors behind stdio to the program",
  },
];

const ANY = Number.POSITIVE_INFINITY;

/** The commands by name. */
export const COMMANDS: Readonly<Record<string, Command>> = {
  create: {
    summary: "create a container; its program waits for `start`",
    operands: "ID",
    count: [1, 1],
    options: CREATE,
    load: () => import("./command/create.ts"),
  },
  start: {
    summary: "start the program of a created container",
    operands: "ID",
    count: [1, 1],
    options: [],
    load: () => import("./command/start.ts"),
  },
  run: {
    summary: "create and start a container, and wait for it",
    operands: "ID",
    count: [1, 1],
    options: [
      ...CREATE,
      { name: "detach", short: "d", help: "do not wait" },
      { name: "keep", help: "do not delete it when it ends" },
      {
        name: "no-subreaper",
        help: "accepted: orphans are ours only while we wait",
      },
    ],
    load: () => import("./command/run.ts"),
  },
  do: {
    summary: "run a command in a throw-away copy of this host",
    operands: "-- COMMAND [ARGUMENT]…",
    count: [1, ANY],
    stopEarly: true,
    options: [
      {
        name: "rw",
        value: "PATH",
        repeat: true,
        help: "what is written below PATH is kept",
      },
      {
        name: "ro",
        value: "PATH",
        repeat: true,
        help: "nothing can be written below PATH",
      },
      { name: "net", help: "with the host's network" },
      {
        name: "user",
        short: "u",
        value: "UID[:GID]|NAME",
        help: "run as this user (default: root)",
      },
      {
        name: "cwd",
        value: "DIR",
        help: "working directory (default: this one)",
      },
      {
        name: "env",
        short: "e",
        value: "KEY=VALUE",
        repeat: true,
        help: "set a variable",
      },
    ],
    load: () => import("./command/do.ts"),
  },
  state: {
    summary: "print the state of a container",
    operands: "ID",
    count: [1, 1],
    options: [],
    load: () => import("./command/state.ts"),
  },
  kill: {
    summary: "send a signal to a container (default: SIGTERM)",
    operands: "ID [SIGNAL]",
    count: [1, 2],
    stopEarly: true,
    options: [
      { name: "all", short: "a", help: "to all processes of the container" },
    ],
    load: () => import("./command/kill.ts"),
  },
  delete: {
    summary: "delete a container that does not run",
    operands: "ID",
    count: [1, 1],
    options: [
      { name: "force", short: "f", help: "kill it first; any state, any id" },
    ],
    load: () => import("./command/delete.ts"),
  },
  list: {
    summary: "list the containers",
    operands: "",
    count: [0, 0],
    options: [
      {
        name: "format",
        short: "f",
        value: "table|json",
        help: "how (default: table)",
      },
      { name: "quiet", short: "q", help: "ids only" },
    ],
    load: () => import("./command/list.ts"),
  },
  spec: {
    summary: "write a config.json to begin with",
    operands: "",
    count: [0, 0],
    options: [
      BUNDLE,
      { name: "rootless", help: "for a container of an ordinary user" },
    ],
    load: () => import("./command/spec.ts"),
  },
  features: {
    summary: "print what this runtime can do",
    operands: "",
    count: [0, 0],
    options: [],
    load: () => import("./command/features.ts"),
  },
  hook: {
    summary: "do what a hook of NVIDIA's toolkit does (the state is on stdin)",
    operands: "NAME [ARGUMENT]…",
    count: [1, ANY],
    stopEarly: true,
    options: [],
    load: () => import("./command/hook.ts"),
  },
  plan: {
    summary: "print what would be done, step by step, without doing it",
    operands: "[BUNDLE]",
    count: [0, 1],
    options: [
      BUNDLE,
      { name: "json", help: "one JSON document" },
      { name: "id", value: "ID", help: "the container's id (default: plan)" },
    ],
    load: () => import("./command/plan.ts"),
  },
};
