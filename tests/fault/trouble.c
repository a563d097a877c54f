/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * trouble.c - a program that does one thing in the middle of its work, and says what it was worth.
 *
 *	trouble [THREADS [BLOCKS [FORKS]]] <ORDER
 *
 * It prints "ready", reads an order, works, and prints a sum of all that it had in its blocks; a wrong byte in one of
 * them, or a child that fails, shows in the sum or the exit status, which is 7 when all is well. Half way through, its
 * first thread obeys the order:
 *
 *	go               nothing
 *	kill PID SIGNAL  sends a signal, and goes on when the process is gone
 *	full FILE        writes into FILE until nothing more can be written
 *	remove FILE      unlinks it
 *	rename FILE NEW
 *	pause            prints "paused" and awaits another order
 *	close            closes every descriptor, opens a file as 0 and gives it all numbers up to 63; what is in it at
 *	                 the end has to be what it wrote there. Nothing is printed then; the exit status tells.
 *	chroot FOLDER
 *	prison           a seccomp filter that kills at all but what this program does from there on, and futex, getpid,
 *	                 gettid
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define KEPT 256

static int blocks = 2000;
static char order[8192], word[16], first[4096], second[4096];
static bool is_closed;

/* What a program of this kind does for itself, which is measured by strace in 75-only-known-system-calls.sh. */
static void go_to_prison(void)
{
	static const int allowed[] = {
	        SYS_brk,
	        SYS_clone3,
	        SYS_clone,
	        SYS_close,
	        SYS_exit,
	        SYS_exit_group,
	        SYS_fstat,
	        SYS_getrandom,
	        SYS_madvise,
	        SYS_mmap,
	        SYS_mprotect,
	        SYS_mremap,
	        SYS_munmap,
	        SYS_newfstatat,
	        SYS_openat,
	        SYS_read,
	        SYS_rseq,
	        SYS_rt_sigprocmask,
	        SYS_rt_sigaction,
	        SYS_rt_sigreturn,
	        SYS_set_robust_list,
	        SYS_wait4,
	        SYS_write,
	        /* and those of the library */
	        SYS_futex,
	        SYS_getpid,
	        SYS_gettid,
	};
	enum { COUNT = sizeof(allowed) / sizeof(*allowed) };
	struct sock_filter filter[2 * COUNT + 2];
	struct sock_fprog program = {.filter = filter};
	unsigned short at = 0;

	filter[at++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
	                                            offsetof(struct seccomp_data, nr));
	for (int i = 0; i < COUNT; i++) {
		filter[at++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K,
		                                            (unsigned int)allowed[i], 0, 1);
		filter[at++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	}
	filter[at++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS);
	program.len = at;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0)
		exit(3);
}

static void fill(const char *path)
{
	static char page[65536];
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	ssize_t got;

	while ((got = write(fd, page, sizeof(page))) > 0)
		;
	/* To the last byte. */
	while (write(fd, page, 1) > 0)
		;
	close(fd);
}

static void put_to_death(const char *pid, int number)
{
	char path[64], target[16];

	snprintf(path, sizeof(path), "/proc/%.20s/exe", pid);
	kill(atoi(pid), number);
	/* A zombie has none. */
	while (readlink(path, target, sizeof(target)) > 0)
		;
}

static void close_all(void)
{
	int fd;

	is_closed = true;
	if (syscall(SYS_close_range, 0u, ~0u, 0u) != 0)
		for (fd = 0; fd < 1024; fd++)
			close(fd);
	fd = open("mine", O_RDWR | O_CREAT | O_TRUNC, 0600);
	if (fd != 0 || write(fd, "mine alone", 10) != 10)
		_exit(4);
	for (fd = 1; fd < 64; fd++)
		if (dup2(0, fd) != fd)
			_exit(4);
}

/* The file is as it was left, and every number still names it. */
static bool is_untouched(void)
{
	char text[32] = "";

	for (int fd = 0; fd < 64; fd++)
		if (lseek(fd, 0, SEEK_CUR) != 10 || pread(fd, text, sizeof(text), 0) != 10 ||
		    memcmp(text, "mine alone", 10) != 0)
			return false;
	return true;
}

static bool read_order(void)
{
	return fgets(order, sizeof(order), stdin) &&
	       sscanf(order, "%15s %4095s %4095s", word, first, second) >= 1;
}

static void obey(void)
{
	while (strcmp(word, "pause") == 0) {
		puts("paused");
		fflush(stdout);
		if (!read_order())
			exit(2);
	}
	if (strcmp(word, "kill") == 0)
		put_to_death(first, atoi(second));
	else if (strcmp(word, "full") == 0)
		fill(first);
	else if (strcmp(word, "remove") == 0)
		unlink(first);
	else if (strcmp(word, "rename") == 0)
		rename(first, second);
	else if (strcmp(word, "close") == 0)
		close_all();
	else if (strcmp(word, "chroot") == 0 && (chroot(first) != 0 || chdir("/") != 0))
		exit(3);
	else if (strcmp(word, "prison") == 0)
		go_to_prison();
}

/* Each from a stack of its own, as far as 32 go. */
static char *__attribute__((noinline)) make(int depth, size_t bytes)
{
	char *block = depth ? make(depth - 1, bytes) : malloc(bytes);

	__asm__ volatile("" : : : "memory");
	return block;
}

/* Allocates, fills, checks and frees; the sum does not depend on who runs when. */
static uint64_t churn(uint32_t seed, int rounds)
{
	char *kept[KEPT] = {NULL};
	size_t bytes[KEPT] = {0};
	uint64_t sum = 0;

	for (int i = 0; i < rounds; i++) {
		uint32_t at = (seed = seed * 1664525u + 1013904223u) >> 24;

		for (size_t b = 0; b < bytes[at]; b += 13)
			sum += (unsigned char)kept[at][b];
		free(kept[at]);
		bytes[at] = 16 + (seed >> 8) % 500;
		kept[at] = make((int)(seed >> 16) % 32, bytes[at]);
		memset(kept[at], (int)(seed >> 4), bytes[at]);
	}
	for (int at = 0; at < KEPT; at++)
		free(kept[at]);
	return sum;
}

static void *work(void *number)
{
	uint64_t sum = churn((uint32_t)(uintptr_t)number, blocks / 2);

	if (!number)
		obey();
	return (void *)(uintptr_t)(sum + churn((uint32_t)(uintptr_t)number + 99, blocks / 2));
}

static int fork_some(int count)
{
	int wrong = 0;

	for (int i = 0; i < count; i++) {
		pid_t child = fork();
		int status = 1;

		if (child == 0)
			_exit(churn((uint32_t)i, 50) == 1);
		if (child < 0 || waitpid(child, &status, 0) != child || status != 0)
			wrong++;
	}
	return wrong;
}

int main(int count, char **arguments)
{
	int threads = count > 1 ? atoi(arguments[1]) : 1;
	int forks = count > 3 ? atoi(arguments[3]) : 0;
	pthread_t ids[64];
	uint64_t sum = 0;
	void *part;

	blocks = count > 2 ? atoi(arguments[2]) : blocks;
	puts("ready");
	fflush(stdout);
	if (!read_order())
		return 2;
	/* For who looks at the system calls: what follows is work. */
	access("/the/mark", F_OK);
	for (int i = 1; i < threads && i < 64; i++)
		if (pthread_create(&ids[i], NULL, work, (void *)(uintptr_t)i) != 0)
			return 5;
	sum = (uint64_t)(uintptr_t)work(NULL);
	for (int i = 1; i < threads && i < 64; i++) {
		pthread_join(ids[i], &part);
		sum += (uint64_t)(uintptr_t)part;
	}
	if (fork_some(forks) != 0)
		return 6;
	if (is_closed)
		return is_untouched() ? 7 : 8;
	printf("sum %llu\n", (unsigned long long)sum);
	fflush(stdout);
	return 7;
}
