/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * areas.h - who in the kernel has taken virtual areas, from /proc/vmallocinfo, which root alone may read.
 */
#ifndef MT_HOST_AREAS_H
#define MT_HOST_AREAS_H

#include <stddef.h>
#include <stdint.h>

/* All areas of a caller. */
struct mt_area {
	char *caller; /* "irq_init_percpu_irqstack"; borrowed from the mt_areas */
	uint64_t count;
	uint64_t bytes;       /* of address space; without the guard page the kernel adds */
	uint64_t pages_bytes; /* of memory: what is mapped devices is none */
};

/* Starts as {0}. */
struct mt_areas {
	char *text;
	char *symbols;        /* of /proc/kallsyms, where callers had to be named by it; NULL */
	struct mt_area *rows; /* the most memory first */
	size_t count;
	size_t capacity;
	int error; /* why there is nothing: -errno, or 0 */
};

int mt_areas_read(const char *root, uint64_t page_bytes, struct mt_areas *ret_areas);

void mt_areas_free(struct mt_areas *areas);

#endif
