/**
 * Making the planned writes.
 *
 * Runs in: launcher.
 *
 * @module
 */

import { SyscallError } from "../../ffi/errno.ts";
import { RuntimeError } from "../errors.ts";
import { type DevicePolicy, deviceWrites, parseDevicesList } from "./device.ts";
import { readValue, readValueIfThere, writeValue } from "./file.ts";
import type { PlacedWrite } from "./plan.ts";
import { MEMORY_V1, MEMSW_V1, orderMemoryV1 } from "./resource_v1.ts";

/** What to do about a refused write, where that can be told. */
function hintFor(write: PlacedWrite, code: string): string | undefined {
  const { controller, directory, file, version } = write;
  const parent = directory.slice(0, directory.lastIndexOf("/"));
  const enabled = readValueIfThere(`${directory}/cgroup.controllers`) ?? "";
  if (
    code === "ENOENT" && version === 2 && controller !== "cgroup" &&
    !enabled.split(/\s+/).includes(controller)
  ) {
    return `controller "${controller}" is not enabled: who owns "${parent}" ` +
      `writes "+${controller}" to its cgroup.subtree_control, after its own ` +
      `processes have moved to a child`;
  }
  if (code === "ENOENT" && /swap/.test(file)) {
    return "swap accounting is off: swapaccount=1 on the kernel's command line";
  }
  if (code === "ENOENT") return "this kernel has no such file";
  if (code === "EBUSY" && file === MEMORY_V1) {
    const usage = readValueIfThere(`${directory}/memory.usage_in_bytes`);
    return `the cgroup uses ${usage ?? "more"} bytes now`;
  }
  if (code === "EACCES" || code === "EPERM" || code === "EROFS") {
    return "only root, or who the cgroup was delegated to, may set limits";
  }
  if (code === "ENODEV" && /^(blkio|io)\./.test(file)) {
    return "there is no such block device";
  }
  return undefined;
}

/** Tells which limit, where, and why. */
function refused(write: PlacedWrite, cause: unknown): RuntimeError {
  const code = cause instanceof SyscallError ? cause.code : "";
  const hint = hintFor(write, code);
  const { file, value, directory } = write;
  return new RuntimeError(
    `cannot set "${file}" to "${value}" in cgroup "${directory}"`,
    { cause: bare(cause), ...(hint === undefined ? {} : { hint }) },
  );
}

/** A failed write without its path, which the message has. */
function bare(cause: unknown): unknown {
  return cause instanceof SyscallError
    ? new SyscallError(cause.syscall, "", cause.errno)
    : cause;
}

/** Refuses a limit below what is used already. */
function assertNotBelow(write: PlacedWrite): void {
  if (write.notBelow === undefined) return;
  const used = readValueIfThere(`${write.directory}/${write.notBelow}`) ?? "0";
  if (BigInt(used) <= BigInt(write.value)) return;
  throw new RuntimeError(
    `cannot set "${write.file}" to "${write.value}" in cgroup ` +
      `"${write.directory}": "${write.notBelow}" is ${used}`,
    { hint: "resources.memory.checkBeforeUpdate asks for this check" },
  );
}

/** Makes one write; returns the error that lets it be tried again. */
function attempt(write: PlacedWrite): RuntimeError | undefined {
  assertNotBelow(write);
  const { directory, file, value, otherwise } = write;
  try {
    writeValue(`${directory}/${file}`, value);
    return undefined;
  } catch (error) {
    const code = error instanceof SyscallError ? error.code : "";
    if (code === "ENOENT" && write.optional === true) return undefined;
    if (
      otherwise !== undefined && (code === "ENOENT" || code === "EOPNOTSUPP")
    ) {
      const { otherwise: _, ...plain } = write;
      return attempt({ ...plain, ...otherwise });
    }
    if (code === "EINVAL" && write.again === true) return refused(write, error);
    throw refused(write, error);
  }
}

/** Puts v1's memory limits in the order that the limit in force asks for. */
function ordered(writes: readonly PlacedWrite[]): readonly PlacedWrite[] {
  const memory = writes.find((write) => write.file === MEMORY_V1);
  if (memory === undefined) return writes;
  if (!writes.some((write) => write.file === MEMSW_V1)) return writes;
  const current = readValue(`${memory.directory}/${MEMORY_V1}`);
  return orderMemoryV1(writes, BigInt(current));
}

/**
 * Makes writes in order. Those refused for now, because another value of the
 * same list must come first, are made at the end.
 *
 * @throws {RuntimeError} naming file, value, errno, and what to do
 */
export function applyWrites(writes: readonly PlacedWrite[]): void {
  const again = ordered(writes).filter((write) => attempt(write) !== undefined);
  for (const write of again) {
    const error = attempt(write);
    if (error !== undefined) throw error;
  }
}

/**
 * Brings a v1 cgroup from the device rules that it has to those of a policy,
 * and checks that it took them.
 *
 * @throws {RuntimeError}
 */
export function applyDevicesV1(directory: string, policy: DevicePolicy): void {
  const list = `${directory}/devices.list`;
  const current = parseDevicesList(readValue(list));
  for (const { file, value } of deviceWrites(current, policy)) {
    try {
      writeValue(`${directory}/${file}`, value);
    } catch (cause) {
      throw new RuntimeError(
        `cannot write "${value}" to "${file}" in cgroup "${directory}"`,
        { cause: bare(cause), hint: "a cgroup above it may allow less" },
      );
    }
  }
  const after = parseDevicesList(readValue(list));
  const exact = policy.default === "allow" ||
    JSON.stringify(after.exceptions) === JSON.stringify(policy.exceptions);
  if (after.default === policy.default && exact) return;
  throw new RuntimeError(
    `cgroup "${directory}" did not take its device rules`,
    { hint: "something else writes to this cgroup" },
  );
}
