/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * freeze.h - stops every thread of a process for a moment, so that what is read of it belongs together.
 *
 * By ptrace, which ends with whoever attached: all calls come from one thread, and if that dies, the process runs on. A
 * stop that the process had already (SIGSTOP, a debugger's) stays as it was. System calls that Linux does not restart
 * (epoll_wait, nanosleep's relatives and others, see signal(7)) may return EINTR, as they do after any stop.
 */
#ifndef MT_COLLECT_FREEZE_H
#define MT_COLLECT_FREEZE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct mt_frozen_thread {
	pid_t tid;
	int signal;      /* that was on its way and is handed on; 0: none */
	uint64_t sp;     /* stack pointer; 0: not known */
	uint64_t thread; /* thread pointer: on its stack's upper end; 0: not known */
};

/* Starts as {0}. */
struct mt_freeze {
	struct mt_frozen_thread *threads;
	size_t count;
	size_t capacity;
	uint64_t began_ns; /* CLOCK_MONOTONIC when the first thread was stopped */
};

/*
 * Stops all threads of `pid`, also those that others start meanwhile. 0, or -errno and then nothing is stopped: -EPERM
 * where ptrace is not allowed, -ETIMEDOUT when a thread has not stopped by deadline_ns (CLOCK_MONOTONIC; one that waits
 * for a disk or for NFS).
 */
int mt_freeze(pid_t pid, uint64_t deadline_ns, struct mt_freeze *freeze);

/* Lets them go on; for how long they stood still, ns. The list of threads stays. */
uint64_t mt_freeze_end(struct mt_freeze *freeze);

void mt_freeze_free(struct mt_freeze *freeze);

#endif
