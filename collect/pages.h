/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * pages.h - the mappings and the resident pages of a process, read together.
 *
 * Called by the thread that takes a snapshot. The process stands still for the first half alone: to take the text of
 * 20 000 mappings apart takes half as long again as to read it.
 */
#ifndef MT_COLLECT_PAGES_H
#define MT_COLLECT_PAGES_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/pagemap.h"
#include "base/smaps.h"

/* All zero is empty. */
struct mt_memory {
	char *text; /* of smaps, until it is taken apart */
	struct mt_smaps smaps;
	struct mt_pages pages; /* of mappings that are part of Rss, from mt_memory_sort() on */
};

/* Reads both. 0 or -errno; *memory is to be freed either way. */
int mt_memory_read(pid_t pid, uint64_t page_bytes, struct mt_memory *memory);

/* Takes apart what was read. 0 or -errno. */
int mt_memory_sort(uint64_t page_bytes, struct mt_memory *memory);

/* Do mappings and pages say the same of what is resident? After mt_memory_sort(). */
bool mt_memory_agrees(const struct mt_memory *memory);

void mt_memory_free(struct mt_memory *memory);

#endif
