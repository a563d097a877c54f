/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * heapend.h - where libc's malloc would cut off the end of the break.
 *
 * Pure; called by owners.c. The last free chunk of the break goes back from its end, a page at a time, or a huge page where
 * the tunable glibc.malloc.hugetlb is set: the break grows by them then, and malloc has asked for huge pages
 * (MADV_HUGEPAGE, "hg" in smaps). What is left of the last free chunk stays resident, and of a huge page most of it may.
 *
 *	| block |              last free chunk                         |
 *	        |  stays  |  goes: whole steps, counted from the end   |
 */
#ifndef MT_COLLECT_HEAPEND_H
#define MT_COLLECT_HEAPEND_H

#include <stdint.h>

#include "base/smaps.h"

struct mt_heapend {
	uint64_t break_end; /* 0: there is no break */
	uint64_t step_bytes;
};

struct mt_heapend mt_heapend_find(const struct mt_smaps *smaps, uint64_t page_bytes,
                                  uint64_t huge_bytes);

/* The first byte that goes, where nothing is in use from `start` on. */
uint64_t mt_heapend_cut(const struct mt_heapend *heapend, uint64_t start);

#endif
