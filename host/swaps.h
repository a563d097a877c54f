/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * swaps.h - where anonymous memory can go: swap devices and files, zram, and zswap before them.
 */
#ifndef MT_HOST_SWAPS_H
#define MT_HOST_SWAPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A line of /proc/swaps; of a zram device also what the pages take up. */
struct mt_swap {
	char *name; /* "/dev/vda2", as the kernel escapes it */
	char *type; /* "partition", "file" */
	uint64_t size_bytes;
	uint64_t used_bytes;
	int64_t priority;
	bool is_zram;
	uint64_t zram_data_bytes;   /* before compression */
	uint64_t zram_memory_bytes; /* of memory, for that */
};

/* Starts as {0}. */
struct mt_swaps {
	char *text;
	struct mt_swap *rows;
	size_t count;
	size_t capacity;
	int error; /* of /proc/swaps: 0 or -errno */
	bool has_zswap;
	bool zswap_enabled;
};

int mt_swaps_read(const char *root, struct mt_swaps *ret_swaps);

void mt_swaps_free(struct mt_swaps *swaps);

#endif
