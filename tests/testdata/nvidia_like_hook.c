/* cc: -static */
/*
 * A createContainer hook that does to the container's root what the hooks of
 * NVIDIA's toolkit do, step by step as they do it.
 *
 * usage: nvidia-cdi-hook NAME [FLAG]..., nvidia-ctk hook NAME [FLAG]...,
 *        or, for update-ldcache: nvidia_like_hook [--folder DIR]...
 *
 *   update-ldcache --folder DIR...
 *       makes its own namespaces, mounts a fresh proc and a tmpfs with the
 *       host's ldconfig in the root, pivots into it, names the folders in files
 *       of /etc/ld.so.conf.d and runs that ldconfig from a sealed memfd;
 *       with HOOK_LDCACHE=old it runs `ldconfig -r ROOT` as before 1.17.5
 *   create-symlinks --link TARGET::PATH...
 *   enable-cuda-compat --host-driver-version V [--cuda-compat-container-root D]
 *   disable-device-node-modification
 *       HOOK_PARAMS and HOOK_TARGET name files where there is no driver
 *   update-application-profile
 *   chmod --mode OCTAL --path PATH...
 *   noop, and every other name: nothing
 *
 * Each step that fails is named on stderr, and the hook exits 1. Where the
 * runtime is wrong, this is the program that notices.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
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
  /* The system's own folders, behind: ldconfig is the host's. */
  char last[] = "/etc/ld.so.conf.d/zz-hook-XXXXXX.conf";
  fd = mkstemps(last, 5);
  need(fd, "make the last file in /etc/ld.so.conf.d");
  need(fchmod(fd, 0644), "fchmod");
  if (access("/etc/debian_version", F_OK) == 0)
    dprintf(fd, "/lib/x86_64-linux-gnu\n/usr/lib/x86_64-linux-gnu\n");
  else
    dprintf(fd, "/lib64\n/usr/lib64\n");
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

/* Opens a path in the root, following links as if it were the root. */
static int open_in(int root, const char *path, int flags) {
  struct open_how how = {.flags = (unsigned)(flags | O_CLOEXEC),
                         .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS};
  while (*path == '/') path++;
  return (int)syscall(SYS_openat2, root, *path ? path : ".", &how, sizeof how);
}

/* Opens a folder in the root, making what is missing. */
static int folder_in(int root, const char *path) {
  char part[4096] = "";
  int at = open_in(root, ".", O_PATH | O_DIRECTORY);
  char *copy = strdup(path), *rest = copy, *name;
  while ((name = strsep(&rest, "/")) != NULL) {
    if (*name == 0) continue;
    if (mkdirat(at, name, 0755) < 0 && errno != EEXIST) die(path);
    strcat(strcat(part, "/"), name);
    close(at);
    at = open_in(root, part, O_PATH | O_DIRECTORY);
    need(at, path);
  }
  free(copy);
  return at;
}

/* The folder and the name of a path. */
static int parent_in(int root, const char *path, const char **name) {
  char *copy = strdup(path), *cut = strrchr(copy, '/');
  *name = cut ? path + (cut - copy) + 1 : path;
  if (cut) *cut = 0;
  int at = folder_in(root, cut ? copy : "");
  free(copy);
  return at;
}

static void create_symlink(int root, char *link) {
  char *path = strstr(link, "::"), says[4096];
  if (path == NULL) {
    errno = EINVAL;
    die(link);
  }
  *path = 0;
  path += 2;
  const char *name;
  int at = parent_in(root, path, &name);
  ssize_t size = readlinkat(at, name, says, sizeof says - 1);
  if (size >= 0) says[size] = 0;
  if (size >= 0 && strcmp(says, link) == 0) return;
  char part[300];
  snprintf(part, sizeof part, ".%s-%d", name, getpid());
  need(symlinkat(link, at, part), "make the link");
  need(renameat(at, part, at, name), "rename the link");
  close(at);
}

static void write_in(int root, const char *path, const char *text, int mode) {
  const char *name;
  int at = parent_in(root, path, &name);
  int fd = openat(at, name, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0600);
  if (fd < 0 && errno == EROFS) {
    fprintf(stderr, "nvidia_like_hook: %s is read-only, ignoring\n", path);
    return;
  }
  need(fd, path);
  dprintf(fd, "%s", text);
  need(fchmod(fd, (mode_t)mode), "fchmod");
  close(fd);
  close(at);
}

/* Is the library of this version for a host with a driver of that? */
static int is_compatible(int dir, const char *name, int host) {
  int major = atoi(name + strlen("libcuda.so."));
  int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
  need(fd, name);
  struct stat info;
  need(fstat(fd, &info), name);
  char *bytes = mmap(NULL, (size_t)info.st_size + 1, PROT_READ, MAP_PRIVATE, fd, 0);
  char *list = bytes == MAP_FAILED
                   ? NULL
                   : memmem(bytes, (size_t)info.st_size, "\"Driver\": [", 11);
  close(fd);
  if (list == NULL) return major > host;
  list += 11;
  for (;;) {
    if (strtol(list, &list, 10) == host) return 1;
    if (*list++ != ',') return 0;
  }
}

static void enable_compat(int root, const char *folder, const char *version) {
  int dir = open_in(root, folder, O_RDONLY | O_DIRECTORY);
  if (dir < 0) return;
  DIR *list = fdopendir(dir);
  char name[256] = "";
  int count = 0;
  for (struct dirent *e; (e = readdir(list)) != NULL;) {
    if (strncmp(e->d_name, "libcuda.so.", 11) != 0) continue;
    if (e->d_type != DT_REG || strchr(e->d_name + 11, '.') == NULL) continue;
    count++;
    strcpy(name, e->d_name);
  }
  if (count != 1 || !is_compatible(dir, name, atoi(version))) return;
  char path[100], text[4096];
  snprintf(path, sizeof path, "/etc/ld.so.conf.d/00-compat-%d.conf", getpid());
  snprintf(text, sizeof text, "%s\n", folder);
  write_in(root, path, text, 0644);
}

/* Covers the driver's parameters by a copy on a tmpfs of the container. */
static void cover_params(const char *full) {
  const char *from = getenv("HOOK_PARAMS"), *over = getenv("HOOK_TARGET");
  if (from == NULL) from = "/proc/driver/nvidia/params";
  if (over == NULL) over = "/proc/driver/nvidia/params";
  int fd = open(from, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return;
  char *text = slurp(fd, from), *given = strstr(text, "ModifyDeviceFiles: 1");
  if (given == NULL) return;
  given[strlen("ModifyDeviceFiles: ")] = '0';
  int root = open(full, O_PATH | O_DIRECTORY | O_CLOEXEC);
  need(root, full);
  char place[100], at[64], to[64];
  snprintf(place, sizeof place, "/run/nvidia-like-hook%d", getpid());
  int dir = folder_in(root, place);
  snprintf(at, sizeof at, "/proc/self/fd/%d", dir);
  need(mount("tmpfs", at, "tmpfs", MS_NOSUID | MS_NODEV, "size=64k"),
       "mount tmpfs in the root");
  strcat(place, "/params");
  write_in(root, place, text, 0444);
  int file = open_in(root, place, O_PATH), target = open_in(root, over, O_PATH);
  need(file, place);
  need(target, over);
  snprintf(at, sizeof at, "/proc/self/fd/%d", file);
  snprintf(to, sizeof to, "/proc/self/fd/%d", target);
  need(mount(at, to, NULL, MS_BIND, NULL), "bind over the parameters");
  target = open_in(root, over, O_PATH);
  snprintf(to, sizeof to, "/proc/self/fd/%d", target);
  need(mount(NULL, to, NULL, MS_BIND | MS_REMOUNT | MS_RDONLY | MS_NOSUID, NULL),
       "make the parameters read-only");
}

static void write_profile(int root) {
  int dir = open_in(root, "/dev", O_RDONLY | O_DIRECTORY);
  need(dir, "open /dev in the root");
  unsigned long long mask = 0;
  for (int i = 0; i < 64; i++) {
    char name[32];
    struct stat info;
    snprintf(name, sizeof name, "nvidia%d", i);
    if (fstatat(dir, name, &info, AT_SYMLINK_NOFOLLOW) < 0) continue;
    if (S_ISCHR(info.st_mode)) mask |= 1ull << minor(info.st_rdev);
  }
  char text[300];
  snprintf(text, sizeof text,
           "{\"profiles\": [{\"name\": \"_container_\", \"settings\": "
           "[\"EGLVisibleDGPUDevices\", 0x%llx]}], \"rules\": "
           "[{\"pattern\": [], \"profile\": \"_container_\"}]}",
           mask);
  if (mask == 0) return;
  write_in(root, "/etc/nvidia/nvidia-application-profiles-rc.d/10-container.conf",
           text, 0444);
}

/* As before 1.17.5: the host's ldconfig is told to change its root. */
static int update_old(const char *full, char **folders, int count) {
  int root = open(full, O_PATH | O_DIRECTORY | O_CLOEXEC);
  need(root, full);
  char text[8192] = "";
  for (int i = 0; i < count; i++) strcat(strcat(text, folders[i]), "\n");
  write_in(root, "/etc/ld.so.conf.d/00-hook-old.conf", text, 0644);
  int cache = open_in(root, "/etc/ld.so.cache", O_PATH);
  char *argv[] = {"ldconfig", "-r", (char *)full, "-f", "/etc/ld.so.conf",
                  cache < 0 ? "-N" : "-C",
                  cache < 0 ? NULL : "/etc/ld.so.cache", NULL};
  char *envp[] = {NULL};
  execve("/sbin/ldconfig.real", argv, envp);
  execve("/sbin/ldconfig", argv, envp);
  die("execute ldconfig -r");
  return 1;
}

/* The name of the hook that is asked for. */
static const char *hook_name(int argc, char **argv) {
  const char *base = strrchr(argv[0], '/') ? strrchr(argv[0], '/') + 1 : argv[0];
  int at = 1;
  if (strcmp(base, "nvidia-ctk") == 0) at = 2;
  if (at < argc && argv[at][0] != '-') return argv[at];
  return "update-ldcache";
}

int main(int argc, char **argv) {
  char **folders = calloc((size_t)argc, sizeof *folders);
  int count = 0;
  const char *name = hook_name(argc, argv), *version = "0", *mode = "0";
  const char *compat = "/usr/local/cuda/compat";
  for (int i = 1; i + 1 < argc; i++) {
    const char *flag = argv[i];
    if (strcmp(flag, "--folder") == 0 || strcmp(flag, "--link") == 0 ||
        strcmp(flag, "--path") == 0)
      folders[count++] = argv[++i];
    else if (strcmp(flag, "--host-driver-version") == 0)
      version = argv[++i];
    else if (strcmp(flag, "--cuda-compat-container-root") == 0)
      compat = argv[++i];
    else if (strcmp(flag, "--mode") == 0)
      mode = argv[++i];
  }

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
  int ldcache = strcmp(name, "update-ldcache") == 0;
  if (ldcache && strcmp(root, "/") == 0) {
    fprintf(stderr, "nvidia_like_hook: refusing to work on the root /\n");
    return 1;
  }
  char full[8192];
  snprintf(full, sizeof full, "%s%s%s", root[0] == '/' ? "" : bundle,
           root[0] == '/' ? "" : "/", root);
  if (chdir(full) < 0) die(full);

  if (!ldcache) {
    int at = open(full, O_PATH | O_DIRECTORY | O_CLOEXEC);
    need(at, full);
    if (strcmp(name, "create-symlinks") == 0) {
      for (int i = 0; i < count; i++) create_symlink(at, folders[i]);
    } else if (strcmp(name, "enable-cuda-compat") == 0) {
      enable_compat(at, compat, version);
    } else if (strcmp(name, "disable-device-node-modification") == 0) {
      cover_params(full);
    } else if (strcmp(name, "update-application-profile") == 0) {
      write_profile(at);
    } else if (strcmp(name, "chmod") == 0) {
      for (int i = 0; i < count; i++) {
        /* Theirs follows links out of the root. */
        char place[9000];
        snprintf(place, sizeof place, "%s%s", full, folders[i]);
        if (chmod(place, (mode_t)strtol(mode, NULL, 8)) < 0 && errno != EPERM)
          die(place);
      }
    } else if (strcmp(name, "noop") != 0) {
      fprintf(stderr, "nvidia_like_hook: unknown hook %s, ignoring\n", name);
    }
    return 0;
  }
  if (getenv("HOOK_LDCACHE") && strcmp(getenv("HOOK_LDCACHE"), "old") == 0)
    return update_old(full, folders, count);

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
