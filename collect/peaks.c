/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * peaks.c - see peaks.h.
 */
#include "collect/peaks.h"

#define NS_PER_MS 1000000ull
/* A process that grows is left to after a look for this many times the processor time that the look took. */
#define GROW_FACTOR 200u
/*
 * While smaps is read, the process cannot map anything: it is left alone for this many times as long. Not a process that
 * comes and goes quickly: the first of this much time are free. Nor where every peak is asked for.
 */
#define REST_FACTOR   100u
#define GREEDY_FACTOR 1u
#define FREE_NS       (20 * NS_PER_MS)
/* It was over when it could be looked at, or the kernel's figures do not agree: much later. */
#define MISSED_FACTOR 100u

bool mt_peaks_may_look(const struct mt_peaks *peaks, uint64_t now_ns, bool is_about_to_shrink)
{
	return now_ns >= peaks->rest_ns || (is_about_to_shrink && !peaks->is_costly);
}

bool mt_peaks_is_due(struct mt_peaks *peaks, uint64_t rss_bytes, uint64_t now_ns, bool is_greedy,
                     bool is_about_to_shrink)
{
	bool has_fallen = rss_bytes < peaks->most_bytes - peaks->most_bytes / 50;

	if (rss_bytes > peaks->most_bytes)
		peaks->most_bytes = rss_bytes;
	if (rss_bytes <= peaks->looked_bytes + peaks->looked_bytes / 20 ||
	    !mt_peaks_may_look(peaks, now_ns, is_about_to_shrink))
		return false;
	if (!is_greedy && !is_about_to_shrink && !has_fallen && now_ns < peaks->grow_ns &&
	    rss_bytes < peaks->looked_bytes + peaks->looked_bytes / 2)
		return false;
	peaks->wanted_bytes = rss_bytes;
	return true;
}

void mt_peaks_looked(struct mt_peaks *peaks, uint64_t bytes, uint64_t took_ns, uint64_t cpu_ns,
                     uint64_t now_ns, bool is_greedy)
{
	uint64_t factor;

	peaks->spent_ns += cpu_ns;
	peaks->is_costly = !is_greedy && peaks->spent_ns >= FREE_NS;
	factor = peaks->is_costly ? REST_FACTOR : GREEDY_FACTOR;
	if (bytes + bytes / 20 < peaks->wanted_bytes)
		factor = MISSED_FACTOR;
	if (bytes > peaks->looked_bytes)
		peaks->looked_bytes = bytes;
	peaks->most_bytes = bytes;
	peaks->grow_ns = now_ns + cpu_ns * GROW_FACTOR;
	peaks->rest_ns = now_ns + took_ns * factor;
}
