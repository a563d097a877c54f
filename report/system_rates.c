/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * system_rates.c - what happens in a second: between two readings of the machine; a section of the page, or lines as vmstat
 * prints them.
 */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/units.h"
#include "report/system_page.h"

/* ---- Two readings ---- */

/* Of a counter that both have; one that went back has started anew. */
static double rate(const struct mt_fields *before, const struct mt_fields *after, const char *name,
                   double seconds)
{
	uint64_t first = 0, last = 0;

	if (!mt_fields_get(before, name, &first) || !mt_fields_get(after, name, &last))
		return 0;
	return last > first ? (double)(last - first) / seconds : 0;
}

static double growth(uint64_t before, uint64_t after, double seconds)
{
	if (!mt_limit_is_set(before) || !mt_limit_is_set(after))
		return 0;
	return ((double)after - (double)before) / seconds;
}

struct mt_rates mt_rates_between(const struct mt_machine *before, const struct mt_machine *after,
                                 uint64_t elapsed_ns)
{
	const struct mt_fields *first = &before->vmstat, *last = &after->vmstat;
	double seconds = (double)elapsed_ns / 1e9, page = (double)after->page_bytes;
	struct mt_rates rates = {.elapsed_ns = elapsed_ns};

	if (!elapsed_ns)
		return rates;
	rates.has_counters = first->count > 0 && last->count > 0;
	rates.faults = rate(first, last, "pgfault", seconds);
	rates.major_faults = rate(first, last, "pgmajfault", seconds);
	rates.swap_in = rate(first, last, "pswpin", seconds) * page;
	rates.swap_out = rate(first, last, "pswpout", seconds) * page;
	rates.direct = rate(first, last, "pgscan_direct", seconds) * page;
	rates.scanned = rates.direct + rate(first, last, "pgscan_kswapd", seconds) * page +
	                rate(first, last, "pgscan_khugepaged", seconds) * page;
	rates.stolen = rate(first, last, "pgsteal_direct", seconds) * page +
	               rate(first, last, "pgsteal_kswapd", seconds) * page +
	               rate(first, last, "pgsteal_khugepaged", seconds) * page;
	rates.compact_stalls = rate(first, last, "compact_stall", seconds);
	rates.oom_kills = rate(first, last, "oom_kill", seconds);
	rates.has_process = !before->process_error && !after->process_error && after->pid;
	if (rates.has_process)
		rates.process_growth =
		        growth(before->process.rss_bytes + before->process.swap_bytes,
		               after->process.rss_bytes + after->process.swap_bytes, seconds);
	for (size_t i = 0; i < before->groups.count && i < after->groups.count; i++)
		rates.group_growth[i] = growth(before->groups.rows[i].current,
		                               after->groups.rows[i].current, seconds);
	return rates;
}

/* ---- On the page ---- */

void mt_page_fill_rates(struct mt_page *page, const struct mt_rates *rates)
{
	const struct {
		const char *key;
		const char *label;
		enum mt_unit unit;
		double value;
		const char *source;
		const char *meaning;
	} rows[] = {
	        {"faults", "page faults", MT_UNIT_RATE, rates->faults, "pgfault",
	         "pages that were touched for the first time"},
	        {"major_faults", "  with reading", MT_UNIT_RATE, rates->major_faults, "pgmajfault",
	         "had to wait for a disk"},
	        {"swap_in", "swapped in", MT_UNIT_BYTES_RATE, rates->swap_in, "pswpin",
	         "was needed again"},
	        {"swap_out", "swapped out", MT_UNIT_BYTES_RATE, rates->swap_out, "pswpout",
	         "made room"},
	        {"scanned", "scanned", MT_UNIT_BYTES_RATE, rates->scanned,
	         "pgscan_direct, _kswapd, ...", "looked at for what could be freed"},
	        {"scanned_direct", "  by who waited", MT_UNIT_BYTES_RATE, rates->direct,
	         "pgscan_direct", "by programs that asked for memory"},
	        {"stolen", "stolen", MT_UNIT_BYTES_RATE, rates->stolen,
	         "pgsteal_direct, _kswapd, ...", "freed after such a look"},
	        {"compact_stalls", "compaction stalls", MT_UNIT_RATE, rates->compact_stalls,
	         "compact_stall", "waited for a large block to be made"},
	        {"oom_kills", "killed", MT_UNIT_RATE, rates->oom_kills, "oom_kill",
	         "for want of memory"},
	};
	struct mt_section *added = mt_page_section(
	        page, "rates",
	        rates->elapsed_ns
	                ? mt_arena_print(&page->arena, "In a second (measured over %s)",
	                                 mt_units_duration((int64_t)rates->elapsed_ns).text)
	                : "In a second");

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		mt_page_figure(added, rows[i].key, rows[i].label, rows[i].unit, rates->has_counters,
		               (uint64_t)llround(rows[i].value),
		               mt_arena_print(&page->arena, "/proc/vmstat %s", rows[i].source),
		               rows[i].meaning);
	if (rates->has_process)
		mt_page_figure(added, "process_growth", "process grows", MT_UNIT_BYTES_RATE, true,
		               (uint64_t)llround(rates->process_growth),
		               "/proc/PID/status VmRSS + VmSwap", "resident and swapped");
	if (!rates->elapsed_ns)
		added->missing = "there is one reading only";
}

/* ---- Line by line ---- */

static uint64_t meminfo(const struct mt_machine *machine, const char *name)
{
	uint64_t value = 0;

	mt_fields_get(&machine->meminfo, name, &value);
	return value;
}

#define BYTES(value) mt_units_bytes((int64_t)(value)).text

void mt_rates_print_head(bool has_process)
{
	if (has_process)
		puts("     rss    grows     room     free   faults    major  swap in swap out  "
		     "scanned");
	else
		puts("    free    avail   faults    major  swap in swap out  scanned   stolen   "
		     "stalls");
}

void mt_rates_print_line(const struct mt_machine *machine, const struct mt_rates *rates)
{
	uint64_t room = 0;

	if (machine->pid)
		printf("%8s %8s %8s %8s ", BYTES(machine->process.rss_bytes),
		       BYTES(rates->process_growth),
		       mt_groups_tightest(&machine->groups, &room) ? BYTES(room) : "-",
		       BYTES(meminfo(machine, "MemFree")));
	else
		printf("%8s %8s ", BYTES(meminfo(machine, "MemFree")),
		       BYTES(meminfo(machine, "MemAvailable")));
	printf("%8.0f %8.0f %8s %8s %8s", rates->faults, rates->major_faults, BYTES(rates->swap_in),
	       BYTES(rates->swap_out), BYTES(rates->scanned));
	if (!machine->pid)
		printf(" %8s %8.0f", BYTES(rates->stolen), rates->compact_stalls);
	putchar('\n');
	fflush(stdout);
}
