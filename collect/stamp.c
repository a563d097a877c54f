/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * stamp.c - see stamp.h.
 */
#include "collect/stamp.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define SLOPE_ONE   (1ull << 32)
#define TICK_NS_MIN 10000000ull
/* A piece is bent so that it meets the kernel's clock after this time. */
#define STEER_NS 1000000000ull
/* The first slope is measured over this long; the traced program waits meanwhile. */
#define FIRST_NS 200000ull

enum mt_clock mt_stamp_choose(const char *root)
{
#if defined(__x86_64__)
	static const char file[] =
	        "sys/devices/system/clocksource/clocksource0/current_clocksource";
	char path[PATH_MAX], name[16];
	ssize_t got;
	int fd;

	if (snprintf(path, sizeof(path), "%s/%s", root, file) >= (int)sizeof(path))
		return MT_CLOCK_MONOTONIC;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return MT_CLOCK_MONOTONIC;
	got = read(fd, name, sizeof(name) - 1);
	close(fd);
	if (got >= 3 && memcmp(name, "tsc", 3) == 0 && (got == 3 || name[3] == '\n'))
		return MT_CLOCK_TSC;
#else
	(void)root;
#endif
	return MT_CLOCK_MONOTONIC;
}

/* A stamp and the kernel's time at it; of a few tries the one that was least disturbed. */
static void measure(enum mt_clock clock, uint64_t *ret_stamp, uint64_t *ret_ns)
{
	uint64_t best = UINT64_MAX;

	*ret_stamp = *ret_ns = mt_stamp_monotonic_ns();
	if (clock != MT_CLOCK_TSC)
		return;
	for (int i = 0; i < 4; i++) {
		uint64_t before = mt_stamp_read(clock);
		uint64_t ns = mt_stamp_monotonic_ns();
		uint64_t after = mt_stamp_read(clock);

		if (after - before >= best)
			continue;
		best = after - before;
		*ret_stamp = before + best / 2;
		*ret_ns = ns;
	}
}

static uint64_t slope_of(uint64_t ns, uint64_t ticks)
{
	return (uint64_t)(((unsigned __int128)ns << 32) / (ticks ? ticks : 1));
}

void mt_stamp_start(struct mt_stamps *stamps, enum mt_clock clock)
{
	uint64_t stamp, ns;

	memset(stamps, 0, sizeof(*stamps));
	stamps->clock = clock;
	measure(clock, &stamps->first.stamp, &stamps->first.ns);
	stamps->origin_ns = stamps->first.ns;
	stamps->piece.stamp = stamps->first.stamp;
	stamps->piece.slope = SLOPE_ONE;
	if (clock != MT_CLOCK_TSC)
		return;
	do
		measure(clock, &stamp, &ns);
	while (ns - stamps->first.ns < FIRST_NS);
	stamps->piece.slope = slope_of(ns - stamps->first.ns, stamp - stamps->first.stamp);
}

void mt_stamp_tick(struct mt_stamps *stamps)
{
	uint64_t stamp, ns, at, slope;
	int64_t ahead;

	if (stamps->clock != MT_CLOCK_TSC)
		return;
	measure(stamps->clock, &stamp, &ns);
	if (stamp <= stamps->piece.stamp)
		return;
	at = mt_stamp_ns(stamps, stamp);
	if (at < stamps->piece.ns + TICK_NS_MIN)
		return;
	/* The mean rate since the origin, corrected by what the line is ahead or behind. */
	slope = slope_of(ns - stamps->first.ns, stamp - stamps->first.stamp);
	ahead = (int64_t)(at - (ns - stamps->origin_ns));
	if (ahead > (int64_t)(STEER_NS / 2))
		ahead = (int64_t)(STEER_NS / 2);
	if (ahead < -(int64_t)STEER_NS)
		ahead = -(int64_t)STEER_NS;
	slope -= (uint64_t)((__int128)slope * ahead / (int64_t)STEER_NS);
	stamps->past[stamps->past_count++ % MT_STAMP_PIECES] = stamps->piece;
	stamps->piece = (struct mt_stamp_piece){stamp, at, slope};
}

uint64_t mt_stamp_ns_past(const struct mt_stamps *stamps, uint64_t stamp)
{
	uint32_t count = stamps->past_count;
	uint32_t kept = count < MT_STAMP_PIECES ? count : MT_STAMP_PIECES;
	const struct mt_stamp_piece *piece = &stamps->piece;
	uint64_t back;

	for (uint32_t i = 1; i <= kept && stamp < piece->stamp; i++)
		piece = &stamps->past[(count - i) % MT_STAMP_PIECES];
	if (stamp >= piece->stamp)
		return piece->ns +
		       (uint64_t)((unsigned __int128)(stamp - piece->stamp) * piece->slope >> 32);
	/* Older than what is kept: along the oldest line, and never before time 0. */
	back = (uint64_t)((unsigned __int128)(piece->stamp - stamp) * piece->slope >> 32);
	return back < piece->ns ? piece->ns - back : 0;
}

uint64_t mt_stamp_ticks(const struct mt_stamps *stamps, uint64_t ns)
{
	return (uint64_t)(((unsigned __int128)ns << 32) / stamps->piece.slope);
}
