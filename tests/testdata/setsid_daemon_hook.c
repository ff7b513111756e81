/* cc: -static */
/*
 * A hook that leaves a daemon: the grandchild has its own session, writes its
 * pid (as its own pid namespace counts) to argv[1], and sleeps. With `hang` as
 * argv[2] the hook itself sleeps too; else it exits 0.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int main(int argc, char **argv) {
  if (argc < 2) return 2;
  if (fork() == 0) {
    setsid();
    if (fork() != 0) _exit(0);
    FILE *out = fopen(argv[1], "w");
    if (out) {
      fprintf(out, "%d\n", getpid());
      fclose(out);
    }
    for (;;) pause();
  }
  while (argc > 2 && strcmp(argv[2], "hang") == 0) pause();
  return 0;
}
