/**
 * The symbols of libc that Burrow uses: `syscall` for every system call, and
 * `posix_spawn` for the one thing that no system call can do from JavaScript.
 *
 * @module
 */

import { lazyLibrary } from "./library.ts";

/** libc, opened on first use. */
export const libc = lazyLibrary(
  "libc.so.6",
  {
    // long syscall(long number, …): variadic, but all arguments are integers,
    // which both architectures pass as if it were not.
    syscall: {
      parameters: ["i64", "i64", "i64", "i64", "i64", "i64", "i64"],
      result: "i64",
    },
    // int *__errno_location(void)
    __errno_location: { parameters: [], result: "pointer" },
    // int posix_spawn(pid_t *pid, const char *path,
    //   const posix_spawn_file_actions_t *actions, const posix_spawnattr_t *attr,
    //   char *const argv[], char *const envp[])
    posix_spawn: {
      parameters: ["i64", "i64", "i64", "i64", "i64", "i64"],
      result: "i32",
    },
    // int posix_spawn_file_actions_init(posix_spawn_file_actions_t *)
    posix_spawn_file_actions_init: { parameters: ["i64"], result: "i32" },
    // int posix_spawn_file_actions_adddup2(…, int fd, int newfd)
    posix_spawn_file_actions_adddup2: {
      parameters: ["i64", "i32", "i32"],
      result: "i32",
    },
    // int posix_spawn_file_actions_destroy(posix_spawn_file_actions_t *)
    posix_spawn_file_actions_destroy: { parameters: ["i64"], result: "i32" },
    // int posix_spawnattr_init(posix_spawnattr_t *)
    posix_spawnattr_init: { parameters: ["i64"], result: "i32" },
    // int posix_spawnattr_setflags(posix_spawnattr_t *, short flags)
    posix_spawnattr_setflags: { parameters: ["i64", "i16"], result: "i32" },
    // int posix_spawnattr_setsigmask(posix_spawnattr_t *, const sigset_t *)
    posix_spawnattr_setsigmask: { parameters: ["i64", "i64"], result: "i32" },
    // int posix_spawnattr_setsigdefault(posix_spawnattr_t *, const sigset_t *)
    posix_spawnattr_setsigdefault: {
      parameters: ["i64", "i64"],
      result: "i32",
    },
  },
);
