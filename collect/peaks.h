/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * peaks.h - whether the pages of a process are to be looked at, as more are resident than at any look before.
 *
 * Pure; used by the probe thread. A twentieth more is a new peak, so that the peak is always explained within 5 %. But a
 * look at a process that grows is thrown away when the next one takes its place. With snapshot=auto a process is therefore
 * left to grow by half, or until the looks are no more than 0.5 % of its time; it has to be looked at before it shrinks:
 * when the library says that it is about to (wire/segment.h), when the figures have begun to fall, or at its end.
 */
#ifndef MT_COLLECT_PEAKS_H
#define MT_COLLECT_PEAKS_H

#include <stdbool.h>
#include <stdint.h>

/* All zero is a process that was never looked at. Times: CLOCK_MONOTONIC. */
struct mt_peaks {
	uint64_t looked_bytes; /* that were resident in the largest look */
	uint64_t wanted_bytes; /* that were when the last one was asked for */
	uint64_t most_bytes;   /* that were since then */
	uint64_t spent_ns;     /* processor time of all looks */
	uint64_t grow_ns;      /* it is left to grow until then */
	uint64_t rest_ns;      /* and left alone until then, */
	bool is_costly;        /* even if it is about to shrink */
};

/* May it be looked at now at all? */
bool mt_peaks_may_look(const struct mt_peaks *peaks, uint64_t now_ns, bool is_about_to_shrink);

/* So much is resident; is_greedy: whoever asks wants every peak that can be had, not a cheap part of them. */
bool mt_peaks_is_due(struct mt_peaks *peaks, uint64_t rss_bytes, uint64_t now_ns, bool is_greedy,
                     bool is_about_to_shrink);

/* It was looked at: so much was resident, and so long did it take, of which cpu_ns of a processor. */
void mt_peaks_looked(struct mt_peaks *peaks, uint64_t bytes, uint64_t took_ns, uint64_t cpu_ns,
                     uint64_t now_ns, bool is_greedy);

#endif
