/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * zones.h - the zones of memory: their watermarks and what is free in blocks of each order.
 *
 * From /proc/zoneinfo and /proc/buddyinfo, which are matched by node and name.
 */
#ifndef MT_HOST_ZONES_H
#define MT_HOST_ZONES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MT_ZONE_ORDERS_MAX 24u
#define MT_ZONES_MAX       512u

/* In pages. */
struct mt_zone {
	unsigned int node;
	char name[16];
	bool has_marks;  /* what stands in zoneinfo is known */
	bool has_orders; /* what stands in buddyinfo is known */
	uint64_t free;
	uint64_t
	        boost; /* in the marks, too: how much they are raised for now, against fragmentation */
	uint64_t min;  /* below it only the kernel's own urgent needs are met */
	uint64_t low;  /* kswapd is woken below it */
	uint64_t high; /* and goes back to sleep above it */
	uint64_t present;
	uint64_t managed;
	uint64_t reserve; /* the most that is kept from requests that could do with a higher zone */
	uint64_t orders[MT_ZONE_ORDERS_MAX]; /* free blocks of 2^i pages */
	unsigned int order_count;
};

/* Starts as {0}. */
struct mt_zones {
	struct mt_zone *rows;
	size_t count;
	size_t capacity;
	int marks_error;  /* of /proc/zoneinfo: 0 or -errno */
	int orders_error; /* of /proc/buddyinfo */
};

/* 0 or -ENOMEM; what cannot be read is in the errors. */
int mt_zones_read(const char *root, struct mt_zones *ret_zones);

/* The zone of that name, which may be a new one. 0, -E2BIG or -ENOMEM. */
int mt_zones_find(struct mt_zones *zones, unsigned int node, const char *name,
                  struct mt_zone **ret_zone);

/* The figures of zoneinfo by their names there; "free" and "reserve" are ours. The last has no name. */
struct mt_zone_mark {
	const char *name;
	size_t at; /* in struct mt_zone */
};

extern const struct mt_zone_mark mt_zone_marks[];

uint64_t *mt_zone_figure(struct mt_zone *zone, const struct mt_zone_mark *mark);

/* Pages of a zone in free blocks of 2^order pages and larger. */
uint64_t mt_zone_free_from(const struct mt_zone *zone, unsigned int order);

/*
 * How much of a zone's free memory cannot serve a request of 2^order pages, in 1/1000: 0 none of it, 1000 all.
 * (The unusable free space index of the kernel's extfrag debug files.)
 */
unsigned int mt_zone_unusable(const struct mt_zone *zone, unsigned int order);

void mt_zones_free(struct mt_zones *zones);

#endif
