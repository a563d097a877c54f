/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * units.h - numbers as a person reads them: bytes, counts, times, shares.
 *
 * Used by report/ wherever text is printed; JSON and CSV never come through here. No state, no
 * locale.
 *
 * One rule everywhere, the one of /proc and of procps: 1 kB is 1024 bytes, 1 MB is 1024 kB, and so
 * on. Less than 1 kB is exact. From there on at most three digits stand before the point, and one
 * after it below 100.
 */
#ifndef MT_BASE_UNITS_H
#define MT_BASE_UNITS_H

#include <stdint.h>

/*
 * Returned by value, so that a call can stand among the arguments of printf: mt_units_bytes(n).text
 */
struct mt_units {
	char text[40];
};

/* "0 B", "1023 B", "1.0 kB", "3.4 MB", "512 GB"; a negative number keeps its sign. */
struct mt_units mt_units_bytes(int64_t bytes);

/* "48,221" */
struct mt_units mt_units_count(int64_t count);

/* "950 ns", "1.2 ms", "3.4 s", "2 min 05 s", "3 h 07 min" */
struct mt_units mt_units_duration(int64_t duration_ns);

/* "42.1 %"; of nothing: "-". What is there but would round to nothing is "<0.1 %". */
struct mt_units mt_units_share(int64_t part, int64_t whole);

/* "1 block", "2 blocks", "1,204 blocks": a count with the word that goes with it. */
struct mt_units mt_units_of(int64_t count, const char *one, const char *many);

#endif
