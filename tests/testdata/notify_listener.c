/* cc: -static */
/*
 * Answers notified system calls, as an agent of seccomp(2) does.
 *
 * usage: notify_listener SOCKET FILE ERRNO
 *
 * Takes one message from one connection to SOCKET, writes it to FILE, and then
 * fails each notified call with ERRNO, or lets it go on where that is 0, until
 * no process is left whose calls could be notified.
 */
#include <linux/seccomp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	if (argc != 4)
		return 2;
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int listening = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (strrchr(argv[1], '/') != NULL) {
		/* The path may be longer than an address. */
		*strrchr(argv[1], '/') = 0;
		if (chdir(argv[1]) != 0)
			return 3;
		argv[1] += strlen(argv[1]) + 1;
	}
	strncpy(address.sun_path, argv[1], sizeof address.sun_path - 1);
	if (bind(listening, (void *)&address, sizeof address) != 0 ||
	    listen(listening, 1) != 0) {
		perror("listen");
		return 3;
	}
	int connection = accept(listening, NULL, NULL);
	static char text[65536];
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec part = { text, sizeof text };
	struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1,
				  .msg_control = &control,
				  .msg_controllen = sizeof control };
	ssize_t size = recvmsg(connection, &message, MSG_CMSG_CLOEXEC);
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);
	if (size <= 0 || header == NULL || header->cmsg_type != SCM_RIGHTS)
		return 4;
	int fd;
	memcpy(&fd, CMSG_DATA(header), sizeof fd);
	FILE *file = fopen(argv[2], "w");
	if (file == NULL)
		return 5;
	fwrite(text, 1, (size_t)size, file);
	fclose(file);
	for (;;) {
		struct pollfd ready = { fd, POLLIN, 0 };
		struct seccomp_notif notice = { 0 };
		struct seccomp_notif_resp answer = { 0 };
		if (poll(&ready, 1, -1) < 0 || (ready.revents & POLLHUP) != 0)
			return 0;
		if (ioctl(fd, SECCOMP_IOCTL_NOTIF_RECV, &notice) != 0)
			continue;
		answer.id = notice.id;
		answer.error = -atoi(argv[3]);
		if (answer.error == 0)
			answer.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
		ioctl(fd, SECCOMP_IOCTL_NOTIF_SEND, &answer);
	}
}
