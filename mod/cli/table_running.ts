/**
 * The commands on containers that run: a part of the table.
 *
 * @module
 */

import type { Option } from "./option.ts";
import type { Command } from "./table.ts";

/** Where a process id is written. */
export const PID_FILE: Option = {
  name: "pid-file",
  value: "FILE",
  help: "write the process id there",
};

/** Descriptors that are handed on. */
export const PRESERVE_FDS: Option = {
  name: "preserve-fds",
  value: "N",
  help: "hand N descriptors behind stdio to the program",
};

const CONSOLE_SOCKET: Option = {
  name: "console-socket",
  value: "SOCKET",
  help: "send the terminal's master there",
};

const ANY = Number.POSITIVE_INFINITY;

/** The commands by name. */
export const RUNNING_COMMANDS: Readonly<Record<string, Command>> = {
  exec: {
    summary: "run one more program in a container",
    operands: "ID [COMMAND [ARGUMENT]…]",
    count: [1, ANY],
    stopEarly: true,
    options: [
      {
        name: "process",
        short: "p",
        value: "FILE",
        help: "the whole process as a document of the OCI: no other flags",
      },
      { name: "detach", short: "d", help: "do not wait" },
      PID_FILE,
      CONSOLE_SOCKET,
      {
        name: "pidfd-socket",
        value: "SOCKET",
        help: "send a pidfd of the program there",
      },
      { name: "tty", short: "t", help: "with a terminal" },
      { name: "cwd", value: "DIR", help: "working directory" },
      {
        name: "env",
        short: "e",
        value: "KEY=VALUE",
        repeat: true,
        help: "set a variable",
      },
      {
        name: "user",
        short: "u",
        value: "UID[:GID]",
        help: "run as this user",
      },
      {
        name: "additional-gids",
        short: "g",
        value: "GID",
        repeat: true,
        help: "with this group",
      },
      {
        name: "cap",
        short: "c",
        value: "NAME",
        repeat: true,
        help: "with this capability",
      },
      { name: "no-new-privs", help: "execve grants no privileges" },
      { name: "process-label", value: "LABEL", help: "SELinux label" },
      { name: "apparmor", value: "PROFILE", help: "AppArmor profile" },
      PRESERVE_FDS,
      {
        name: "cgroup",
        value: "[CONTROLLER,…:]PATH",
        repeat: true,
        help: "in this cgroup below the container's",
      },
      {
        name: "ignore-paused",
        help: "a paused container: run when it is resumed",
      },
    ],
    load: () => import("./command/exec.ts"),
  },
  ps: {
    summary: "list the processes of a container",
    operands: "ID [ARGUMENT OF ps(1)]…",
    count: [1, ANY],
    stopEarly: true,
    options: [
      {
        name: "format",
        short: "f",
        value: "table|json",
        help: "how (default: table)",
      },
    ],
    load: () => import("./command/ps.ts"),
  },
  pause: {
    summary: "stop all processes of a container where they are",
    operands: "ID",
    count: [1, 1],
    options: [],
    load: () => import("./command/pause.ts"),
  },
  resume: {
    summary: "let the processes of a paused container go on",
    operands: "ID",
    count: [1, 1],
    options: [],
    load: () => import("./command/resume.ts"),
  },
  update: {
    summary: "change the limits of a container; what is not named stays",
    operands: "ID",
    count: [1, 1],
    options: [
      {
        name: "resources",
        short: "r",
        value: "FILE|-",
        help: "linux.resources as a document: no other flags",
      },
      {
        name: "blkio-weight",
        value: "WEIGHT",
        help: "weight of block I/O: 10 to 1000",
      },
      {
        name: "cpu-period",
        value: "MICROSECONDS",
        help: "period of the CPU quota",
      },
      {
        name: "cpu-quota",
        value: "MICROSECONDS",
        help: "CPU time in a period; -1: no limit",
      },
      {
        name: "cpu-burst",
        value: "MICROSECONDS",
        help: "CPU time that may be saved up",
      },
      {
        name: "cpu-share",
        value: "NUMBER",
        help: "share of the CPUs against others",
      },
      {
        name: "cpu-rt-period",
        value: "MICROSECONDS",
        help: "period of the realtime quota",
      },
      {
        name: "cpu-rt-runtime",
        value: "MICROSECONDS",
        help: "realtime CPU time in a period",
      },
      { name: "cpuset-cpus", value: "LIST", help: "CPUs, such as 0-3,7" },
      { name: "cpuset-mems", value: "LIST", help: "memory nodes" },
      { name: "cpu-idle", value: "0|1", help: "only what no other wants" },
      { name: "memory", value: "BYTES", help: "limit of memory; -1: none" },
      {
        name: "memory-reservation",
        value: "BYTES",
        help: "memory that is left to it under pressure",
      },
      {
        name: "memory-swap",
        value: "BYTES",
        help: "limit of memory and swap together; -1: none",
      },
      {
        name: "kernel-memory",
        value: "BYTES",
        help: "accepted: kernels have no such limit any more",
      },
      {
        name: "kernel-memory-tcp",
        value: "BYTES",
        help: "accepted: kernels have no such limit any more",
      },
      {
        name: "pids-limit",
        value: "NUMBER",
        help: "processes and threads; -1: no limit",
      },
      { name: "l3-cache-schema", value: "SCHEMA", help: "refused: Intel RDT" },
      { name: "mem-bw-schema", value: "SCHEMA", help: "refused: Intel RDT" },
    ],
    load: () => import("./command/update.ts"),
  },
  events: {
    summary: "print statistics and out-of-memory notices of a container",
    operands: "ID",
    count: [1, 1],
    options: [
      {
        name: "interval",
        value: "DURATION",
        help: "between two statistics (default: 5s)",
      },
      { name: "stats", help: "print the statistics once" },
    ],
    load: () => import("./command/events.ts"),
  },
  checkpoint: {
    summary: "refused: there is no checkpoint and restore",
    operands: "",
    count: [0, 0],
    refused: true,
    options: [],
    load: () => import("./command/checkpoint.ts"),
  },
  restore: {
    summary: "refused: there is no checkpoint and restore",
    operands: "",
    count: [0, 0],
    refused: true,
    options: [],
    load: () => import("./command/restore.ts"),
  },
};
