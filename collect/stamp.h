/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * stamp.h - the segment's clock: read it, and turn its stamps into nanoseconds since the origin.
 *
 * The drain thread owns a struct mt_stamps. Stamps of the tsc are turned into time by a line that is
 * steered: every tick pairs a stamp with CLOCK_MONOTONIC and bends the line's slope so that it meets
 * the kernel's clock again a second later. So the line has no jumps, and a later stamp never gets an
 * earlier time. The last few pieces of it are kept for events that are published late.
 */
#ifndef MT_COLLECT_STAMP_H
#define MT_COLLECT_STAMP_H

#include <stdint.h>
#include <time.h>

#include "wire/segment.h"

#if defined(__x86_64__)
#include <x86intrin.h>
#endif

#define MT_STAMP_PIECES 64u

/* From `stamp` on: time is ns + (s - stamp) * slope / 2^32. */
struct mt_stamp_piece {
	uint64_t stamp;
	uint64_t ns;
	uint64_t slope;
};

struct mt_stamps {
	enum mt_clock clock;
	uint64_t origin_ns;          /* CLOCK_MONOTONIC at time 0 */
	struct mt_stamp_piece piece; /* the current one */
	struct mt_stamp_piece first; /* measured pair at the origin, for the slope */
	struct mt_stamp_piece past[MT_STAMP_PIECES];
	uint32_t past_count; /* pieces ever put into past[] */
};

/* What every writer of the session uses: the tsc where the kernel itself trusts it. */
enum mt_clock mt_stamp_choose(const char *root);

/* Time 0 is now. */
void mt_stamp_start(struct mt_stamps *stamps, enum mt_clock clock);

/* Pairs the clocks again. Once a tick, at least 10 ms apart; more often is ignored. */
void mt_stamp_tick(struct mt_stamps *stamps);

uint64_t mt_stamp_ns_past(const struct mt_stamps *stamps, uint64_t stamp);

/* How many ticks of the clock `ns` nanoseconds are, by the current slope. */
uint64_t mt_stamp_ticks(const struct mt_stamps *stamps, uint64_t ns);

static inline uint64_t mt_stamp_monotonic_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* The processor time of the calling thread. */
static inline uint64_t mt_stamp_thread_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* The same reading as preload/emit.c does. */
static inline uint64_t mt_stamp_read(enum mt_clock clock)
{
#if defined(__x86_64__)
	if (clock == MT_CLOCK_TSC) {
		_mm_lfence();
		return __rdtsc();
	}
#endif
	(void)clock;
	return mt_stamp_monotonic_ns();
}

/* The time of a stamp, in ns since the origin. */
static inline uint64_t mt_stamp_ns(const struct mt_stamps *stamps, uint64_t stamp)
{
	const struct mt_stamp_piece *piece = &stamps->piece;

	if (__builtin_expect(stamp < piece->stamp, 0))
		return mt_stamp_ns_past(stamps, stamp);
	return piece->ns +
	       (uint64_t)((unsigned __int128)(stamp - piece->stamp) * piece->slope >> 32);
}

#endif
