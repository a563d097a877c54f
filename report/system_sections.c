/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * system_sections.c - the sections of the page: which figure of which file stands where, and what it means.
 */
#include "report/system.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/units.h"
#include "report/text.h"

#define SLABS_SHOWN   6u
#define AREAS_SHOWN   5u
#define VICTIMS_SHOWN 3u

/* ---- Building ---- */

static struct mt_section *section(struct mt_page *page, const char *key, const char *title)
{
	struct mt_section *added = &page->sections[page->count++];

	*added = (struct mt_section){.key = key, .title = title};
	return added;
}

static struct mt_figure_line *line(struct mt_section *section, const char *key, const char *label,
                                   enum mt_unit unit, const char *source, const char *meaning)
{
	struct mt_figure_line *added;

	section->lines = mt_memory_grow(section->lines, section->count, &section->capacity,
	                                sizeof(*section->lines));
	added = &section->lines[section->count++];
	*added = (struct mt_figure_line){
	        .key = key, .label = label, .unit = unit, .source = source, .meaning = meaning};
	return added;
}

static void figure(struct mt_section *section, const char *key, const char *label,
                   enum mt_unit unit, bool is_known, uint64_t value, const char *source,
                   const char *meaning)
{
	struct mt_figure_line *added = line(section, key, label, unit, source, meaning);

	added->is_known = is_known;
	added->value = value;
}

static void word(struct mt_section *section, const char *key, const char *label, const char *text,
                 const char *source, const char *meaning)
{
	struct mt_figure_line *added = line(section, key, label, MT_UNIT_WORD, source, meaning);

	added->is_known = text && *text;
	added->word = text;
}

/* Of a list of lines that are each a line of /proc/meminfo. */
struct meminfo_line {
	const char *name;
	const char *key;
	const char *label;
	const char *meaning;
};

static void meminfo_lines(struct mt_page *page, struct mt_section *section,
                          const struct mt_machine *machine, const struct meminfo_line *rows,
                          size_t count)
{
	for (size_t i = 0; i < count; i++) {
		uint64_t value = 0;
		bool is_known = mt_fields_get(&machine->meminfo, rows[i].name, &value);

		figure(section, rows[i].key, rows[i].label, MT_UNIT_BYTES, is_known, value,
		       mt_arena_print(&page->arena, "/proc/meminfo %s", rows[i].name),
		       rows[i].meaning);
	}
}

#define MEMINFO(page, section, machine, rows) \
	meminfo_lines(page, section, machine, rows, sizeof(rows) / sizeof((rows)[0]))

static const char *why(struct mt_page *page, const char *path, int error)
{
	if (error == -EACCES || error == -EPERM)
		return mt_arena_print(&page->arena, "%s: only root may read it", path);
	if (error == -ENOENT)
		return mt_arena_print(&page->arena, "%s: not on this machine", path);
	return mt_arena_print(&page->arena, "%s: %s", path, strerror(-error));
}

static struct mt_value *row_of(struct mt_section *section, const struct mt_column *columns,
                               size_t count)
{
	if (!section->has_table)
		mt_table_init(&section->table, columns, count);
	section->has_table = true;
	return mt_table_add(&section->table);
}

#define ROW(section, columns) row_of(section, columns, sizeof(columns) / sizeof((columns)[0]))

/* ---- The sections ---- */

static void add_memory(struct mt_page *page, const struct mt_machine *machine)
{
	static const struct meminfo_line rows[] = {
	        {"MemTotal", "total", "total", "all memory that the kernel manages"},
	        {"MemAvailable", "available", "available", "can be had without swapping"},
	        {"MemFree", "free", "free", "used for nothing; little of it is normal"},
	        {"Buffers", "buffers", "buffers", "cached blocks of devices; can be freed"},
	        {"Cached", "cached", "cached", "cached files and shared memory"},
	        {"SReclaimable", "slab_reclaimable", "reclaimable slab",
	         "of file names and the like; can be freed"},
	        {"Shmem", "shmem", "shared memory", "and tmpfs, part of cached; not to be freed"},
	        {"SwapCached", "swap_cached", "swap cache", "in memory and in swap at once"},
	        {"Dirty", "dirty", "dirty", "written, not yet on its way to a disk"},
	        {"Writeback", "writeback", "writeback", "on its way to a disk now"},
	};
	struct mt_section *added = section(page, "memory", "Memory");
	uint64_t total = 0, available = 0;
	bool is_known = mt_fields_get(&machine->meminfo, "MemTotal", &total) &&
	                mt_fields_get(&machine->meminfo, "MemAvailable", &available);

	MEMINFO(page, added, machine, rows);
	figure(added, "used", "used", MT_UNIT_BYTES, is_known,
	       total > available ? total - available : 0, "/proc/meminfo MemTotal - MemAvailable",
	       "what is not available, as free counts it");
	if (machine->meminfo.error)
		added->missing = why(page, "/proc/meminfo", machine->meminfo.error);
}

static void add_holders(struct mt_page *page, const struct mt_machine *machine)
{
	static const struct meminfo_line rows[] = {
	        {"AnonPages", "anonymous", "anonymous", "heaps and stacks; can only be swapped"},
	        {"Active(anon)", "active_anonymous", "  active", "used of late"},
	        {"Inactive(anon)", "inactive_anonymous", "  inactive", "would be swapped first"},
	        {"Active(file)", "active_file", "files, active", "cached, used of late"},
	        {"Inactive(file)", "inactive_file", "files, inactive",
	         "cached, would be dropped first"},
	        {"Mapped", "mapped", "mapped", "files and the like that programs have mapped"},
	        {"Unevictable", "unevictable", "unevictable", "cannot be freed or swapped"},
	        {"Mlocked", "locked", "  locked", "of that: by mlock()"},
	        {"KernelStack", "kernel_stacks", "kernel stacks", "a stack for each thread"},
	        {"PageTables", "page_tables", "page tables", "where the processes' pages are"},
	        {"Percpu", "percpu", "per-cpu", "the kernel's memory for each processor"},
	        {"VmallocUsed", "vmalloc", "vmalloc", "the kernel's larger areas"},
	};
	struct mt_section *added = section(page, "holders", "Who has it");

	MEMINFO(page, added, machine, rows);
}

static void add_slabs(struct mt_page *page, const struct mt_machine *machine)
{
	static const struct meminfo_line rows[] = {
	        {"SReclaimable", "reclaimable", "reclaimable", "goes back when memory is needed"},
	        {"SUnreclaim", "unreclaimable", "unreclaimable",
	         "stays until its user gives it back"},
	};
	static const struct mt_column columns[] = {
	        {"cache", "largest caches", MT_COLUMN_TEXT},
	        {"size_bytes", "size", MT_COLUMN_BYTES},
	        {"objects", "objects", MT_COLUMN_COUNT},
	        {"active_objects", "in use", MT_COLUMN_COUNT},
	        {"object_bytes", "each", MT_COLUMN_BYTES},
	};
	struct mt_section *added = section(page, "slab", "The kernel's caches (slab)");

	MEMINFO(page, added, machine, rows);
	figure(added, "vfs_cache_pressure", "vfs cache pressure", MT_UNIT_COUNT,
	       machine->has_setting[MT_SETTING_vfs_cache_pressure],
	       machine->settings[MT_SETTING_vfs_cache_pressure], "/proc/sys/vm/vfs_cache_pressure",
	       "100: freed as readily as pages; less: kept");
	for (size_t i = 0; i < machine->slabs.count && i < SLABS_SHOWN; i++) {
		const struct mt_slab *slab = &machine->slabs.rows[i];
		struct mt_value *row = ROW(added, columns);

		row[0] = mt_value_text(mt_text_clean(&page->arena, slab->name));
		row[1] = mt_value_number((int64_t)slab->bytes);
		row[2] = mt_value_number((int64_t)slab->objects);
		row[3] = mt_value_number((int64_t)slab->active_objects);
		row[4] = mt_value_number((int64_t)slab->object_bytes);
	}
	added->table_source = "/proc/slabinfo; size: its slabs, whole";
	if (machine->slabs.error)
		added->missing =
		        why(page, "the largest caches, /proc/slabinfo", machine->slabs.error);
}

static void add_areas(struct mt_page *page, const struct mt_machine *machine)
{
	static const struct mt_column columns[] = {
	        {"caller", "vmalloc by caller", MT_COLUMN_TEXT},
	        {"memory_bytes", "memory", MT_COLUMN_BYTES},
	        {"address_space_bytes", "address space", MT_COLUMN_BYTES},
	        {"areas", "areas", MT_COLUMN_COUNT},
	};
	struct mt_section *added = section(page, "vmalloc", "The kernel's areas (vmalloc)");

	for (size_t i = 0; i < machine->areas.count && i < AREAS_SHOWN; i++) {
		const struct mt_area *area = &machine->areas.rows[i];
		struct mt_value *row = ROW(added, columns);

		row[0] = mt_value_text(*area->caller ? mt_text_clean(&page->arena, area->caller)
		                                     : NULL);
		row[1] = mt_value_number((int64_t)area->pages_bytes);
		row[2] = mt_value_number((int64_t)area->bytes);
		row[3] = mt_value_number((int64_t)area->count);
	}
	added->table_source = "/proc/vmallocinfo; memory: its pages";
	if (machine->areas.error)
		added->missing = why(page, "/proc/vmallocinfo", machine->areas.error);
}

static void add_hugepages(struct mt_page *page, const struct mt_machine *machine)
{
	static const struct meminfo_line rows[] = {
	        {"AnonHugePages", "anonymous_huge", "anonymous", "transparent: heaps"},
	        {"ShmemHugePages", "shmem_huge", "shared memory", "transparent"},
	        {"FileHugePages", "file_huge", "files", "transparent: page cache"},
	};
	static const struct mt_column columns[] = {
	        {"page_bytes", "pool of", MT_COLUMN_BYTES},
	        {"total", "total", MT_COLUMN_COUNT},
	        {"free", "free", MT_COLUMN_COUNT},
	        {"reserved", "reserved", MT_COLUMN_COUNT},
	        {"surplus", "surplus", MT_COLUMN_COUNT},
	        {"size_bytes", "memory", MT_COLUMN_BYTES},
	};
	struct mt_section *added = section(page, "hugepages", "Huge pages");

	MEMINFO(page, added, machine, rows);
	word(added, "enabled", "transparent", machine->hugepages.enabled,
	     "/sys/kernel/mm/transparent_hugepage/enabled",
	     "always: for all; madvise: for who asks");
	word(added, "defrag", "defrag", machine->hugepages.defrag,
	     "/sys/kernel/mm/transparent_hugepage/defrag", "who waits for memory to be compacted");
	for (size_t i = 0; i < machine->hugepages.pool_count; i++) {
		const struct mt_huge_pool *pool = &machine->hugepages.pools[i];
		struct mt_value *row;

		if (pool->total == 0)
			continue;
		row = ROW(added, columns);
		row[0] = mt_value_number((int64_t)pool->page_bytes);
		row[1] = mt_value_number((int64_t)pool->total);
		row[2] = mt_value_number((int64_t)pool->free);
		row[3] = mt_value_number((int64_t)pool->reserved);
		row[4] = mt_value_number((int64_t)pool->surplus);
		row[5] = mt_value_number((int64_t)(pool->total * pool->page_bytes));
	}
	added->table_source = "/sys/kernel/mm/hugepages; memory that nothing else can use";
}

static const char *overcommit_word(uint64_t mode)
{
	switch (mode) {
	case 0: return "heuristic";
	case 1: return "always";
	case 2: return "strict";
	default: return NULL;
	}
}

static void add_overcommit(struct mt_page *page, const struct mt_machine *machine)
{
	static const struct meminfo_line rows[] = {
	        {"Committed_AS", "committed", "committed",
	         "address space that was promised to programs"},
	        {"CommitLimit", "limit", "limit", "the most; holds in strict mode only"},
	};
	struct mt_section *added = section(page, "overcommit", "Overcommit");

	MEMINFO(page, added, machine, rows);
	word(added, "mode", "mode",
	     machine->has_setting[MT_SETTING_overcommit_memory]
	             ? overcommit_word(machine->settings[MT_SETTING_overcommit_memory])
	             : NULL,
	     "/proc/sys/vm/overcommit_memory", "strict: nothing beyond the limit is promised");
}

static uint64_t bytes_of(const struct mt_machine *machine, uint64_t pages)
{
	return pages * machine->page_bytes;
}

/* "0 Normal": node and zone */
static struct mt_value zone_name(struct mt_page *page, const struct mt_zone *zone)
{
	return mt_value_text(mt_arena_print(&page->arena, "%u %s", zone->node,
	                                    mt_text_clean(&page->arena, zone->name)));
}

static void add_fragmentation(struct mt_page *page, const struct mt_machine *machine)
{
	static const struct mt_column columns[] = {
	        {"zone", "node zone", MT_COLUMN_TEXT},
	        {"free_bytes", "free", MT_COLUMN_BYTES},
	        {"largest_bytes", "largest block", MT_COLUMN_BYTES},
	        {"unusable_16_pages", "no use for 64 kB", MT_COLUMN_TEXT_RIGHT},
	        {"unusable_512_pages", "for 2 MB", MT_COLUMN_TEXT_RIGHT},
	};
	struct mt_section *added = section(page, "fragmentation", "Fragmentation");

	for (size_t i = 0; i < machine->zones.count; i++) {
		const struct mt_zone *zone = &machine->zones.rows[i];
		struct mt_value *row;
		unsigned int largest = zone->order_count;

		if (!zone->has_orders)
			continue;
		while (largest > 0 && zone->orders[largest - 1] == 0)
			largest--;
		row = ROW(added, columns);
		row[0] = zone_name(page, zone);
		row[1] = mt_value_number((int64_t)bytes_of(machine, mt_zone_free_from(zone, 0)));
		row[2] = mt_value_number(largest ? (int64_t)bytes_of(machine, 1ull << (largest - 1))
		                                 : 0);
		row[3] = mt_value_text(
		        mt_arena_print(&page->arena, "%.1f %%", mt_zone_unusable(zone, 4) / 10.0));
		row[4] = mt_value_text(
		        mt_arena_print(&page->arena, "%.1f %%", mt_zone_unusable(zone, 9) / 10.0));
	}
	added->table_source = "/proc/buddyinfo; of the free memory, what lies in smaller blocks";
	if (machine->zones.orders_error)
		added->missing = why(page, "/proc/buddyinfo", machine->zones.orders_error);
}

/* Free beyond a mark, as a signed number: below it, negative. */
static struct mt_value beyond(const struct mt_machine *machine, const struct mt_zone *zone,
                              uint64_t mark)
{
	return mt_value_number(((int64_t)zone->free - (int64_t)(mark + zone->boost)) *
	                       (int64_t)machine->page_bytes);
}

static void add_watermarks(struct mt_page *page, const struct mt_machine *machine)
{
	static const struct mt_column columns[] = {
	        {"zone", "node zone", MT_COLUMN_TEXT},
	        {"free_bytes", "free", MT_COLUMN_BYTES},
	        {"min_bytes", "min", MT_COLUMN_BYTES},
	        {"low_bytes", "low", MT_COLUMN_BYTES},
	        {"high_bytes", "high", MT_COLUMN_BYTES},
	        {"to_kswapd_bytes", "to kswapd", MT_COLUMN_BYTES},
	        {"to_direct_reclaim_bytes", "to waiting", MT_COLUMN_BYTES},
	        {"reserve_bytes", "reserve", MT_COLUMN_BYTES},
	};
	struct mt_section *added = section(page, "watermarks", "Watermarks");

	figure(added, "min_free", "kept free", MT_UNIT_BYTES,
	       machine->has_setting[MT_SETTING_min_free_kbytes],
	       machine->settings[MT_SETTING_min_free_kbytes] * 1024, "/proc/sys/vm/min_free_kbytes",
	       "for urgent needs; min below comes from it");
	for (size_t i = 0; i < machine->zones.count; i++) {
		const struct mt_zone *zone = &machine->zones.rows[i];
		struct mt_value *row;

		if (!zone->has_marks || zone->managed == 0)
			continue;
		row = ROW(added, columns);
		row[0] = zone_name(page, zone);
		row[1] = mt_value_number((int64_t)bytes_of(machine, zone->free));
		row[2] = mt_value_number((int64_t)bytes_of(machine, zone->min));
		row[3] = mt_value_number((int64_t)bytes_of(machine, zone->low));
		row[4] = mt_value_number((int64_t)bytes_of(machine, zone->high));
		row[5] = beyond(machine, zone, zone->low);
		row[6] = beyond(machine, zone, zone->min);
		row[7] = mt_value_number((int64_t)bytes_of(machine, zone->reserve));
	}
	added->table_source =
	        "/proc/zoneinfo; below low kswapd frees memory, below min programs wait "
	        "for it; reserve: kept from what could do with a higher zone";
	if (machine->zones.marks_error)
		added->missing = why(page, "/proc/zoneinfo", machine->zones.marks_error);
}

static void add_pressure(struct mt_page *page, const struct mt_machine *machine)
{
	static const char source[] = "/proc/pressure/memory";
	const struct mt_pressure *pressure = &machine->pressure;
	struct mt_section *added = section(page, "pressure", "Pressure");
	bool is_known = pressure->error == 0;

	figure(added, "some_avg10", "some, 10 s", MT_UNIT_SHARE, is_known, pressure->some.avg10,
	       source, "of the time some task waited for memory");
	figure(added, "some_avg60", "some, 60 s", MT_UNIT_SHARE, is_known, pressure->some.avg60,
	       source, "the same, over a minute");
	figure(added, "some_avg300", "some, 300 s", MT_UNIT_SHARE, is_known, pressure->some.avg300,
	       source, "the same, over five minutes");
	figure(added, "full_avg10", "full, 10 s", MT_UNIT_SHARE, is_known, pressure->full.avg10,
	       source, "of the time all tasks waited for memory");
	figure(added, "full_avg60", "full, 60 s", MT_UNIT_SHARE, is_known, pressure->full.avg60,
	       source, "the same, over a minute");
	figure(added, "full_avg300", "full, 300 s", MT_UNIT_SHARE, is_known, pressure->full.avg300,
	       source, "the same, over five minutes");
	if (pressure->error)
		added->missing = why(page, source, pressure->error);
}

static void add_swap(struct mt_page *page, const struct mt_machine *machine)
{
	static const struct meminfo_line rows[] = {
	        {"SwapTotal", "total", "total", "room for anonymous memory outside"},
	        {"SwapFree", "free", "free", "of it"},
	        {"Zswap", "zswap_memory", "zswap", "memory that compressed pages take before swap"},
	        {"Zswapped", "zswap_data", "zswapped", "what they were before"},
	};
	static const struct mt_column columns[] = {
	        {"device", "device", MT_COLUMN_TEXT},
	        {"type", "type", MT_COLUMN_TEXT},
	        {"size_bytes", "size", MT_COLUMN_BYTES},
	        {"used_bytes", "used", MT_COLUMN_BYTES},
	        {"priority", "priority", MT_COLUMN_NUMBER},
	        {"zram_memory_bytes", "takes up", MT_COLUMN_BYTES},
	};
	struct mt_section *added = section(page, "swap", "Swap");

	MEMINFO(page, added, machine, rows);
	figure(added, "swappiness", "swappiness", MT_UNIT_COUNT,
	       machine->has_setting[MT_SETTING_swappiness],
	       machine->settings[MT_SETTING_swappiness], "/proc/sys/vm/swappiness",
	       "how readily heaps are swapped, 0 to 200");
	for (size_t i = 0; i < machine->swaps.count; i++) {
		const struct mt_swap *swap = &machine->swaps.rows[i];
		struct mt_value *row = ROW(added, columns);

		row[0] = mt_value_text(mt_text_clean(&page->arena, swap->name));
		row[1] = mt_value_text(swap->is_zram ? "zram"
		                                     : mt_text_clean(&page->arena, swap->type));
		row[2] = mt_value_number((int64_t)swap->size_bytes);
		row[3] = mt_value_number((int64_t)swap->used_bytes);
		row[4] = mt_value_number(swap->priority);
		row[5] = swap->is_zram ? mt_value_number((int64_t)swap->zram_memory_bytes)
		                       : mt_value_unknown();
	}
	added->table_source = "/proc/swaps; takes up: memory, of zram";
}

static void add_rlimits(struct mt_page *page, const struct mt_machine *machine,
                        struct mt_section *added)
{
	for (size_t i = 0; i < MT_RLIMITS; i++) {
		if (!machine->rlimits.is_known[i] || machine->rlimits.limits[i] == MT_LIMIT_NONE)
			continue;
		figure(added, mt_rlimit_names[i], mt_rlimit_names[i], MT_UNIT_BYTES, true,
		       machine->rlimits.limits[i],
		       mt_arena_print(&page->arena, "/proc/%d/limits", (int)machine->pid),
		       mt_arena_print(&page->arena, "the most there may be; now %s",
		                      mt_units_bytes((int64_t)machine->rlimits.used[i]).text));
	}
}

static struct mt_value limit_value(uint64_t limit)
{
	return limit == MT_LIMIT_NONE ? mt_value_unknown() : mt_value_number((int64_t)limit);
}

static void add_limits(struct mt_page *page, const struct mt_machine *machine)
{
	static const struct mt_column columns[] = {
	        {"group", "control group", MT_COLUMN_TEXT},
	        {"current_bytes", "now", MT_COLUMN_BYTES},
	        {"peak_bytes", "peak", MT_COLUMN_BYTES},
	        {"high_bytes", "high", MT_COLUMN_BYTES},
	        {"max_bytes", "max", MT_COLUMN_BYTES},
	        {"room_bytes", "room", MT_COLUMN_BYTES},
	        {"max_events", "at max", MT_COLUMN_COUNT},
	        {"oom_kills", "killed", MT_COLUMN_COUNT},
	};
	struct mt_section *added;

	if (!machine->pid)
		return;
	added = section(page, "limits",
	                mt_arena_print(&page->arena, "Limits of process %d", (int)machine->pid));
	add_rlimits(page, machine, added);
	for (size_t i = 0; i < machine->groups.count; i++) {
		const struct mt_group *group = &machine->groups.rows[i];
		struct mt_value *row = ROW(added, columns);

		row[0] = mt_value_text(
		        mt_text_cut(&page->arena, mt_text_clean(&page->arena, group->path), 24));
		row[1] = group->has_current ? mt_value_number((int64_t)group->current)
		                            : mt_value_unknown();
		row[2] = group->peak ? mt_value_number((int64_t)group->peak) : mt_value_unknown();
		row[3] = limit_value(group->high);
		row[4] = limit_value(group->max);
		row[5] = group->max == MT_LIMIT_NONE
		                 ? mt_value_unknown()
		                 : mt_value_number(group->max > group->current
		                                           ? (int64_t)(group->max - group->current)
		                                           : 0);
		row[6] = mt_value_number((int64_t)group->events_max);
		row[7] = mt_value_number((int64_t)group->oom_kills);
	}
	added->table_source =
	        "the memory controller's files of /proc/PID/cgroup's group and those above "
	        "it; -: no limit";
	if (machine->groups.error)
		added->missing = why(page, "control groups of memory", machine->groups.error);
}

static void add_oom(struct mt_page *page, const struct mt_machine *machine)
{
	static const struct mt_column columns[] = {
	        {"pid", "pid", MT_COLUMN_NUMBER},
	        {"command", "next to be killed", MT_COLUMN_TEXT},
	        {"score", "score", MT_COLUMN_COUNT},
	        {"adj", "adj", MT_COLUMN_NUMBER},
	        {"rss_bytes", "rss", MT_COLUMN_BYTES},
	        {"swap_bytes", "swap", MT_COLUMN_BYTES},
	};
	struct mt_section *added = section(page, "oom", "Out of memory");
	uint64_t kills = 0;
	bool is_known = mt_fields_get(&machine->vmstat, "oom_kill", &kills);

	figure(added, "oom_kills", "killed so far", MT_UNIT_COUNT, is_known, kills,
	       "/proc/vmstat oom_kill", "processes, since the machine started");
	for (size_t i = 0; i < machine->victims.count && i < VICTIMS_SHOWN; i++) {
		const struct mt_victim *victim = &machine->victims.rows[i];
		struct mt_value *row = ROW(added, columns);

		row[0] = mt_value_number(victim->pid);
		row[1] = mt_value_text(mt_text_clean(&page->arena, victim->command));
		row[2] = mt_value_number((int64_t)victim->score);
		row[3] = mt_value_number(victim->adj);
		row[4] = mt_value_number((int64_t)victim->rss_bytes);
		row[5] = mt_value_number((int64_t)victim->swap_bytes);
	}
	added->table_source =
	        "/proc/PID/oom_score, oom_score_adj; the highest score is killed first";
	if (machine->victims.error)
		added->missing = why(page, "/proc", machine->victims.error);
}

void mt_page_fill(struct mt_page *page, const struct mt_machine *machine)
{
	add_memory(page, machine);
	add_holders(page, machine);
	add_slabs(page, machine);
	add_areas(page, machine);
	add_hugepages(page, machine);
	add_overcommit(page, machine);
	add_fragmentation(page, machine);
	add_watermarks(page, machine);
	add_pressure(page, machine);
	add_swap(page, machine);
	add_limits(page, machine);
	add_oom(page, machine);
}

void mt_page_free(struct mt_page *page)
{
	for (size_t i = 0; i < page->count; i++) {
		free(page->sections[i].lines);
		if (page->sections[i].has_table)
			mt_table_free(&page->sections[i].table);
	}
	free(page->findings);
	mt_arena_free(&page->arena);
	memset(page, 0, sizeof(*page));
}
