/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * kept.c - see kept.h.
 */
#include "host/kept.h"

#include "base/array.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char meminfo[] = "meminfo", vmstat[] = "vmstat", pressure[] = "pressure",
                  setting[] = "setting", zone[] = "zone", huge[] = "huge pages",
                  cgroup[] = "cgroup", cgroup_path[] = "cgroup path", cgroup_stat[] = "cgroup stat",
                  limit[] = "limit", process[] = "process";

static int64_t as_value(uint64_t number)
{
	return number > INT64_MAX ? INT64_MAX : (int64_t)number;
}

static uint64_t as_number(int64_t value)
{
	if (value == INT64_MAX)
		return MT_LIMIT_NONE;
	return value < 0 ? 0 : (uint64_t)value;
}

int mt_kept_add(struct mt_kept *kept, const char *source, const char *name, int64_t value)
{
	static const char *const sources[] = {meminfo,     vmstat,      pressure, setting,
	                                      zone,        huge,        cgroup,   limit,
	                                      cgroup_path, cgroup_stat, process};
	struct mt_kept_row *row;

	if (kept->count == MT_KEPT_ROWS_MAX || !*name || strlen(name) >= MT_KEPT_NAME_BYTES)
		return 0;
	for (size_t i = 0; i < sizeof(sources) / sizeof(sources[0]); i++) {
		if (strcmp(sources[i], source) != 0)
			continue;
		if (MT_ARRAY_RESERVE(kept->rows, kept->capacity, kept->count + 1) < 0)
			return -ENOMEM;
		row = &kept->rows[kept->count++];
		*row = (struct mt_kept_row){.source = sources[i], .value = value};
		strcpy(row->name, name);
		return 0;
	}
	return 0;
}

__attribute__((format(printf, 4, 5))) static int add(struct mt_kept *kept, const char *source,
                                                     uint64_t number, const char *format, ...)
{
	char name[MT_KEPT_NAME_BYTES + 1];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(name, sizeof(name), format, arguments);
	va_end(arguments);
	return mt_kept_add(kept, source, name, as_value(number));
}

/* ---- Each source, there and back ---- */

static int put_fields(struct mt_kept *kept, const char *source, const struct mt_fields *fields)
{
	int r = 0;

	for (size_t i = 0; i < fields->count && r == 0; i++)
		r = add(kept, source, fields->rows[i].value, "%s", fields->rows[i].name);
	return r;
}

static int take_field(struct mt_fields *fields, const struct mt_kept_row *row)
{
	if (MT_ARRAY_RESERVE(fields->rows, fields->capacity, fields->count + 1) < 0)
		return -ENOMEM;
	fields->rows[fields->count++] = (struct mt_field){
	        .name = row->name,
	        .value = as_number(row->value),
	        .is_bytes = row->source == meminfo && strncmp(row->name, "HugePages_", 10) != 0};
	fields->error = 0;
	return 0;
}

/* Of the hundreds of counters those that say how hard memory was looked for. */
static int put_vmstat(struct mt_kept *kept, const struct mt_fields *fields)
{
	static const char *const starts[] = {
	        "pgfault",    "pgmajfault", "pswp",          "pgscan_",
	        "pgsteal_",   "allocstall", "compact_stall", "workingset_refault_",
	        "thp_fault_", "oom_kill"};
	int r = 0;

	for (size_t i = 0; i < fields->count && r == 0; i++)
		for (size_t j = 0; j < sizeof(starts) / sizeof(starts[0]) && r == 0; j++)
			if (strncmp(fields->rows[i].name, starts[j], strlen(starts[j])) == 0)
				r = add(kept, vmstat, fields->rows[i].value, "%s",
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

static int put_pressure(struct mt_kept *kept, const struct mt_pressure *from)
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
		r = add(kept, pressure, number, "%s", pressures[i].name);
	}
	return r < 0 ? r : 0;
}

static void take_pressure(struct mt_pressure *to, const struct mt_kept_row *row)
{
	for (size_t i = 0; i < sizeof(pressures) / sizeof(pressures[0]); i++) {
		char *at = (char *)to + pressures[i].at;
		uint64_t total = as_number(row->value);
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

static int put_settings(struct mt_kept *kept, const struct mt_machine *from)
{
	int r = 0;

	for (size_t i = 0; i < MT_SETTING_COUNT && r == 0; i++)
		if (from->has_setting[i])
			r = add(kept, setting, from->settings[i], "%s", mt_settings[i]);
	return r;
}

static void take_setting(struct mt_machine *to, const struct mt_kept_row *row)
{
	for (size_t i = 0; i < MT_SETTING_COUNT; i++) {
		if (strcmp(mt_settings[i], row->name) != 0)
			continue;
		to->settings[i] = as_number(row->value);
		to->has_setting[i] = true;
	}
}

static int put_zones(struct mt_kept *kept, const struct mt_zones *zones)
{
	int r = 0;

	for (size_t i = 0; i < zones->count && r == 0; i++) {
		struct mt_zone from = zones->rows[i];

		if (from.managed == 0 && !from.has_orders)
			continue; /* a name without memory */

		for (const struct mt_zone_mark *mark = mt_zone_marks;
		     mark->name && from.has_marks && r == 0; mark++)
			r = add(kept, zone, *mt_zone_figure(&from, mark), "%u %s %s", from.node,
			        from.name, mark->name);
		for (unsigned int order = 0; order < from.order_count && from.has_orders && r == 0;
		     order++)
			r = add(kept, zone, from.orders[order], "%u %s order %u", from.node,
			        from.name, order);
	}
	return r;
}

static int take_zone(struct mt_zones *zones, const struct mt_kept_row *row)
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
		to->orders[order] = as_number(row->value) & UINT32_MAX;
		if (order >= to->order_count)
			to->order_count = order + 1;
		to->has_orders = true;
		zones->orders_error = 0;
	}
	for (const struct mt_zone_mark *mark = mt_zone_marks; mark->name; mark++) {
		if (strcmp(mark->name, row->name + length) != 0)
			continue;
		*mt_zone_figure(to, mark) = as_number(row->value) & (UINT64_MAX >> 16);
		to->has_marks = true;
		zones->marks_error = 0;
	}
	return 0;
}

static int put_hugepages(struct mt_kept *kept, const struct mt_hugepages *from)
{
	int r = *from->enabled ? add(kept, huge, 1, "enabled %s", from->enabled) : 0;

	if (r == 0 && *from->defrag)
		r = add(kept, huge, 1, "defrag %s", from->defrag);
	for (size_t i = 0; i < from->pool_count && r == 0; i++) {
		const struct mt_huge_pool *pool = &from->pools[i];

		r = add(kept, huge, pool->total, "%" PRIu64 " total", pool->page_bytes);
		if (r == 0)
			r = add(kept, huge, pool->free, "%" PRIu64 " free", pool->page_bytes);
		if (r == 0)
			r = add(kept, huge, pool->reserved, "%" PRIu64 " reserved",
			        pool->page_bytes);
		if (r == 0)
			r = add(kept, huge, pool->surplus, "%" PRIu64 " surplus", pool->page_bytes);
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

static void take_hugepages(struct mt_hugepages *to, const struct mt_kept_row *row)
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
		pool->total = as_number(row->value);
	else if (strcmp(what, "free") == 0)
		pool->free = as_number(row->value);
	else if (strcmp(what, "reserved") == 0)
		pool->reserved = as_number(row->value);
	else if (strcmp(what, "surplus") == 0)
		pool->surplus = as_number(row->value);
	to->pools_error = 0;
}

/* The group's own files as they are called; of those above it, "../memory.max" and so on. */
static int put_groups(struct mt_kept *kept, const struct mt_groups *groups)
{
	char above[3 * MT_GROUPS_MAX + 1] = "";
	int r = 0;

	for (size_t i = 0; i < groups->count && r == 0; i++) {
		struct mt_group from = groups->rows[i];
		size_t length = strlen(from.path);
		size_t cut = length < MT_KEPT_NAME_BYTES ? 0 : length - MT_KEPT_NAME_BYTES + 1;

		r = add(kept, cgroup_path, i, "%s", from.path + cut);
		for (const struct mt_group_file *file = mt_group_files; file->name && r == 0;
		     file++)
			if (file->is_first == from.is_first &&
			    *mt_group_figure(&from, file) != MT_LIMIT_UNKNOWN)
				r = add(kept, cgroup, *mt_group_figure(&from, file), "%s%s%s%s",
				        above, file->name, file->line ? " " : "",
				        file->line ? file->line : "");
		if (r == 0)
			r = i == 0 ? put_fields(kept, cgroup_stat, &from.stat) : 0;
		strcat(above, "../");
	}
	return r;
}

static struct mt_group *group_at(struct mt_groups *groups, size_t index, bool is_first)
{
	if (index >= MT_GROUPS_MAX)
		return NULL;
	while (groups->count <= index)
		groups->rows[groups->count++] = mt_group_nothing(is_first);
	groups->error = 0;
	return &groups->rows[index];
}

static void take_group(struct mt_groups *groups, const struct mt_kept_row *row)
{
	const char *name = row->name;
	size_t index = 0;

	for (; strncmp(name, "../", 3) == 0; name += 3)
		index++;
	for (const struct mt_group_file *file = mt_group_files; file->name; file++) {
		size_t length = strlen(file->name);
		struct mt_group *to;

		if (strncmp(name, file->name, length) != 0 ||
		    (file->line ? name[length] != ' ' || strcmp(name + length + 1, file->line) != 0
		                : name[length] != '\0'))
			continue;
		to = group_at(groups, index, file->is_first);
		if (to) {
			to->is_first = file->is_first;
			*mt_group_figure(to, file) = as_number(row->value);
		}
		return;
	}
}

static int take_path(struct mt_groups *groups, const struct mt_kept_row *row)
{
	struct mt_group *to = row->value < 0 ? NULL : group_at(groups, (size_t)row->value, false);

	if (!to || to->path)
		return 0;
	to->path = strdup(row->name);
	return to->path ? 0 : -ENOMEM;
}

static int put_rlimits(struct mt_kept *kept, const struct mt_rlimits *from)
{
	int r = 0;

	for (size_t i = 0; i < MT_RLIMITS && r == 0; i++) {
		if (!from->is_known[i])
			continue;
		r = add(kept, limit, from->limits[i], "%s", mt_rlimit_names[i]);
		if (r == 0)
			r = add(kept, limit, from->used[i], "%s used", mt_rlimit_names[i]);
	}
	return r;
}

static void take_rlimit(struct mt_rlimits *to, const struct mt_kept_row *row)
{
	for (size_t i = 0; i < MT_RLIMITS; i++) {
		size_t length = strlen(mt_rlimit_names[i]);

		if (strncmp(row->name, mt_rlimit_names[i], length) != 0)
			continue;
		if (strcmp(row->name + length, " used") == 0)
			to->used[i] = as_number(row->value);
		else if (!row->name[length])
			to->limits[i] = as_number(row->value);
		else
			continue;
		to->is_known[i] = true;
		to->error = 0;
	}
}

static int put_process(struct mt_kept *kept, const struct mt_machine *from)
{
	int r;

	if (from->process_error)
		return 0;
	r = add(kept, process, from->process.rss_bytes, "VmRSS");
	if (r == 0)
		r = add(kept, process, from->process.swap_bytes, "VmSwap");
	if (r == 0)
		r = add(kept, process, from->process.score, "oom_score");
	return r == 0 ? mt_kept_add(kept, process, "oom_score_adj", from->process.adj) : r;
}

static void take_process(struct mt_machine *to, const struct mt_kept_row *row)
{
	if (strcmp(row->name, "VmRSS") == 0)
		to->process.rss_bytes = as_number(row->value);
	else if (strcmp(row->name, "VmSwap") == 0)
		to->process.swap_bytes = as_number(row->value);
	else if (strcmp(row->name, "oom_score") == 0)
		to->process.score = as_number(row->value);
	else if (strcmp(row->name, "oom_score_adj") == 0)
		to->process.adj = row->value;
	else
		return;
	to->process_error = 0;
}

/* ---- All of them ---- */

int mt_kept_read(const char *root, pid_t pid, struct mt_kept *kept)
{
	struct mt_machine machine;
	int r;

	mt_machine_read(root, pid, (uint64_t)sysconf(_SC_PAGESIZE), MT_MACHINE_BRIEF, &machine);
	r = put_fields(kept, meminfo, &machine.meminfo);
	if (r == 0)
		r = put_vmstat(kept, &machine.vmstat);
	if (r == 0)
		r = put_pressure(kept, &machine.pressure);
	if (r == 0)
		r = put_settings(kept, &machine);
	if (r == 0)
		r = put_zones(kept, &machine.zones);
	if (r == 0)
		r = put_hugepages(kept, &machine.hugepages);
	if (r == 0)
		r = put_groups(kept, &machine.groups);
	if (r == 0)
		r = put_rlimits(kept, &machine.rlimits);
	if (r == 0)
		r = put_process(kept, &machine);
	mt_machine_free(&machine);
	return r;
}

static int take(struct mt_machine *to, const struct mt_kept_row *row)
{
	if (row->source == meminfo)
		return take_field(&to->meminfo, row);
	if (row->source == vmstat)
		return take_field(&to->vmstat, row);
	if (row->source == zone)
		return take_zone(&to->zones, row);
	if (row->source == cgroup_path)
		return take_path(&to->groups, row);
	if (row->source == cgroup_stat) {
		struct mt_group *own = group_at(&to->groups, 0, false);

		return take_field(&own->stat, row);
	}
	if (row->source == pressure)
		take_pressure(&to->pressure, row);
	else if (row->source == setting)
		take_setting(to, row);
	else if (row->source == huge)
		take_hugepages(&to->hugepages, row);
	else if (row->source == cgroup)
		take_group(&to->groups, row);
	else if (row->source == limit)
		take_rlimit(&to->rlimits, row);
	else if (row->source == process)
		take_process(to, row);
	return 0;
}

int mt_kept_machine(const struct mt_kept *kept, pid_t pid, uint64_t page_bytes,
                    struct mt_machine *ret_machine)
{
	struct mt_machine machine = mt_machine_nothing(page_bytes);
	int r = 0;

	machine.pid = pid;
	for (size_t i = 0; i < kept->count && r == 0; i++)
		r = take(&machine, &kept->rows[i]);
	for (size_t i = 0; i < machine.groups.count && r == 0; i++)
		if (!machine.groups.rows[i].path && !(machine.groups.rows[i].path = strdup("?")))
			r = -ENOMEM;
	if (r < 0) {
		mt_machine_free(&machine);
		return r;
	}
	*ret_machine = machine;
	return 0;
}

void mt_kept_free(struct mt_kept *kept)
{
	free(kept->rows);
	memset(kept, 0, sizeof(*kept));
}
