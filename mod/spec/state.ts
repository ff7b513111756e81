/**
 * The state document: what hooks read on stdin, and what `state` and `list`
 * print. Pure, and free of zod.
 *
 * @see https://github.com/opencontainers/runtime-spec/blob/v1.3.0/runtime.md#state
 * @module
 */
import { OCI_VERSION } from "./default.ts";

/** Where a container is in its life; `paused` is not OCI's but everyone's. */
export type Status = "creating" | "created" | "running" | "paused" | "stopped";

/** OCI's part of the state document. */
export interface OciState {
  /** The version of the runtime spec. */
  readonly ociVersion: string;
  /** The container's id. */
  readonly id: string;
  /** Where the container is in its life. */
  readonly status: Status;
  /** The first process, as the host (or, for a hook within, as it) sees it. */
  readonly pid?: number;
  /** The bundle's directory, absolute. */
  readonly bundle: string;
  /** The annotations of config.json, if any. */
  readonly annotations?: Readonly<Record<string, string>>;
}

/** What a hook reads; `root`, the root's path, is there as with crun. */
export interface HookState extends OciState {
  /** The root filesystem's path on the host. */
  readonly root: string;
}

/** What `state` and `list` print; buildkit needs `rootfs`. */
export interface State extends OciState {
  /** The first process; 0 when stopped. */
  readonly pid: number;
  /** The root filesystem's path on the host. */
  readonly rootfs: string;
  /** When it was created: RFC 3339, UTC. */
  readonly created: string;
  /** Who created it: a user name, `#uid`, or empty in `state`. */
  readonly owner: string;
}

/** What is known of a container, to make its state documents of. */
export interface StateFacts {
  /** The container's id. */
  readonly id: string;
  /** Where the container is in its life. */
  readonly status: Status;
  /** The first process; not read when stopped. */
  readonly pid: number;
  /** The bundle's directory, absolute. */
  readonly bundle: string;
  /** The root filesystem's path on the host. */
  readonly rootfs: string;
  /** The annotations of config.json. */
  readonly annotations?: Readonly<Record<string, string>> | undefined;
}

/** The fields that both documents have, in runc's order. */
function ociState(facts: StateFacts, pid: number) {
  return {
    ociVersion: OCI_VERSION,
    id: facts.id,
    pid,
    status: facts.status,
    bundle: facts.bundle,
  };
}

/** The annotations as a field, left out where there are none. */
function annotationsField(
  annotations: StateFacts["annotations"],
): Pick<OciState, "annotations"> {
  return annotations === undefined || Object.keys(annotations).length === 0
    ? {}
    : { annotations };
}

/**
 * The document for a hook. Give the pid that the hook itself would see: for a
 * hook in the container's namespaces that is the one in its pid namespace.
 */
export function hookState(facts: StateFacts): HookState {
  const pid = facts.status === "stopped" ? 0 : facts.pid;
  return {
    ...ociState(facts, pid),
    root: facts.rootfs,
    ...annotationsField(facts.annotations),
  };
}

/**
 * The document for `state` and `list`. `created` is RFC 3339 in UTC; `owner`
 * is empty but in `list`.
 */
export function containerState(
  facts: StateFacts,
  created: string,
  owner = "",
): State {
  const pid = facts.status === "stopped" ? 0 : facts.pid;
  return {
    ...ociState(facts, pid),
    rootfs: facts.rootfs,
    created,
    ...annotationsField(facts.annotations),
    owner,
  };
}
