/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * daemon.c - see daemon.h.
 */
#include "collect/daemon.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

extern char **environ;

int mt_daemon_detach(void)
{
	pid_t child = fork();

	if (child < 0)
		return -errno;
	if (child > 0)
		_exit(0);
	/* It leads a session, but never opens a terminal: a second fork would only cost time. */
	setsid();
	return 0;
}

static void reset_signals(void)
{
	sigset_t none;

	for (int number = 1; number < NSIG; number++)
		signal(number, SIG_DFL);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

static void reset_scheduling(void)
{
	struct sched_param normal = {0};
	unsigned char all[1024];

	memset(all, 0xff, sizeof(all));
	syscall(SYS_sched_setaffinity, 0, sizeof(all), all);
	sched_setscheduler(0, SCHED_OTHER, &normal);
	setpriority(PRIO_PROCESS, 0, 0);
}

static void raise_limits(void)
{
	static const int limits[] = {RLIMIT_FSIZE, RLIMIT_NOFILE, RLIMIT_AS, RLIMIT_DATA,
	                             RLIMIT_CPU};

	for (size_t i = 0; i < sizeof(limits) / sizeof(*limits); i++) {
		struct rlimit limit;

		if (getrlimit((__rlimit_resource_t)limits[i], &limit) != 0)
			continue;
		limit.rlim_cur = limit.rlim_max;
		setrlimit((__rlimit_resource_t)limits[i], &limit);
	}
}

/* Where there is no close_range (before Linux 5.9). */
static void close_one_by_one(int first)
{
	DIR *folder = opendir("/proc/self/fd");
	struct dirent *entry;

	if (!folder)
		return;
	while ((entry = readdir(folder))) {
		int fd = atoi(entry->d_name);

		if (fd >= first && fd != dirfd(folder))
			close(fd);
	}
	closedir(folder);
}

int mt_daemon_clean(int *ret_starter_fd)
{
	int starter, null;

	reset_signals();
	reset_scheduling();
	raise_limits();
	umask(077);
	/* 3, whatever is there now: everything but fd 0 goes. */
	if (dup3(STDIN_FILENO, 3, O_CLOEXEC) < 0)
		return -errno;
	starter = 3;
	if (syscall(SYS_close_range, 4u, ~0u, 0u) != 0)
		close_one_by_one(4);
	null = open("/dev/null", O_RDWR);
	for (int fd = 0; fd < 3; fd++)
		if (null < 0)
			close(fd);
		else if (null != fd)
			dup2(null, fd);
	if (null > 2)
		close(null);
	if (chdir("/") != 0)
		return -errno;
	*ret_starter_fd = starter;
	return 0;
}

void mt_daemon_clean_environment(void)
{
	char **kept = environ;

	for (char **entry = environ; entry && *entry; entry++)
		if (strncmp(*entry, "LD_PRELOAD=", 11) != 0 && strncmp(*entry, "MEMTRACE_", 9) != 0)
			*kept++ = *entry;
	if (kept)
		*kept = NULL;
}
