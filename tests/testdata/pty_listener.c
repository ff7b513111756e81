/* cc: -O2 -static */
/*
 * Listens on a socket for the master of a terminal, as an engine does.
 *
 * usage: pty_listener PATH
 *
 * Prints `listening`; then `got N NAME ROWS COLS`: how many descriptors came,
 * the message, and the terminal's size. What is on standard input is typed;
 * what the terminal shows is printed, up to its end.
 */
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

int main(int argc, char **argv) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  char folder[4096], file[4096], text[4096] = "";
  char control[CMSG_SPACE(4 * sizeof(int))];
  struct iovec iov = {text, sizeof text - 1};
  struct msghdr message = {.msg_iov = &iov,
                           .msg_iovlen = 1,
                           .msg_control = control,
                           .msg_controllen = sizeof control};
  struct winsize size = {0, 0, 0, 0};
  struct cmsghdr *header;
  char bytes[4096];
  ssize_t n;
  int count = 0, master = -1;

  if (argc != 2) return 2;
  /* A path too long for an address is bound from its folder. */
  strcpy(folder, argv[1]);
  strcpy(file, argv[1]);
  char *name = basename(file);
  if (chdir(dirname(folder)) != 0) return 3;
  strncpy(address.sun_path, name, sizeof address.sun_path - 1);
  int server = socket(AF_UNIX, SOCK_STREAM, 0);
  if (bind(server, (struct sockaddr *)&address, sizeof address) != 0) return 4;
  if (listen(server, 1) != 0) return 5;
  printf("listening\n");
  fflush(stdout);

  int connection = accept(server, NULL, NULL);
  if (connection < 0 || recvmsg(connection, &message, 0) < 0) return 6;
  header = CMSG_FIRSTHDR(&message);
  if (header != NULL && header->cmsg_type == SCM_RIGHTS) {
    count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    memcpy(&master, CMSG_DATA(header), sizeof master);
  }
  ioctl(master, TIOCGWINSZ, &size);
  printf("got %d %s %d %d\n", count, text, size.ws_row, size.ws_col);
  fflush(stdout);
  while ((n = read(0, bytes, sizeof bytes)) > 0) {
    if (write(master, bytes, n) != n) return 7;
  }
  while ((n = read(master, bytes, sizeof bytes)) > 0) {
    if (write(1, bytes, n) != n) return 8;
  }
  return 0;
}
