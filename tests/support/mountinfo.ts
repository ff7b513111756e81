/**
 * Reading /proc/PID/mountinfo.
 *
 * @see https://man7.org/linux/man-pages/man5/proc_pid_mountinfo.5.html
 * @module
 */

/** One line of mountinfo. */
export interface MountInfo {
  readonly id: number;
  readonly parent: number;
  readonly device: string;
  /** Path inside the file system that is shown here. */
  readonly root: string;
  readonly point: string;
  readonly options: readonly string[];
  /** Peer groups: `shared:N`, `master:N`, `propagate_from:N`, `unbindable`. */
  readonly tags: readonly string[];
  readonly type: string;
  readonly source: string;
  readonly superOptions: readonly string[];
}

/** Undoes the octal escapes of blanks and backslashes. */
function unescape(field: string): string {
  return field.replace(
    /\\([0-7]{3})/g,
    (_, digits: string) => String.fromCharCode(parseInt(digits, 8)),
  );
}

/** Parses the text of a mountinfo file. */
export function parseMountInfo(text: string): MountInfo[] {
  return text.split("\n").filter((line) => line !== "").map((line) => {
    const [before, after] = line.split(" - ") as [string, string];
    const [id, parent, device, root, point, options, ...tags] = before
      .split(" ") as [string, string, string, string, string, string];
    const [type, source, superOptions] = after.split(" ") as [
      string,
      string,
      string?,
    ];
    return {
      id: Number(id),
      parent: Number(parent),
      device,
      root: unescape(root),
      point: unescape(point),
      options: options.split(","),
      tags: tags as string[],
      type,
      source: unescape(source),
      superOptions: (superOptions ?? "").split(","),
    };
  });
}

/** Reads the mounts of a process. */
export function readMounts(pid: number | "self" = "self"): MountInfo[] {
  return parseMountInfo(Deno.readTextFileSync(`/proc/${pid}/mountinfo`));
}

/** The topmost mount at a path; throws if there is none. */
export function mountAt(mounts: readonly MountInfo[], path: string): MountInfo {
  const found = mounts.findLast((mount) => mount.point === path);
  if (found === undefined) {
    const points = mounts.map((mount) => mount.point).join(" ");
    throw new Error(`no mount at "${path}", only at ${points}`);
  }
  return found;
}

/** Propagation of a mount in the words of the mount options. */
export function propagationOf(mount: MountInfo): string {
  const names = mount.tags.map((tag) => tag.split(":")[0]);
  const words = [
    names.includes("shared") ? "shared" : "",
    names.includes("master") ? "slave" : "",
    names.includes("unbindable") ? "unbindable" : "",
  ].filter((word) => word !== "");
  return words.join("+") || "private";
}
