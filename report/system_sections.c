/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * system_sections.c - the sections of the page on the machine: which figure of which file stands where, and what it means.
 */
#include <errno.h>
#include <string.h>

#include "base/units.h"
#include "report/system_page.h"
#include "report/text.h"

#define SLABS_SHOWN 6u
#define AREAS_SHOWN 5u

static void add_memory(struct mt_page *page, const struct mt_machine *machine)
{
	static const struct mt_meminfo_line rows[] = {
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
	struct mt_section *added = mt_page_section(page, "memory", "Memory");
	uint64_t total = 0, available = 0;
	bool is_known = mt_fields_get(&machine->meminfo, "MemTotal", &total) &&
	                mt_fields_get(&machine->meminfo, "MemAvailable", &available);

	MT_PAGE_MEMINFO(page, added, machine, rows);
	mt_page_figure(added, "used", "used", MT_UNIT_BYTES, is_known,
	               total > available ? total - available : 0,
	               "/proc/meminfo MemTotal - MemAvailable",
	               "what is not available, as free counts it");
	if (machine->meminfo.error)
		added->missing = mt_page_why(page, "/proc/meminfo", machine->meminfo.error);
}

static void add_holders(struct mt_page *page, const struct mt_machine *machine)
{
	static const struct mt_meminfo_line rows[] = {
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
	struct mt_section *added = mt_page_section(page, "holders", "Who has it");

	MT_PAGE_MEMINFO(page, added, machine, rows);
}

static void add_slabs(struct mt_page *page, const struct mt_machine *machine)
{
	static const struct mt_meminfo_line rows[] = {
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
	struct mt_section *added = mt_page_section(page, "slab", "The kernel's caches (slab)");

	MT_PAGE_MEMINFO(page, added, machine, rows);
	mt_page_figure(added, "vfs_cache_pressure", "vfs cache pressure", MT_UNIT_COUNT,
	               machine->has_setting[MT_SETTING_vfs_cache_pressure],
	               machine->settings[MT_SETTING_vfs_cache_pressure],
	               "/proc/sys/vm/vfs_cache_pressure",
	               "100: freed as readily as pages; less: kept");
	for (size_t i = 0; i < machine->slabs.count && i < SLABS_SHOWN; i++) {
		const struct mt_slab *slab = &machine->slabs.rows[i];
		struct mt_value *row = MT_PAGE_ROW(added, columns);

		row[0] = mt_value_text(mt_text_clean(&page->arena, slab->name));
		row[1] = mt_value_number((int64_t)slab->bytes);
		row[2] = mt_value_number((int64_t)slab->objects);
		row[3] = mt_value_number((int64_t)slab->active_objects);
		row[4] = mt_value_number((int64_t)slab->object_bytes);
	}
	added->table_source = "/proc/slabinfo; size: its slabs, whole";
	if (machine->slabs.error)
		added->missing = mt_page_why(page, "the largest caches, /proc/slabinfo",
		                             machine->slabs.error);
}

static void add_areas(struct mt_page *page, const struct mt_machine *machine)
{
	static const struct mt_column columns[] = {
	        {"caller", "vmalloc by caller", MT_COLUMN_TEXT},
	        {"memory_bytes", "memory", MT_COLUMN_BYTES},
	        {"address_space_bytes", "address space", MT_COLUMN_BYTES},
	        {"areas", "areas", MT_COLUMN_COUNT},
	};
	struct mt_section *added = mt_page_section(page, "vmalloc", "The kernel's areas (vmalloc)");

	for (size_t i = 0; i < machine->areas.count && i < AREAS_SHOWN; i++) {
		const struct mt_area *area = &machine->areas.rows[i];
		struct mt_value *row = MT_PAGE_ROW(added, columns);

		row[0] = mt_value_text(*area->caller ? mt_text_clean(&page->arena, area->caller)
		                                     : NULL);
		row[1] = mt_value_number((int64_t)area->pages_bytes);
		row[2] = mt_value_number((int64_t)area->bytes);
		row[3] = mt_value_number((int64_t)area->count);
	}
	added->table_source = "/proc/vmallocinfo; memory: its pages";
	if (machine->areas.error)
		added->missing = mt_page_why(page, "/proc/vmallocinfo", machine->areas.error);
}

static void add_hugepages(struct mt_page *page, const struct mt_machine *machine)
{
	static const struct mt_meminfo_line rows[] = {
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
	struct mt_section *added = mt_page_section(page, "hugepages", "Huge pages");

	MT_PAGE_MEMINFO(page, added, machine, rows);
	mt_page_word(added, "enabled", "transparent", machine->hugepages.enabled,
	             "/sys/kernel/mm/transparent_hugepage/enabled",
	             "always: for all; madvise: for who asks");
	mt_page_word(added, "defrag", "defrag", machine->hugepages.defrag,
	             "/sys/kernel/mm/transparent_hugepage/defrag",
	             "who waits for memory to be compacted");
	for (size_t i = 0; i < machine->hugepages.pool_count; i++) {
		const struct mt_huge_pool *pool = &machine->hugepages.pools[i];
		struct mt_value *row;

		if (pool->total == 0)
			continue;
		row = MT_PAGE_ROW(added, columns);
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
	static const struct mt_meminfo_line rows[] = {
	        {"Committed_AS", "committed", "committed",
	         "address space that was promised to programs"},
	        {"CommitLimit", "limit", "limit", "the most; holds in strict mode only"},
	};
	struct mt_section *added = mt_page_section(page, "overcommit", "Overcommit");

	MT_PAGE_MEMINFO(page, added, machine, rows);
	mt_page_word(added, "mode", "mode",
	             machine->has_setting[MT_SETTING_overcommit_memory]
	                     ? overcommit_word(machine->settings[MT_SETTING_overcommit_memory])
	                     : NULL,
	             "/proc/sys/vm/overcommit_memory",
	             "strict: nothing beyond the limit is promised");
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
	/* of 4 kB pages; a request of 2^10 pages is the largest that the kernel serves */
	static const struct mt_column columns[] = {
	        {"zone", "node zone", MT_COLUMN_TEXT},
	        {"free_bytes", "free", MT_COLUMN_BYTES},
	        {"largest_bytes", "largest", MT_COLUMN_BYTES},
	        {"unusable_order_1_percent", "8k", MT_COLUMN_NUMBER},
	        {"unusable_order_2_percent", "16k", MT_COLUMN_NUMBER},
	        {"unusable_order_3_percent", "32k", MT_COLUMN_NUMBER},
	        {"unusable_order_4_percent", "64k", MT_COLUMN_NUMBER},
	        {"unusable_order_5_percent", "128k", MT_COLUMN_NUMBER},
	        {"unusable_order_6_percent", "256k", MT_COLUMN_NUMBER},
	        {"unusable_order_7_percent", "512k", MT_COLUMN_NUMBER},
	        {"unusable_order_8_percent", "1M", MT_COLUMN_NUMBER},
	        {"unusable_order_9_percent", "2M", MT_COLUMN_NUMBER},
	        {"unusable_order_10_percent", "4M", MT_COLUMN_NUMBER},
	};
	struct mt_section *added = mt_page_section(
	        page, "fragmentation",
	        "Fragmentation: % of what is free that is of no use for a block of");

	for (size_t i = 0; i < machine->zones.count; i++) {
		const struct mt_zone *zone = &machine->zones.rows[i];
		struct mt_value *row;
		unsigned int largest = zone->order_count;

		if (!zone->has_orders)
			continue;
		while (largest > 0 && zone->orders[largest - 1] == 0)
			largest--;
		row = MT_PAGE_ROW(added, columns);
		row[0] = zone_name(page, zone);
		row[1] = mt_value_number((int64_t)bytes_of(machine, mt_zone_free_from(zone, 0)));
		row[2] = mt_value_number(largest ? (int64_t)bytes_of(machine, 1ull << (largest - 1))
		                                 : 0);
		for (unsigned int order = 1; order <= 10; order++)
			row[2 + order] = mt_value_number(mt_zone_unusable(zone, order) / 10);
	}
	added->table_source = "/proc/buddyinfo; of the free memory, what lies in smaller blocks";
	if (machine->zones.orders_error)
		added->missing = mt_page_why(page, "/proc/buddyinfo", machine->zones.orders_error);
}

/* Free beyond a mark, as a signed number: below it, negative. */
static struct mt_value beyond(const struct mt_machine *machine, const struct mt_zone *zone,
                              uint64_t mark)
{
	return mt_value_number(((int64_t)zone->free - (int64_t)mark) *
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
	struct mt_section *added = mt_page_section(page, "watermarks", "Watermarks");

	mt_page_figure(added, "min_free", "kept free", MT_UNIT_BYTES,
	               machine->has_setting[MT_SETTING_min_free_kbytes],
	               machine->settings[MT_SETTING_min_free_kbytes] * 1024,
	               "/proc/sys/vm/min_free_kbytes", "for urgent needs; min below comes from it");
	for (size_t i = 0; i < machine->zones.count; i++) {
		const struct mt_zone *zone = &machine->zones.rows[i];
		struct mt_value *row;

		if (!zone->has_marks || zone->managed == 0)
			continue;
		row = MT_PAGE_ROW(added, columns);
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
		added->missing = mt_page_why(page, "/proc/zoneinfo", machine->zones.marks_error);
}

static void add_pressure(struct mt_page *page, const struct mt_machine *machine)
{
	static const char source[] = "/proc/pressure/memory";
	const struct mt_pressure *pressure = &machine->pressure;
	struct mt_section *added = mt_page_section(page, "pressure", "Pressure");
	bool is_known = pressure->error == 0;

	mt_page_figure(added, "some_avg10", "some, 10 s", MT_UNIT_SHARE, is_known,
	               pressure->some.avg10, source, "of the time some task waited for memory");
	mt_page_figure(added, "some_avg60", "some, 60 s", MT_UNIT_SHARE, is_known,
	               pressure->some.avg60, source, "the same, over a minute");
	mt_page_figure(added, "some_avg300", "some, 300 s", MT_UNIT_SHARE, is_known,
	               pressure->some.avg300, source, "the same, over five minutes");
	mt_page_figure(added, "full_avg10", "full, 10 s", MT_UNIT_SHARE, is_known,
	               pressure->full.avg10, source, "of the time all tasks waited for memory");
	mt_page_figure(added, "full_avg60", "full, 60 s", MT_UNIT_SHARE, is_known,
	               pressure->full.avg60, source, "the same, over a minute");
	mt_page_figure(added, "full_avg300", "full, 300 s", MT_UNIT_SHARE, is_known,
	               pressure->full.avg300, source, "the same, over five minutes");
	if (pressure->error)
		added->missing = mt_page_why(page, source, pressure->error);
}

static void add_swap(struct mt_page *page, const struct mt_machine *machine)
{
	static const struct mt_meminfo_line rows[] = {
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
	struct mt_section *added = mt_page_section(page, "swap", "Swap");

	MT_PAGE_MEMINFO(page, added, machine, rows);
	mt_page_figure(added, "swappiness", "swappiness", MT_UNIT_COUNT,
	               machine->has_setting[MT_SETTING_swappiness],
	               machine->settings[MT_SETTING_swappiness], "/proc/sys/vm/swappiness",
	               "how readily heaps are swapped, 0 to 200");
	mt_page_word(added, "zswap_enabled", "zswap is",
	             machine->swaps.has_zswap ? machine->swaps.zswap_enabled ? "on" : "off" : NULL,
	             "/sys/module/zswap/parameters/enabled",
	             "compresses pages before they are swapped");
	for (size_t i = 0; i < machine->swaps.count; i++) {
		const struct mt_swap *swap = &machine->swaps.rows[i];
		struct mt_value *row = MT_PAGE_ROW(added, columns);

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

void mt_page_fill_machine(struct mt_page *page, const struct mt_machine *machine)
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
}
