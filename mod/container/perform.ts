/**
 * The interpreter: which function performs which step.
 *
 * @module
 */

import { getpid } from "../../ffi/process.ts";
import { perform as call } from "../../ffi/call.ts";
import { makeConsole } from "../console/perform.ts";
import { delegateCgroup } from "../cgroups/delegate.ts";
import { goferOf } from "../gofer/context.ts";
import { ownEnvironment, runHook, runHookHere } from "../hooks/run.ts";
import type { HookStep } from "../hooks/run.ts";
import { makeIdMapping } from "../namespaces/id_mapping.ts";
import {
  enterUnified,
  fork,
  joinDeferred,
  joinNamespace,
  loopbackUp,
  newSession,
  newUserNamespace,
  setTimeOffsets,
  unshareCgroup,
  unshareNamespaces,
} from "../namespaces/perform.ts";
import { moveNetDevice } from "../network/perform.ts";
import type { ExecOwnStep } from "../process/exec_plan.ts";
import { reexec, setCredentials } from "../process/credentials.ts";
import { setMemoryPolicy, setPersonality } from "../process/execution.ts";
import { joinKeyring } from "../process/keyring.ts";
import { keepProc, setLabel } from "../process/label.ts";
import { setOomScore, setRlimit } from "../process/limit.ts";
import {
  enterCwd,
  findExecutable,
  findHome,
  ownStdio,
  setName,
} from "../process/program.ts";
import { setIoPriority, setScheduler } from "../process/schedule.ts";
import { enterResctrl } from "../resctrl/perform.ts";
import { makeDevice, makeLink } from "../rootfs/device.ts";
import {
  makeDirectory,
  makeReadOnly,
  maskPath,
  writeSysctl,
} from "../rootfs/mask.ts";
import { attachMount, openProc } from "../rootfs/mount.ts";
import {
  attachRoot,
  enterRoot,
  finalPropagation,
  openRoot,
  openSource,
  remountReadOnly,
  rootPropagation,
  unshareMounts,
} from "../rootfs/root.ts";
import type { LoadSeccompStep } from "../seccomp/plan.ts";
import type { ResctrlStep } from "../resctrl/plan.ts";
import { writeRecord } from "../state/store.ts";
import {
  createState,
  enterCgroup,
  limitCgroup,
  makeCgroup,
  openFifos,
  startGofer,
  writeCreated,
} from "./launch.ts";
import { performNativeHook } from "./native_hook.ts";
import { closeDescriptors, park } from "./park.ts";
import type { Run } from "./run_context.ts";
import { ociStateFor, stateFor } from "./run_context.ts";
import { loadSeccomp } from "./seccomp.ts";
import type { ExecuteStep, ReleaseStep, Step } from "./step.ts";

/** The steps of `create`; those of `start` and `exec` are in their files. */
export type CreateStep = Exclude<
  Step,
  ReleaseStep | ExecuteStep | ExecOwnStep
>;

type Performers = {
  readonly [K in CreateStep["kind"]]: (
    step: Extract<CreateStep, { kind: K }>,
    run: Run,
  ) => unknown;
};

const PERFORM: Performers = {
  "create-state": createState,
  "create-cgroup": makeCgroup,
  "spawn-gofer": startGofer,
  "enter-cgroup": enterCgroup,
  "open-fifos": openFifos,
  "unshare-mounts": unshareMounts,
  "open-root": openRoot,
  "open-source": openSource,
  "join-namespace": joinNamespace,
  "new-user-namespace": newUserNamespace,
  "enter-unified": enterUnified,
  "id-mapping": makeIdMapping,
  "join-deferred": joinDeferred,
  "time-offsets": setTimeOffsets,
  "unshare": unshareNamespaces,
  "fork": fork,
  "new-session": newSession,
  "unshare-cgroup": unshareCgroup,
  "loopback-up": loopbackUp,
  "net-device": moveNetDevice,
  "delegate-cgroup": delegateCgroup,
  "resctrl": performResctrl,
  "attach-root": attachRoot,
  "root-propagation": rootPropagation,
  "open-proc": openProc,
  "mount": attachMount,
  "device": makeDevice,
  "link": makeLink,
  "hook": performHook,
  "native-hook": performNativeHook,
  "pivot-root": enterRoot,
  "final-propagation": finalPropagation,
  "make-directory": makeDirectory,
  "console": makeConsole,
  "remount-read-only": remountReadOnly,
  "hostname": setName,
  "domainname": setName,
  "own-stdio": ownStdio,
  "sysctl": writeSysctl,
  "read-only-path": makeReadOnly,
  "mask-path": maskPath,
  "rlimit": setRlimit,
  "oom-score-adj": setOomScore,
  "io-priority": setIoPriority,
  "scheduler": setScheduler,
  "session-keyring": joinKeyring,
  "keep-proc": (_step, run) => keepProc(run),
  "reexec": reexec,
  "label": setLabel,
  "personality": setPersonality,
  "memory-policy": setMemoryPolicy,
  "credentials": setCredentials,
  "enter-cwd": enterCwd,
  "find-executable": findExecutable,
  "find-home": findHome,
  "close-descriptors": closeDescriptors,
  "load-seccomp": performSeccomp,
  "limit-cgroup": limitCgroup,
  "record": writeCreated,
  "park": park,
};

/** Performs one step. */
export function performStep(step: CreateStep, run: Run): unknown {
  // The table has the right function for each kind; TypeScript cannot see that
  // the two stay together through an index.
  const perform = PERFORM[step.kind] as (step: CreateStep, run: Run) => unknown;
  return perform(step, run);
}

/** Loads the filter; a listener hears of a container that is being made. */
function performSeccomp(step: LoadSeccompStep, run: Run): void {
  const state = ociStateFor(run.record, "creating", goferOf(run).pid);
  loadSeccomp(step, run, run.filter, state);
}

/** Enters a class of resctrl, and records at once what of it is ours. */
function performResctrl(step: ResctrlStep, run: Run): void {
  try {
    enterResctrl(step, run);
  } finally {
    if (run.resctrl !== undefined) {
      run.record = { ...run.record, resctrl: run.resctrl };
      writeRecord(run.directory, run.record);
    }
  }
}

/** Runs a hook of `create`, in the namespaces that its list is for. */
function performHook(step: HookStep, run: Run): void {
  const gofer = goferOf(run);
  if (step.point !== "createContainer") {
    runHookHere(step, {
      state: stateFor(run.record, step.point, gofer.pid),
      cwd: run.bundle,
      // As with runc: hooks of the runtime's namespaces see its environment.
      env: ownEnvironment(),
    });
    return;
  }
  // Its process id is the container's, as the hook sees it.
  const pid = call(gofer, getpid());
  runHook(
    gofer,
    step,
    {
      state: stateFor(run.record, step.point, pid),
      cwd: run.root ?? "/",
      // Never the image's environment, nor ours (CVE-2025-23266).
      env: [],
    },
    "kill",
  );
}
