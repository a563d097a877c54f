/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * freeze.c - see freeze.h.
 */
#include "collect/freeze.h"

#include <dirent.h>
#include <elf.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>

#include "base/array.h"
#include "collect/stamp.h"

#define POLL_NS 50000

static bool is_known(const struct mt_freeze *freeze, pid_t tid)
{
	for (size_t i = 0; i < freeze->count; i++)
		if (freeze->threads[i].tid == tid)
			return true;
	return false;
}

/* 0, or -ESRCH when it has ended meanwhile. */
static int wait_for_stop(struct mt_frozen_thread *thread, uint64_t deadline_ns)
{
	struct timespec pause = {0, POLL_NS};

	for (;;) {
		int status;
		pid_t got = waitpid(thread->tid, &status, __WALL | WNOHANG);

		if (got == thread->tid) {
			if (!WIFSTOPPED(status))
				return -ESRCH;
			/* A signal came first: it is delivered when the thread goes on. */
			if (status >> 16 == 0)
				thread->signal = WSTOPSIG(status);
			return 0;
		}
		if (got < 0 && errno != EINTR)
			return -ESRCH;
		if (mt_stamp_monotonic_ns() >= deadline_ns)
			return -ETIMEDOUT;
		nanosleep(&pause, NULL);
	}
}

static void read_registers(struct mt_frozen_thread *thread)
{
#if defined(__x86_64__)
	struct user_regs_struct registers;
	struct iovec part = {&registers, sizeof(registers)};

	if (ptrace(PTRACE_GETREGSET, thread->tid, (void *)NT_PRSTATUS, &part) != 0 ||
	    part.iov_len != sizeof(registers))
		return;
	thread->sp = registers.rsp;
	thread->thread = registers.fs_base;
#else
	(void)thread;
#endif
}

static void let_go(struct mt_frozen_thread *thread)
{
	ptrace(PTRACE_DETACH, thread->tid, NULL, (void *)(uintptr_t)thread->signal);
}

/* Attached, but it does not stop: it is let go as soon as it can be, which is when it stops or we end. */
static int stop_one(struct mt_freeze *freeze, pid_t tid, uint64_t deadline_ns)
{
	struct mt_frozen_thread thread = {.tid = tid};
	int r = MT_ARRAY_RESERVE(freeze->threads, freeze->capacity, freeze->count + 1);

	if (r < 0)
		return r;
	if (ptrace(PTRACE_SEIZE, tid, NULL, NULL) != 0)
		return errno == ESRCH ? 0 : -errno;
	if (!freeze->count)
		freeze->began_ns = mt_stamp_monotonic_ns();
	if (ptrace(PTRACE_INTERRUPT, tid, NULL, NULL) != 0)
		return errno == ESRCH ? 0 : -errno;
	r = wait_for_stop(&thread, deadline_ns);
	if (r == -ESRCH)
		return 0;
	if (r < 0)
		return r;
	read_registers(&thread);
	freeze->threads[freeze->count++] = thread;
	return 1;
}

/* One look through /proc/PID/task. How many threads were stopped in it, or -errno. */
static int stop_listed(pid_t pid, uint64_t deadline_ns, struct mt_freeze *freeze)
{
	char path[64];
	struct dirent *entry;
	int stopped = 0, r = 0;
	DIR *folder;

	snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	folder = opendir(path);
	if (!folder)
		return -errno;
	while (r >= 0 && (entry = readdir(folder))) {
		pid_t tid = (pid_t)atoi(entry->d_name);

		if (tid <= 0 || is_known(freeze, tid))
			continue;
		r = stop_one(freeze, tid, deadline_ns);
		stopped += r > 0;
	}
	closedir(folder);
	return r < 0 ? r : stopped;
}

int mt_freeze(pid_t pid, uint64_t deadline_ns, struct mt_freeze *freeze)
{
	int r;

	/* Until a look finds nobody new: those who are stopped start no others. */
	do
		r = stop_listed(pid, deadline_ns, freeze);
	while (r > 0);
	if (r == 0 && freeze->count == 0)
		r = -ESRCH;
	if (r < 0) {
		mt_freeze_end(freeze);
		freeze->count = 0;
	}
	return r;
}

uint64_t mt_freeze_end(struct mt_freeze *freeze)
{
	for (size_t i = 0; i < freeze->count; i++)
		let_go(&freeze->threads[i]);
	return freeze->count ? mt_stamp_monotonic_ns() - freeze->began_ns : 0;
}

void mt_freeze_free(struct mt_freeze *freeze)
{
	free(freeze->threads);
	memset(freeze, 0, sizeof(*freeze));
}
