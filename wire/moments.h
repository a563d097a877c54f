/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * moments.h - the option snapshot=: when pages are looked at without being asked.
 *
 *	off | auto | exit | peak | a time (200ms, 10s, 5min), several by commas
 *
 * Kept in one number: a bit for each word, and the time in ms above them. No libc calls (see options.h).
 */
#ifndef MT_WIRE_MOMENTS_H
#define MT_WIRE_MOMENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define MT_MOMENT_AUTO 1u /* the two below, of processes that are worth it (collect/worth.h) */
#define MT_MOMENT_EXIT 2u
#define MT_MOMENT_PEAK 4u

#define MT_MOMENTS_PERIOD_SHIFT 8
#define MT_MOMENTS_PERIOD_MIN   100u      /* ms */
#define MT_MOMENTS_PERIOD_MAX   86400000u /* a day */

static inline uint64_t mt_moments_period_ms(uint64_t moments)
{
	return moments >> MT_MOMENTS_PERIOD_SHIFT;
}

static inline bool mt_moments_is_word(const char *text, size_t bytes, const char *word)
{
	return strlen(word) == bytes && memcmp(text, word, bytes) == 0;
}

/* A number with its unit, in ms; 0: it is none, or out of bounds. */
static inline uint64_t mt_moments_parse_period(const char *text, size_t bytes)
{
	uint64_t number = 0, unit_ms = 0;
	size_t at = 0;

	for (; at < bytes && text[at] >= '0' && text[at] <= '9'; at++) {
		number = number * 10 + (uint64_t)(text[at] - '0');
		if (number > MT_MOMENTS_PERIOD_MAX)
			return 0;
	}
	if (mt_moments_is_word(text + at, bytes - at, "ms"))
		unit_ms = 1;
	else if (mt_moments_is_word(text + at, bytes - at, "s"))
		unit_ms = 1000;
	else if (mt_moments_is_word(text + at, bytes - at, "min"))
		unit_ms = 60000;
	number *= unit_ms;
	return number < MT_MOMENTS_PERIOD_MIN || number > MT_MOMENTS_PERIOD_MAX ? 0 : number;
}

/* False: a piece is none of these; *ret_moments is untouched then. */
static inline bool mt_moments_parse(const char *text, size_t bytes, uint64_t *ret_moments)
{
	uint64_t words = 0, period_ms = 0;
	bool is_off = false;

	for (size_t at = 0, length; at <= bytes; at += length + 1) {
		const char *piece = text + at;

		for (length = 0; at + length < bytes && piece[length] != ','; length++)
			;
		if (mt_moments_is_word(piece, length, "off"))
			is_off = true;
		else if (mt_moments_is_word(piece, length, "auto"))
			words |= MT_MOMENT_AUTO;
		else if (mt_moments_is_word(piece, length, "exit"))
			words |= MT_MOMENT_EXIT;
		else if (mt_moments_is_word(piece, length, "peak"))
			words |= MT_MOMENT_PEAK;
		else if (period_ms || !(period_ms = mt_moments_parse_period(piece, length)))
			return false;
	}
	if (is_off && (words || period_ms))
		return false;
	*ret_moments = period_ms << MT_MOMENTS_PERIOD_SHIFT | words;
	return true;
}

#endif
