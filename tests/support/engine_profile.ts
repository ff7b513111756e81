/**
 * The profile that podman has by default, as it stands in Debian's package, and
 * what an engine makes of it for one container. Docker's is the same list with
 * another errno by default.
 *
 * @module
 */
import type { Seccomp } from "../../mod/spec/seccomp.ts";
import type { Spec } from "./spec.ts";

/** An entry of an engine's profile: OCI's, with conditions. */
type Entry =
  & NonNullable<Seccomp["syscalls"]>[number]
  & Record<"includes" | "excludes", { caps?: string[]; arches?: string[] }>;

/** Where Debian's golang-github-containers-common has it. */
const PATH = "/usr/share/containers/seccomp.json";

/** The filter that podman asks for where the container holds `caps`. */
export function engineProfile(
  caps: readonly string[] = [],
  defaultErrnoRet?: number,
): Seccomp {
  const profile = JSON.parse(Deno.readTextFileSync(PATH)) as {
    defaultErrnoRet: number;
    archMap: { architecture: string; subArchitectures: string[] }[];
    syscalls: Entry[];
  };
  const native = Deno.build.arch === "x86_64" ? "X86_64" : "AARCH64";
  const go = Deno.build.arch === "x86_64" ? "amd64" : "arm64";
  const map = profile.archMap
    .find(({ architecture }) => architecture === `SCMP_ARCH_${native}`);
  const has = (list: string[] = []) => list.some((cap) => caps.includes(cap));
  const syscalls = profile.syscalls
    .filter(({ includes, excludes }) =>
      (includes?.caps === undefined || has(includes.caps)) &&
      (includes?.arches === undefined || includes.arches.includes(go)) &&
      !has(excludes?.caps)
    )
    .map(({ names, action, args, errnoRet }) => ({
      names,
      action,
      ...(args ? { args } : {}),
      ...(errnoRet === undefined ? {} : { errnoRet }),
    }));
  return {
    defaultAction: "SCMP_ACT_ERRNO",
    defaultErrnoRet: defaultErrnoRet ?? profile.defaultErrnoRet,
    architectures: [
      map?.architecture,
      ...map?.subArchitectures ?? [],
    ] as NonNullable<Seccomp["architectures"]>,
    syscalls,
  };
}

/** Puts a filter into a spec. */
export function setSeccomp(spec: Spec, seccomp: Seccomp): void {
  Object.assign(spec.linux, { seccomp });
}
