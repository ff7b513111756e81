/* cc: -static */
/*
 * A createContainer hook that does to the container's root what NVIDIA's
 * update-ldcache does: it makes its own namespaces, mounts a fresh proc and a
 * tmpfs with the host's ldconfig in the root, pivots into it, names folders in
 * a file of /etc/ld.so.conf.d and runs that ldconfig from a sealed memfd.
 *
 * usage: nvidia_like_hook [--folder DIR]...
 *
 * Each step that fails is named on stderr, and the hook exits 1. Where the
 * runtime is wrong, this is the program that notices.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static void die(const char *step) {
  fprintf(stderr, "nvidia_like_hook: %s: %s\n", step, strerror(errno));
  exit(1);
}

static void need(int result, const char *step) {
  if (result < 0) die(step);
}

/* Reads to end-of-file: a runtime that keeps the pipe open hangs us. */
static char *slurp(int fd, const char *name) {
  size_t used = 0, room = 4096;
  char *text = malloc(room);
  for (ssize_t got; (got = read(fd, text + used, room - used - 1)) != 0;) {
    if (got < 0) die(name);
    used += (size_t)got;
    if (room - used < 2) text = realloc(text, room *= 2);
  }
  text[used] = 0;
  return text;
}

static const char *blanks(const char *at) {
  while (*at == ' ' || *at == '\n' || *at == '\t' || *at == '\r') at++;
  return at;
}

/* The string at `at`, which must start with a quote, without its escapes. */
static char *string_at(const char *at) {
  if (*at != '"') return NULL;
  char *text = malloc(strlen(at)), *end = text;
  for (at++; *at && *at != '"'; at++) {
    if (*at == '\\') at++;
    *end++ = *at;
  }
  *end = 0;
  return text;
}

/* Finds the value of `key` at the top of the object that starts at `at`. */
static const char *member(const char *at, const char *key) {
  int depth = 0;
  for (; *at; at++) {
    if (*at == '{' || *at == '[') depth++;
    if (*at == '}' || *at == ']') depth--;
    if (*at != '"') continue;
    char *name = string_at(at);
    for (at++; *at && *at != '"'; at++)
      if (*at == '\\') at++;
    const char *colon = blanks(at + 1);
    int found = depth == 1 && *colon == ':' && strcmp(name, key) == 0;
    free(name);
    if (found) return blanks(colon + 1);
  }
  return NULL;
}

static char *string_member(const char *json, const char *key) {
  const char *value = json ? member(json, key) : NULL;
  return value ? string_at(value) : NULL;
}

/* Makes a folder below the current one; it may exist. */
static void folder(const char *path) {
  if (mkdir(path, 0755) < 0 && errno != EEXIST) die(path);
}

static void copy(int from, int to) {
  struct stat info;
  need(fstat(from, &info), "fstat ldconfig");
  while (info.st_size > 0) {
    ssize_t sent = sendfile(to, from, NULL, (size_t)info.st_size);
    if (sent <= 0) die("copy ldconfig");
    info.st_size -= sent;
  }
}

static void write_folders(char **folders, int count) {
  folder("/etc/ld.so.conf.d");
  char name[] = "/etc/ld.so.conf.d/00-hook-XXXXXX.conf";
  int fd = mkstemps(name, 5);
  need(fd, "make a file in /etc/ld.so.conf.d");
  need(fchmod(fd, 0644), "fchmod");
  for (int i = 0; i < count; i++) dprintf(fd, "%s\n", folders[i]);
  close(fd);
  fd = open("/etc/ld.so.conf", O_WRONLY | O_CREAT | O_EXCL, 0644);
  if (fd < 0 && errno != EEXIST) die("make /etc/ld.so.conf");
  if (fd >= 0) dprintf(fd, "include /etc/ld.so.conf.d/*.conf\n");
  if (fd >= 0) close(fd);
}

/* Runs in: the child, in its own namespaces, as pid 1 of its own. */
static int inside(const char *root, char **folders, int count) {
  need(mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL), "make / slave");
  need(chdir(root), "enter the root");
  folder("proc");
  need(mount("proc", "proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL),
       "mount proc on root/proc");
  folder("run");
  folder("run/nvidia-like-hook");
  need(mount("tmpfs", "run/nvidia-like-hook", "tmpfs", MS_NOSUID | MS_NODEV,
             "size=8m,mode=0755"),
       "mount tmpfs on root/run/nvidia-like-hook");
  const char *source = access("/sbin/ldconfig.real", X_OK) == 0
                           ? "/sbin/ldconfig.real"
                           : "/sbin/ldconfig";
  const char *place = "run/nvidia-like-hook/ldconfig";
  int fd = open(place, O_CREAT | O_WRONLY | O_EXCL, 0755);
  need(fd, "make the file for ldconfig");
  close(fd);
  need(mount(source, place, NULL, MS_BIND, NULL), "bind the host's ldconfig");
  need(mount(NULL, place, NULL,
             MS_BIND | MS_REMOUNT | MS_RDONLY | MS_NODEV | MS_NOSUID, NULL),
       "make the bound ldconfig read-only");

  int old = open("/", O_DIRECTORY | O_PATH | O_CLOEXEC);
  need(old, "open the old root");
  int new = open(root, O_DIRECTORY | O_PATH | O_CLOEXEC);
  need(new, "open the new root");
  need(fchdir(new), "fchdir to the new root");
  need((int)syscall(SYS_pivot_root, ".", "."), "pivot_root");
  need(fchdir(old), "fchdir to the old root");
  need(mount(NULL, ".", NULL, MS_SLAVE | MS_REC, NULL), "make old root slave");
  need(umount2(".", MNT_DETACH), "detach the old root");
  need(chdir("/"), "chdir /");

  write_folders(folders, count);
  int from = open("/run/nvidia-like-hook/ldconfig", O_RDONLY | O_CLOEXEC);
  need(from, "open the bound ldconfig");
  int sealed = memfd_create("ldconfig", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  need(sealed, "memfd_create");
  copy(from, sealed);
  need(fchmod(sealed, 0755), "fchmod memfd");
  need(fcntl(sealed, F_ADD_SEALS,
             F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE),
       "seal memfd");
  char *argv[] = {"ldconfig", "-f", "/etc/ld.so.conf",
                  "-C",       "/etc/ld.so.cache", NULL};
  char *envp[] = {NULL};
  syscall(SYS_execveat, sealed, "", argv, envp, AT_EMPTY_PATH);
  die("execute ldconfig from a memfd");
  return 1;
}

int main(int argc, char **argv) {
  char **folders = calloc((size_t)argc, sizeof *folders);
  int count = 0;
  for (int i = 1; i + 1 < argc; i++)
    if (strcmp(argv[i], "--folder") == 0) folders[count++] = argv[++i];

  char *state = slurp(0, "read the state");
  char *bundle = string_member(state, "bundle");
  if (bundle == NULL || bundle[0] != '/') {
    fprintf(stderr, "nvidia_like_hook: no absolute bundle in %s\n", state);
    return 1;
  }
  char path[4096];
  snprintf(path, sizeof path, "%s/config.json", bundle);
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  need(fd, path);
  char *root = string_member(member(slurp(fd, path), "root"), "path");
  if (root == NULL || *root == 0) {
    fprintf(stderr, "nvidia_like_hook: no root.path in %s\n", path);
    return 1;
  }
  if (strcmp(root, "/") == 0) {
    fprintf(stderr, "nvidia_like_hook: refusing to work on the root /\n");
    return 1;
  }
  char full[8192];
  snprintf(full, sizeof full, "%s%s%s", root[0] == '/' ? "" : bundle,
           root[0] == '/' ? "" : "/", root);
  if (chdir(full) < 0) die(full);

  need(unshare(CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWPID |
               CLONE_NEWNET),
       "unshare mnt, uts, ipc, pid and net");
  pid_t child = fork();
  need(child, "fork");
  if (child == 0) _exit(inside(full, folders, count));
  int status;
  need(waitpid(child, &status, 0), "waitpid");
  if (WIFEXITED(status)) return WEXITSTATUS(status);
  fprintf(stderr, "nvidia_like_hook: signal %d\n", WTERMSIG(status));
  return 1;
}
