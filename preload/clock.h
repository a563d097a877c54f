/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * clock.h - the segment's clock: a stamp in its ticks.
 *
 * The fence keeps it from being read before earlier loads and stores of this thread are done. Who needs one: order.h.
 */
#ifndef MT_PRELOAD_CLOCK_H
#define MT_PRELOAD_CLOCK_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "wire/segment.h"

/* What this thread reads of the clock after it, it reads after all that it has loaded before. */
static inline void mt_clock_fence(void)
{
#if defined(__x86_64__)
	__asm__ volatile("lfence" : : : "memory");
#endif
}

static inline uint64_t mt_clock_now(const struct mt_segment *segment, bool is_fenced)
{
	struct timespec now;

#if defined(__x86_64__)
	if (segment->clock == MT_CLOCK_TSC) {
		uint32_t low, high;

		if (is_fenced)
			mt_clock_fence();
		__asm__ volatile("rdtsc" : "=a"(low), "=d"(high) : : "memory");
		return (uint64_t)high << 32 | low;
	}
#else
	(void)segment;
	(void)is_fenced;
#endif
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

#endif
