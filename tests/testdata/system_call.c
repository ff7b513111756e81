/* cc: -static -pthread */
/*
 * Makes system calls by their numbers, each in a child of its own, and prints a
 * line for each: "= RESULT" (negative: an errno), "trap NUMBER" when it was
 * trapped with SIGSYS, or "signal NUMBER" when it killed.
 *
 *   system_call [-f PROGRAM] [-t] CALL...
 *
 * CALL is NUMBER[:ARGUMENT...], or i386:NUMBER[:ARGUMENT...] for int 0x80.
 * -f: the child loads this file as its filter first (with no_new_privs).
 * -t: the call is made by a second thread; "thread gone" when that was killed
 * and the process was not.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static long result;
static int came_back;

static long old_call(long nr, const unsigned long *a)
{
#ifdef __x86_64__
	long r;
	__asm__ volatile("push %%rbp; mov %7, %%rbp; int $0x80; pop %%rbp"
			 : "=a"(r)
			 : "a"(nr), "b"(a[0]), "c"(a[1]), "d"(a[2]), "S"(a[3]),
			   "D"(a[4]), "r"(a[5])
			 : "memory", "cc", "r8", "r9", "r10", "r11");
	return r;
#else
	(void)nr;
	(void)a;
	return -38;
#endif
}

static void *make_call(void *text)
{
	char *word = strtok(text, ":");
	int old = word != NULL && strcmp(word, "i386") == 0;
	unsigned long v[7] = { 0 };
	if (old)
		word = strtok(NULL, ":");
	for (int i = 0; i < 7 && word != NULL; i++) {
		v[i] = strtoul(word, NULL, 0);
		word = strtok(NULL, ":");
	}
	if (old) {
		result = old_call((long)v[0], v + 1);
	} else {
		result = syscall((long)v[0], v[1], v[2], v[3], v[4], v[5], v[6]);
		if (result == -1)
			result = -errno;
	}
	came_back = 1;
	return NULL;
}

static void on_trap(int number, siginfo_t *info, void *context)
{
	(void)number;
	(void)context;
	printf("trap %d\n", info->si_syscall);
	fflush(stdout);
	_exit(0);
}

static void load(const char *path)
{
	static struct sock_filter code[BPF_MAXINSNS];
	int fd = open(path, O_RDONLY);
	ssize_t size = read(fd, code, sizeof code);
	struct sock_fprog program = { (unsigned short)(size / 8), code };
	close(fd);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) {
		perror("load");
		_exit(2);
	}
}

int main(int argc, char **argv)
{
	const char *filter = NULL;
	int threaded = 0, option;
	while ((option = getopt(argc, argv, "f:t")) != -1) {
		if (option == 'f')
			filter = optarg;
		else
			threaded = 1;
	}
	for (int i = optind; i < argc; i++) {
		int status, ends[2];
		if (pipe(ends) != 0)
			return 1;
		pid_t child = fork();
		if (child < 0)
			return 1;
		if (child == 0) {
			struct sigaction action = { 0 };
			action.sa_sigaction = on_trap;
			action.sa_flags = SA_SIGINFO;
			sigaction(SIGSYS, &action, NULL);
			if (filter != NULL)
				load(filter);
			if (threaded) {
				pthread_t thread;
				pthread_create(&thread, NULL, make_call, argv[i]);
				pthread_join(thread, NULL);
			} else {
				make_call(argv[i]);
			}
			if (write(ends[1], &result, sizeof result) < 0)
				_exit(3);
			_exit(came_back ? 0 : 4);
		}
		close(ends[1]);
		if (waitpid(child, &status, 0) != child)
			return 1;
		if (WIFSIGNALED(status))
			printf("signal %d\n", WTERMSIG(status));
		else if (WEXITSTATUS(status) == 4)
			printf("thread gone\n");
		else if (read(ends[0], &result, sizeof result) == sizeof result)
			printf("= %ld\n", result);
		close(ends[0]);
		fflush(stdout);
	}
	return 0;
}
