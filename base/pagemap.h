/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * pagemap.h - which pages of a process are resident.
 *
 * The exact source is the ioctl PAGEMAP_SCAN (Linux 6.7): it tells the zero page, which is mapped and not resident,
 * from others without any privilege. Before, /proc/PID/pagemap is read: the zero page then counts as resident, unless
 * its frame number is known (root). Which one it was stands beside the result.
 */
#ifndef MT_BASE_PAGEMAP_H
#define MT_BASE_PAGEMAP_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum mt_pagemap_source {
	MT_PAGEMAP_NONE = 0,
	MT_PAGEMAP_SCAN, /* exact */
	MT_PAGEMAP_READ, /* zero pages may be among them */
};

/* Bits of a run of pages. */
#define MT_PAGE_RESIDENT 1u
#define MT_PAGE_SWAPPED  2u
#define MT_PAGE_FILE     4u /* of a file or of shared memory */
#define MT_PAGE_HUGE     8u /* mapped by a huge page; only PAGEMAP_SCAN tells */

struct mt_page_run {
	uint64_t start;
	uint64_t end;  /* one past the last byte */
	uint32_t bits; /* MT_PAGE_*, the same for all its pages */
};

/* Resident and swapped pages, by address; the rest is not listed. */
struct mt_pages {
	enum mt_pagemap_source source;
	struct mt_page_run *runs;
	size_t count;
	size_t capacity;
};

/* /proc/PID/pagemap; free with close(). -errno. */
int mt_pagemap_open(const char *root, pid_t pid);

/* Adds the pages of [start, end) to *pages, which starts as {0}; both are page-aligned. 0 or -errno. */
int mt_pagemap_add(int fd, uint64_t start, uint64_t end, struct mt_pages *pages);

/*
 * Adds the pages of all mappings, in one call where the process has few; also of those that are no part of its Rss
 * (hugetlb). -ENOTTY: this kernel has no PAGEMAP_SCAN; nothing was added.
 */
int mt_pagemap_add_all(int fd, struct mt_pages *pages);

/* Takes out what lies in [start, end). 0 or -ENOMEM. */
int mt_pages_remove(struct mt_pages *pages, uint64_t start, uint64_t end);

void mt_pages_free(struct mt_pages *pages);

/* What a report calls the source. */
const char *mt_pagemap_source_name(enum mt_pagemap_source source);

#endif
