/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * hugepages.h - transparent huge pages and the pools of reserved ones.
 */
#ifndef MT_HOST_HUGEPAGES_H
#define MT_HOST_HUGEPAGES_H

#include <stddef.h>
#include <stdint.h>

#define MT_HUGE_POOLS_MAX 8u

/* A folder of /sys/kernel/mm/hugepages. */
struct mt_huge_pool {
	uint64_t page_bytes;
	uint64_t total; /* in pages of that size */
	uint64_t free;
	uint64_t reserved; /* of the free ones: promised to somebody */
	uint64_t surplus;  /* of the total: beyond what was configured */
};

struct mt_hugepages {
	char enabled[32]; /* "always", "madvise", "never"; "" where it is not known */
	char defrag[32];
	struct mt_huge_pool pools[MT_HUGE_POOLS_MAX]; /* the smallest first */
	size_t pool_count;
	int pools_error; /* 0 or -errno */
};

void mt_hugepages_read(const char *root, struct mt_hugepages *ret_hugepages);

#endif
