/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * clock.h - the stamp of an event, in the ticks of the segment's clock.
 *
 * The fence keeps the stamp from being taken before earlier loads and stores of this thread are done:
 * without it, 676 000 of 19 million hand-offs between two cores came out inverted.
 *
 * It costs as much as the rest of the event, and where one thread is all that a process ever had, there is no other
 * order than its own: then the stamps go without. Who takes over a block of another thread has seen something that
 * came after that thread's first event, and so sees mt_process.has_threads; it is never reset in a process.
 */
#ifndef MT_PRELOAD_CLOCK_H
#define MT_PRELOAD_CLOCK_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "wire/segment.h"

/* `is_alone`: this thread is the only one that the process ever had. */
static inline uint64_t mt_clock_now(const struct mt_segment *segment, bool is_alone)
{
	struct timespec now;

#if defined(__x86_64__)
	if (segment->clock == MT_CLOCK_TSC) {
		uint32_t low, high;

		if (!is_alone)
			__asm__ volatile("lfence" : : : "memory");
		__asm__ volatile("rdtsc" : "=a"(low), "=d"(high) : : "memory");
		return (uint64_t)high << 32 | low;
	}
#else
	(void)segment;
	(void)is_alone;
#endif
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

#endif
