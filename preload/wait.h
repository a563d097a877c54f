/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * wait.h - one step of waiting for the collector, and how long it was.
 *
 * A signal of the program's ends a step early, and a profiler sends a thousand a second: counted by steps, ten
 * seconds would be over in a tenth of one. So a step counts for what the monotonic clock says that it took, and for
 * no more than it was meant to take: what kept the thread itself from running is not held against the collector.
 */
#ifndef MT_PRELOAD_WAIT_H
#define MT_PRELOAD_WAIT_H

#include <linux/futex.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static inline uint64_t mt_wait_clock_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* Until the word is no longer `expected` and woken, or for step_ns, less than a second. Returns ns; may set errno. */
static inline uint64_t mt_wait(_Atomic uint32_t *word, uint32_t expected, uint32_t step_ns)
{
	struct timespec step = {0, (long)step_ns};
	uint64_t start_ns = mt_wait_clock_ns();
	uint64_t took_ns;

	syscall(SYS_futex, word, FUTEX_WAIT, expected, &step, NULL, 0);
	took_ns = mt_wait_clock_ns() - start_ns;
	return took_ns < step_ns ? took_ns : step_ns;
}

#endif
