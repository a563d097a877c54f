/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * kept_machine.c - the machine as rows, and back.
 */
#include "host/kept_parts.h"

#include "base/array.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int mt_kept_put_fields(struct mt_kept *kept, const char *source, const struct mt_fields *fields)
{
	int r = 0;

	for (size_t i = 0; i < fields->count && r == 0; i++)
		r = mt_kept_print(kept, source, fields->rows[i].value, "%s", fields->rows[i].name);
	return r;
}

int mt_kept_take_field(struct mt_fields *fields, const struct mt_kept_row *row)
{
	if (MT_ARRAY_RESERVE(fields->rows, fields->capacity, fields->count + 1) < 0)
		return -ENOMEM;
	fields->rows[fields->count++] =
	        (struct mt_field){.name = row->name,
	                          .value = mt_kept_number(row->value),
	                          .is_bytes = row->source == mt_kept_meminfo &&
	                                      strncmp(row->name, "HugePages_", 10) != 0};
	fields->error = 0;
	return 0;
}

/* Of the hundreds of counters those that say how hard memory was looked for. */
int mt_kept_put_vmstat(struct mt_kept *kept, const struct mt_fields *fields)
{
	static const char *const starts[] = {
	        "pgfault",    "pgmajfault", "pswp",          "pgscan_",
	        "pgsteal_",   "allocstall", "compact_stall", "workingset_refault_",
	        "thp_fault_", "oom_kill"};
	int r = 0;

	for (size_t i = 0; i < fields->count && r == 0; i++)
		for (size_t j = 0; j < sizeof(starts) / sizeof(starts[0]) && r == 0; j++)
			if (strncmp(fields->rows[i].name, starts[j], strlen(starts[j])) == 0)
				r = mt_kept_print(kept, mt_kept_vmstat, fields->rows[i].value, "%s",
				                  fields->rows[i].name);
	return r;
}

static const struct {
	const char *name;
	size_t at; /* in struct mt_pressure */
	bool is_total;
} pressures[] = {
#define ROWS(who)                                                                  \
	{#who " avg10", offsetof(struct mt_pressure, who.avg10), false},           \
	        {#who " avg60", offsetof(struct mt_pressure, who.avg60), false},   \
	        {#who " avg300", offsetof(struct mt_pressure, who.avg300), false}, \
	        {#who " total", offsetof(struct mt_pressure, who.total_us), true},
        ROWS(some) ROWS(full)
#undef ROWS
};

int mt_kept_put_pressure(struct mt_kept *kept, const struct mt_pressure *from)
{
	int r = from->error ? 1 : 0;

	for (size_t i = 0; i < sizeof(pressures) / sizeof(pressures[0]) && r == 0; i++) {
		const char *at = (const char *)from + pressures[i].at;
		uint64_t number;
		uint32_t share;

		if (pressures[i].is_total) {
			memcpy(&number, at, sizeof(number));
		} else {
			memcpy(&share, at, sizeof(share));
			number = share;
		}
		r = mt_kept_print(kept, mt_kept_pressure, number, "%s", pressures[i].name);
	}
	return r < 0 ? r : 0;
}

void mt_kept_take_pressure(struct mt_pressure *to, const struct mt_kept_row *row)
{
	for (size_t i = 0; i < sizeof(pressures) / sizeof(pressures[0]); i++) {
		char *at = (char *)to + pressures[i].at;
		uint64_t total = mt_kept_number(row->value);
		uint32_t share = total > 10000 ? 10000 : (uint32_t)total;

		if (strcmp(pressures[i].name, row->name) != 0)
			continue;
		if (pressures[i].is_total)
			memcpy(at, &total, sizeof(total));
		else
			memcpy(at, &share, sizeof(share));
		to->error = 0;
	}
}

int mt_kept_put_settings(struct mt_kept *kept, const struct mt_machine *from)
{
	int r = 0;

	for (size_t i = 0; i < MT_SETTING_COUNT && r == 0; i++)
		if (from->has_setting[i])
			r = mt_kept_print(kept, mt_kept_setting, from->settings[i], "%s",
			                  mt_settings[i]);
	return r;
}

void mt_kept_take_setting(struct mt_machine *to, const struct mt_kept_row *row)
{
	for (size_t i = 0; i < MT_SETTING_COUNT; i++) {
		if (strcmp(mt_settings[i], row->name) != 0)
			continue;
		to->settings[i] = mt_kept_number(row->value);
		to->has_setting[i] = true;
	}
}

int mt_kept_put_zones(struct mt_kept *kept, const struct mt_zones *zones)
{
	int r = 0;

	for (size_t i = 0; i < zones->count && r == 0; i++) {
		struct mt_zone from = zones->rows[i];

		if (from.managed == 0 && !from.has_orders)
			continue; /* a name without memory */

		for (const struct mt_zone_mark *mark = mt_zone_marks;
		     mark->name && from.has_marks && r == 0; mark++)
			r = mt_kept_print(kept, mt_kept_zone, *mt_zone_figure(&from, mark),
			                  "%u %s %s", from.node, from.name, mark->name);
		for (unsigned int order = 0; order < from.order_count && from.has_orders && r == 0;
		     order++)
			r = mt_kept_print(kept, mt_kept_zone, from.orders[order], "%u %s order %u",
			                  from.node, from.name, order);
	}
	return r;
}

int mt_kept_take_zone(struct mt_zones *zones, const struct mt_kept_row *row)
{
	unsigned int node, order;
	char name[16];
	struct mt_zone *to;
	int length = 0, r;

	if (sscanf(row->name, "%5u %15s %n", &node, name, &length) != 2 || !length)
		return 0;
	r = mt_zones_find(zones, node, name, &to);
	if (r < 0)
		return r == -E2BIG ? 0 : r;
	if (sscanf(row->name + length, "order %2u", &order) == 1 && order < MT_ZONE_ORDERS_MAX) {
		to->orders[order] = mt_kept_number(row->value) & UINT32_MAX;
		if (order >= to->order_count)
			to->order_count = order + 1;
		to->has_orders = true;
		zones->orders_error = 0;
	}
	for (const struct mt_zone_mark *mark = mt_zone_marks; mark->name; mark++) {
		if (strcmp(mark->name, row->name + length) != 0)
			continue;
		*mt_zone_figure(to, mark) = mt_kept_number(row->value) & (UINT64_MAX >> 16);
		to->has_marks = true;
		zones->marks_error = 0;
	}
	return 0;
}

int mt_kept_put_hugepages(struct mt_kept *kept, const struct mt_hugepages *from)
{
	int r = *from->enabled ? mt_kept_print(kept, mt_kept_huge, 1, "enabled %s", from->enabled)
	                       : 0;

	if (r == 0 && *from->defrag)
		r = mt_kept_print(kept, mt_kept_huge, 1, "defrag %s", from->defrag);
	for (size_t i = 0; i < from->pool_count && r == 0; i++) {
		const struct mt_huge_pool *pool = &from->pools[i];

		r = mt_kept_print(kept, mt_kept_huge, pool->total, "%" PRIu64 " total",
		                  pool->page_bytes);
		if (r == 0)
			r = mt_kept_print(kept, mt_kept_huge, pool->free, "%" PRIu64 " free",
			                  pool->page_bytes);
		if (r == 0)
			r = mt_kept_print(kept, mt_kept_huge, pool->reserved,
			                  "%" PRIu64 " reserved", pool->page_bytes);
		if (r == 0)
			r = mt_kept_print(kept, mt_kept_huge, pool->surplus, "%" PRIu64 " surplus",
			                  pool->page_bytes);
	}
	return r;
}

static struct mt_huge_pool *pool_of(struct mt_hugepages *hugepages, uint64_t page_bytes)
{
	size_t i = 0;

	while (i < hugepages->pool_count && hugepages->pools[i].page_bytes != page_bytes)
		i++;
	if (i == MT_HUGE_POOLS_MAX)
		return NULL;
	if (i == hugepages->pool_count)
		hugepages->pools[hugepages->pool_count++] =
		        (struct mt_huge_pool){.page_bytes = page_bytes};
	return &hugepages->pools[i];
}

void mt_kept_take_hugepages(struct mt_hugepages *to, const struct mt_kept_row *row)
{
	uint64_t page_bytes;
	char what[16];
	struct mt_huge_pool *pool;

	if (sscanf(row->name, "enabled %31s", to->enabled) == 1 ||
	    sscanf(row->name, "defrag %31s", to->defrag) == 1 ||
	    sscanf(row->name, "%18" SCNu64 " %15s", &page_bytes, what) != 2)
		return;
	pool = pool_of(to, page_bytes);
	if (!pool)
		return;
	if (strcmp(what, "total") == 0)
		pool->total = mt_kept_number(row->value);
	else if (strcmp(what, "free") == 0)
		pool->free = mt_kept_number(row->value);
	else if (strcmp(what, "reserved") == 0)
		pool->reserved = mt_kept_number(row->value);
	else if (strcmp(what, "surplus") == 0)
		pool->surplus = mt_kept_number(row->value);
	to->pools_error = 0;
}
