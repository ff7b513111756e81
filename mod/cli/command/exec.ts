/**
 * `burrow exec`.
 *
 * @module
 */

import { resolve } from "@std/path";
import { checkConsole } from "../../console/plan.ts";
import type { Relay } from "../../console/relay.ts";
import { openRelay } from "../../console/relay.ts";
import { execInContainer } from "../../container/exec.ts";
import { parseBelow } from "../../container/exec_cgroup.ts";
import {
  completeProcess,
  processOfFlags,
} from "../../container/exec_process.ts";
import { attend, takeSignals } from "../../container/run.ts";
import { preservedDescriptors } from "../../process/preserve.ts";
import type { Process } from "../../spec/process.ts";
import { loadSpec, parseProcess, readText } from "../../spec/load.ts";
import type { ContainerRecord } from "../../state/store.ts";
import type { Globals } from "../globals.ts";
import type { Arguments } from "../option.ts";
import { watchOf } from "./create.ts";

/** The process: a document of its own, or the container's with changes. */
function processOf(args: Arguments, record: ContainerRecord): Process {
  const file = args.value("process");
  if (file !== undefined) {
    return completeProcess(parseProcess(readText(file), file), record.exec);
  }
  const { spec } = loadSpec(record.bundle);
  const value = (name: string) => args.value(name);
  return processOfFlags(spec.process, {
    args: args.operands.slice(1),
    env: args.values("env"),
    caps: args.values("cap"),
    additionalGids: args.values("additional-gids"),
    terminal: args.flag("tty"),
    noNewPrivileges: args.flag("no-new-privs"),
    cwd: value("cwd"),
    user: value("user"),
    apparmor: value("apparmor"),
    label: value("process-label"),
  });
}

/** Refuses a terminal, or a console socket, that is of no use. */
function checkTerminal(process: Process, args: Arguments): Process {
  checkConsole({
    terminal: process.terminal ?? false,
    detached: args.flag("detach"),
    socket: args.value("console-socket"),
  });
  return process;
}

/** Runs a program in a container; returns its exit status. */
export function execute(args: Arguments, globals: Globals): number {
  const [id = ""] = args.operands;
  const pidFile = args.value("pid-file");
  const watch = watchOf(globals);
  const detach = args.flag("detach");
  // Before anything is made, so that no signal is lost.
  const signals = detach ? undefined : takeSignals();
  const socket = args.value("console-socket");
  using stack = new DisposableStack();
  const terminal: { relay?: Relay } = {};
  const pid = execInContainer({
    stateRoot: globals.stateRoot,
    id,
    process: (record) => checkTerminal(processOf(args, record), args),
    preserved: () => preservedDescriptors(args.value("preserve-fds")),
    below: () => parseBelow(args.values("cgroup")),
    ignorePaused: args.flag("ignore-paused"),
    takeMaster: (master) => {
      terminal.relay = stack.use(openRelay(master));
    },
    ...socket === undefined ? {} : { consoleSocket: resolve(socket) },
    ...pidFile === undefined ? {} : { pidFile: resolve(pidFile) },
  }, watch);
  watch.finish();
  return signals === undefined ? 0 : attend(pid, signals, terminal.relay);
}
