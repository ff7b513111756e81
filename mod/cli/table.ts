/**
 * The commands: their options, operands, and where their code is. Help and man
 * page are made of this table.
 *
 * @module
 */

import type { Arguments, Option } from "./option.ts";
import type { Globals } from "./globals.ts";
import { GENERATE } from "./table_generate.ts";
import { PID_FILE, PRESERVE_FDS, RUNNING_COMMANDS } from "./table_running.ts";

/** What a command's module exports. */
export interface CommandModule {
  /** Does it; returns the exit status. */
  execute(args: Arguments, globals: Globals): number | Promise<number>;
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
  /** It only refuses: its command line is not read, nor is there help. */
  readonly refused?: boolean;
  /** Its options. */
  readonly options: readonly Option[];
  /** Loads its code. */
  readonly load: () => Promise<CommandModule>;
}

/** A command that only has commands of its own. */
export interface CommandGroup {
  /** One line. */
  readonly summary: string;
  /** Its commands by name. */
  readonly commands: Readonly<Record<string, Command>>;
}

const BUNDLE: Option = {
  name: "bundle",
  short: "b",
  value: "DIR",
  help: "the bundle: the directory of config.json (default: this one)",
};

const CDI_SPEC_DIR: Option = {
  name: "cdi-spec-dir",
  value: "DIR",
  repeat: true,
  help: "read CDI files here; the last wins (default: /etc/cdi, /var/run/cdi)",
};

/** How CDI devices are asked for. */
const CDI_DEVICE: readonly Option[] = [
  {
    name: "device",
    value: "VENDOR/CLASS=NAME",
    repeat: true,
    help: "inject this CDI device",
  },
  CDI_SPEC_DIR,
  {
    name: "cdi-annotations",
    help: "inject the CDI devices that annotations of config.json name",
  },
  {
    name: "cdi-host-numbers",
    help: "take the host's device numbers where CDI files say others",
  },
];

/** The same at launch. */
const CDI_LAUNCH: readonly Option[] = [
  ...CDI_DEVICE,
  {
    name: "native-hooks",
    value: "auto|always|never",
    help: "serve CDI hooks ourselves: where the program is missing (auto)",
  },
];

const CREATE: readonly Option[] = [
  BUNDLE,
  PID_FILE,
  {
    name: "console-socket",
    value: "PATH",
    help: "send the terminal's master to whoever listens there",
  },
  {
    name: "no-pivot",
    help: "do not use pivot_root: the host runs from an initramfs",
  },
  {
    name: "no-new-keyring",
    help: "accepted: no session keyring is made in any case",
  },
  PRESERVE_FDS,
  ...CDI_LAUNCH,
];

const ANY = Number.POSITIVE_INFINITY;

/** The commands of `burrow cdi`. */
const CDI: Readonly<Record<string, Command>> = {
  list: {
    summary: "print the names of the CDI devices of this host",
    operands: "",
    count: [0, 0],
    options: [
      CDI_SPEC_DIR,
      {
        name: "format",
        short: "f",
        value: "names|json",
        help: "how (default: names)",
      },
    ],
    load: () => import("./command/cdi_list.ts"),
  },
  show: {
    summary: "print what CDI devices are and edit",
    operands: "NAME…",
    count: [1, ANY],
    options: [CDI_SPEC_DIR],
    load: () => import("./command/cdi_show.ts"),
  },
  validate: {
    summary: "check CDI files; exits 1 where one is not valid",
    operands: "[FILE|DIR]",
    count: [0, 1],
    options: [CDI_SPEC_DIR],
    load: () => import("./command/cdi_validate.ts"),
  },
  inject: {
    summary: "print a config.json with CDI devices injected",
    operands: "[BUNDLE|config.json]",
    count: [0, 1],
    options: [
      ...CDI_DEVICE,
      { name: "in-place", help: "write the file, and print nothing" },
    ],
    load: () => import("./command/cdi_inject.ts"),
  },
  generate: GENERATE,
  doctor: {
    summary: "say what is wrong with the CDI files of this host",
    operands: "",
    count: [0, 0],
    options: [CDI_SPEC_DIR],
    load: () => import("./command/cdi_doctor.ts"),
  },
};

/** The commands by name. */
export const COMMANDS: Readonly<Record<string, Command | CommandGroup>> = {
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
      ...CDI_LAUNCH,
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
  ...RUNNING_COMMANDS,
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
  cdi: {
    summary: "CDI devices: list, show, validate, inject, generate, doctor",
    commands: CDI,
  },
};
