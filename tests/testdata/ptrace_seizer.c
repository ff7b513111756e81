/* cc: -static */
/*
 * A neighbour that tries to take a process by ptrace as soon as it exists.
 *
 * usage: ptrace_seizer READY DONE
 *
 * Makes the file READY, then until the file DONE exists tries PTRACE_SEIZE on
 * every pid that was not there at the start. Prints `seized PID EXE` for each
 * that it gets (once) and `tried N` in the end.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PIDS = 1 << 22 };
static unsigned char known[PIDS];

int main(int argc, char **argv) {
  unsigned long tried = 0;
  char path[64], exe[4096];
  if (argc < 3) return 2;
  for (int start = 1;; start = 0) {
    DIR *proc = opendir("/proc");
    if (!proc) return 2;
    for (struct dirent *entry; (entry = readdir(proc));) {
      int pid = atoi(entry->d_name);
      if (pid <= 0 || pid >= PIDS || known[pid]) continue;
      if (start) {
        known[pid] = 1;
        continue;
      }
      tried++;
      if (ptrace(PTRACE_SEIZE, pid, 0, 0) != 0) continue;
      known[pid] = 1;
      snprintf(path, sizeof path, "/proc/%d/exe", pid);
      ssize_t size = readlink(path, exe, sizeof exe - 1);
      exe[size < 0 ? 0 : size] = 0;
      printf("seized %d %s\n", pid, exe);
      fflush(stdout);
      ptrace(PTRACE_INTERRUPT, pid, 0, 0);
      waitpid(pid, NULL, __WALL | WNOHANG);
      ptrace(PTRACE_DETACH, pid, 0, 0);
    }
    closedir(proc);
    if (start) close(open(argv[1], O_CREAT | O_WRONLY, 0644));
    if (access(argv[2], F_OK) == 0) break;
  }
  printf("tried %lu\n", tried);
  return 0;
}
