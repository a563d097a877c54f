/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * findings.c - what to make of the figures of system.h's page, in plain words.
 *
 * An alarm is for what stops or kills programs now or soon, a warning for what will if it goes on, a note for what is good
 * to know. A page cache that fills all memory is none of these: it is what memory is for.
 */
#include "report/system.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/units.h"
#include "report/text.h"

/* ---- Building ---- */

static struct mt_finding *add(struct mt_page *page, enum mt_severity severity, const char *source,
                              const char *text)
{
	struct mt_finding *finding;

	page->findings = mt_memory_grow(page->findings, page->finding_count,
	                                &page->finding_capacity, sizeof(*page->findings));
	finding = &page->findings[page->finding_count++];
	*finding = (struct mt_finding){.severity = severity, .source = source, .text = text};
	return finding;
}

#define SAY(page, ...) mt_arena_print(&(page)->arena, __VA_ARGS__)
#define BYTES(value)   mt_units_bytes((int64_t)(value)).text

static uint64_t meminfo(const struct mt_machine *machine, const char *name)
{
	uint64_t value = 0;

	mt_fields_get(&machine->meminfo, name, &value);
	return value;
}

/* Shares in percent of what is not nothing. */
static bool is_above(uint64_t part, uint64_t whole, unsigned int percent)
{
	return whole > 0 && part / 100 >= 1 && part / (whole / 100 + 1) >= percent;
}

/* ---- The machine ---- */

static void judge_available(struct mt_page *page, const struct mt_machine *machine)
{
	uint64_t total = meminfo(machine, "MemTotal"), available;
	struct mt_finding *finding;
	bool is_alarm;

	if (!total || !mt_fields_get(&machine->meminfo, "MemAvailable", &available) ||
	    available > total / 10)
		return;
	is_alarm = available < total / 25;
	finding = add(page, is_alarm ? MT_FINDING_ALARM : MT_FINDING_WARNING,
	              "/proc/meminfo MemAvailable",
	              SAY(page, "memory is %s: %s of %s can still be had",
	                  is_alarm ? "nearly used up" : "getting short", BYTES(available),
	                  BYTES(total)));
	finding->advice =
	        "find who has it (Out of memory, below, has the largest), stop or limit it";
}

static void judge_pressure(struct mt_page *page, const struct mt_machine *machine)
{
	const struct mt_pressure *pressure = &machine->pressure;
	bool is_alarm = pressure->full.avg10 >= 1000 || pressure->some.avg10 >= 4000;

	if (pressure->error || (!is_alarm && pressure->some.avg10 < 500))
		return;
	add(page, is_alarm ? MT_FINDING_ALARM : MT_FINDING_WARNING, "/proc/pressure/memory",
	    SAY(page,
	        "programs wait for memory: %u.%u %% of the last 10 s at least one, %u.%u %% all of "
	        "them",
	        pressure->some.avg10 / 100, pressure->some.avg10 / 10 % 10,
	        pressure->full.avg10 / 100, pressure->full.avg10 / 10 % 10))
	        ->advice = "less work at a time, or more memory";
}

static void judge_watermarks(struct mt_page *page, const struct mt_machine *machine)
{
	uint64_t available = meminfo(machine, "MemAvailable");

	for (size_t i = 0; i < machine->zones.count; i++) {
		const struct mt_zone *zone = &machine->zones.rows[i];

		/* a small zone's marks are low, and it is full by design */
		if (!zone->has_marks || zone->managed < 65536 ||
		    zone->free >= zone->min + zone->boost)
			continue;
		add(page, MT_FINDING_ALARM, "/proc/zoneinfo",
		    SAY(page,
		        "zone %s of node %u is below its minimum: who asks for memory there has "
		        "to free some first (%s free, min %s, %s available in all)",
		        mt_text_clean(&page->arena, zone->name), zone->node,
		        BYTES(zone->free * machine->page_bytes),
		        BYTES(zone->min * machine->page_bytes), BYTES(available)));
	}
}

static void judge_swap(struct mt_page *page, const struct mt_machine *machine,
                       const struct mt_rates *rates)
{
	uint64_t total = meminfo(machine, "SwapTotal"), free = meminfo(machine, "SwapFree");
	uint64_t used = total > free ? total - free : 0;
	double moved = rates->swap_in + rates->swap_out;

	if (total == 0)
		return;
	if (rates->elapsed_ns && moved * (double)machine->page_bytes >= (double)(1 << 20))
		add(page, MT_FINDING_WARNING, "/proc/vmstat pswpin, pswpout",
		    SAY(page, "it swaps: %s/s in, %s/s out",
		        BYTES(rates->swap_in * (double)machine->page_bytes),
		        BYTES(rates->swap_out * (double)machine->page_bytes)))
		        ->advice = "what is used at once is more than memory: run less at a time";
	else if (is_above(used, total, 90))
		add(page, MT_FINDING_WARNING, "/proc/meminfo SwapFree",
		    SAY(page, "swap is nearly full: %s of %s", BYTES(used), BYTES(total)))
		        ->advice =
		        "what grows from here on has to be killed; add swap or find who grows";
	else if (is_above(used, total, 10))
		add(page, MT_FINDING_NOTE, "/proc/meminfo SwapFree, /proc/vmstat pswpin",
		    SAY(page, "swap holds %s that nobody asks for: that costs nothing",
		        BYTES(used)));
}

static void judge_overcommit(struct mt_page *page, const struct mt_machine *machine)
{
	uint64_t limit = meminfo(machine, "CommitLimit"),
	         committed = meminfo(machine, "Committed_AS");

	if (!machine->has_setting[MT_SETTING_overcommit_memory] ||
	    machine->settings[MT_SETTING_overcommit_memory] != 2 || !limit ||
	    !is_above(committed, limit, 85))
		return;
	add(page, is_above(committed, limit, 95) ? MT_FINDING_ALARM : MT_FINDING_WARNING,
	    "/proc/meminfo CommitLimit, Committed_AS",
	    SAY(page,
	        "overcommit is strict and %s of %s are promised: malloc and fork fail %s before "
	        "memory "
	        "is used up",
	        BYTES(committed), BYTES(limit), BYTES(limit > committed ? limit - committed : 0)))
	        ->advice = "raise vm.overcommit_ratio, add swap, or allow overcommit";
}

static void judge_kernel(struct mt_page *page, const struct mt_machine *machine)
{
	uint64_t total = meminfo(machine, "MemTotal"), stuck = meminfo(machine, "SUnreclaim");
	uint64_t reclaimable = meminfo(machine, "SReclaimable"),
	         tables = meminfo(machine, "PageTables");
	const struct mt_slab *largest = machine->slabs.count ? &machine->slabs.rows[0] : NULL;

	if (is_above(stuck, total, 15))
		add(page, MT_FINDING_WARNING, "/proc/meminfo SUnreclaim",
		    SAY(page, "the kernel holds %s that it cannot give back (slab)", BYTES(stuck)))
		        ->advice = "see which cache grows, below; it may be a leak of a driver";
	if (is_above(reclaimable, total, 10))
		add(page, MT_FINDING_NOTE, "/proc/meminfo SReclaimable, /proc/slabinfo",
		    largest ? SAY(page,
		                  "the kernel's caches hold %s, most of it %s (%s); reclaimable: "
		                  "it goes "
		                  "back when programs need it",
		                  BYTES(reclaimable), mt_text_clean(&page->arena, largest->name),
		                  BYTES(largest->bytes))
		            : SAY(page,
		                  "the kernel's caches hold %s; reclaimable: it goes back when "
		                  "programs "
		                  "need it",
		                  BYTES(reclaimable)));
	if (is_above(tables, total, 5))
		add(page, MT_FINDING_NOTE, "/proc/meminfo PageTables",
		    SAY(page, "page tables take %s: many processes map the same large memory",
		        BYTES(tables)))
		        ->advice = "huge pages make them 500 times smaller";
	if (is_above(meminfo(machine, "Shmem"), total, 25))
		add(page, MT_FINDING_NOTE, "/proc/meminfo Shmem",
		    SAY(page, "shared memory and tmpfs hold %s: cached, but not to be freed",
		        BYTES(meminfo(machine, "Shmem"))))
		        ->advice = "df -t tmpfs, ipcs -m say whose it is";
	if (is_above(meminfo(machine, "Dirty") + meminfo(machine, "Writeback"), total, 10))
		add(page, MT_FINDING_WARNING, "/proc/meminfo Dirty, Writeback",
		    SAY(page, "%s wait to be written: the disks are behind",
		        BYTES(meminfo(machine, "Dirty") + meminfo(machine, "Writeback"))));
}

static void judge_fragmentation(struct mt_page *page, const struct mt_machine *machine)
{
	uint64_t free = 0, large = 0;

	for (size_t i = 0; i < machine->zones.count; i++) {
		free += mt_zone_free_from(&machine->zones.rows[i], 0);
		large += mt_zone_free_from(&machine->zones.rows[i], 9);
	}
	if (free * machine->page_bytes < (64u << 20) || large > 0)
		return;
	add(page, MT_FINDING_NOTE, "/proc/buddyinfo",
	    SAY(page, "%s are free, but no block of 2 MB: each huge page has to be compacted first",
	        BYTES(free * machine->page_bytes)))
	        ->advice = "matters to who needs huge pages; echo 1 >/proc/sys/vm/compact_memory";
}

static void judge_pools(struct mt_page *page, const struct mt_machine *machine)
{
	uint64_t total = meminfo(machine, "MemTotal");

	for (size_t i = 0; i < machine->hugepages.pool_count; i++) {
		const struct mt_huge_pool *pool = &machine->hugepages.pools[i];
		uint64_t idle = pool->free > pool->reserved ? pool->free - pool->reserved : 0;

		if (is_above(idle * pool->page_bytes, total, 5))
			add(page, MT_FINDING_NOTE, "/sys/kernel/mm/hugepages",
			    SAY(page,
			        "%s lie idle in the pool of %s pages, where nothing else can use "
			        "them",
			        BYTES(idle * pool->page_bytes), BYTES(pool->page_bytes)))
			        ->advice = "lower vm.nr_hugepages if nobody is to come";
	}
}

static void judge_kills(struct mt_page *page, const struct mt_machine *machine,
                        const struct mt_rates *rates)
{
	uint64_t kills = 0;

	mt_fields_get(&machine->vmstat, "oom_kill", &kills);
	if (rates->elapsed_ns && rates->oom_kills > 0)
		add(page, MT_FINDING_ALARM, "/proc/vmstat oom_kill",
		    "processes are being killed for want of memory");
	else if (kills > 0)
		add(page, MT_FINDING_NOTE, "/proc/vmstat oom_kill",
		    SAY(page, "%s killed for want of memory since the machine started",
		        mt_units_of((int64_t)kills, "process was", "processes were").text));
}

/* ---- The process ---- */

static void judge_group(struct mt_page *page, const struct mt_machine *machine)
{
	uint64_t room = 0;
	const struct mt_group *group = mt_groups_tightest(&machine->groups, &room);
	uint64_t limit, file = 0;

	for (size_t i = 0; i < machine->groups.count; i++)
		if (machine->groups.rows[i].oom_kills > 0)
			add(page, MT_FINDING_WARNING, "memory.events oom_kill",
			    SAY(page, "in control group %s %s killed for want of memory",
			        mt_text_clean(&page->arena, machine->groups.rows[i].path),
			        mt_units_of((int64_t)machine->groups.rows[i].oom_kills,
			                    "process was", "processes were")
			                .text));
	if (!group)
		return;
	limit = group->current + room;
	/* what is only cached goes first, as on the machine */
	mt_fields_get(&machine->groups.rows[0].stat, "inactive_file", &file);
	if (!is_above(group->current, limit, 90) ||
	    (group == machine->groups.rows && file > limit / 5))
		return;
	add(page, is_above(group->current, limit, 97) ? MT_FINDING_ALARM : MT_FINDING_WARNING,
	    group->is_first ? "memory.usage_in_bytes, memory.limit_in_bytes"
	                    : "memory.current, memory.max, memory.high",
	    SAY(page, "process %d is %s below the limit of its control group (%s of %s)",
	        (int)machine->pid, BYTES(room), BYTES(group->current), BYTES(limit)))
	        ->advice = group->kills_as_one ? "at the limit the whole group is killed: raise "
	                                         "memory.max, or find what grows"
	                                       : "at the limit a process of the group is killed: "
	                                         "raise it, or find what grows";
}

static void judge_rlimits(struct mt_page *page, const struct mt_machine *machine)
{
	for (size_t i = 0; i < MT_RLIMITS; i++) {
		uint64_t limit = machine->rlimits.limits[i], used = machine->rlimits.used[i];

		if (!machine->rlimits.is_known[i] || limit == MT_LIMIT_NONE ||
		    !is_above(used, limit, 90))
			continue;
		add(page, MT_FINDING_WARNING, "/proc/PID/limits",
		    SAY(page, "process %d has used %s of %s that its limit on %s allows",
		        (int)machine->pid, BYTES(used), BYTES(limit), mt_rlimit_names[i]))
		        ->advice = "beyond it malloc or mmap fails; see ulimit";
	}
}

static void judge_victim(struct mt_page *page, const struct mt_machine *machine)
{
	const struct mt_victim *victim = machine->victims.rows;
	bool is_tight = false;

	for (size_t i = 0; i < page->finding_count; i++)
		is_tight |= page->findings[i].severity == MT_FINDING_ALARM;
	if (!is_tight || machine->victims.count == 0)
		return;
	add(page, MT_FINDING_NOTE, "/proc/PID/oom_score",
	    SAY(page, "next to be killed would be %s (pid %d, %s resident)",
	        mt_text_clean(&page->arena, victim->command), (int)victim->pid,
	        BYTES(victim->rss_bytes)));
}

static int by_severity(const void *left, const void *right)
{
	const struct mt_finding *a = left, *b = right;

	return (a->severity < b->severity) - (a->severity > b->severity);
}

void mt_page_judge(struct mt_page *page, const struct mt_machine *machine,
                   const struct mt_rates *rates)
{
	judge_group(page, machine);
	judge_available(page, machine);
	judge_pressure(page, machine);
	judge_watermarks(page, machine);
	judge_overcommit(page, machine);
	judge_rlimits(page, machine);
	judge_swap(page, machine, rates);
	judge_kernel(page, machine);
	judge_kills(page, machine, rates);
	judge_fragmentation(page, machine);
	judge_pools(page, machine);
	judge_victim(page, machine);
	if (page->finding_count > 0)
		/* few rows: a stable order is kept by an insertion sort, which qsort() is not */
		for (size_t i = 1; i < page->finding_count; i++)
			for (size_t j = i;
			     j > 0 && by_severity(&page->findings[j - 1], &page->findings[j]) > 0;
			     j--) {
				struct mt_finding moved = page->findings[j];

				page->findings[j] = page->findings[j - 1];
				page->findings[j - 1] = moved;
			}
}

/* ---- Rates ---- */

static double rate(const struct mt_fields *before, const struct mt_fields *after, const char *name,
                   double seconds)
{
	uint64_t first = 0, last = 0;

	mt_fields_get(before, name, &first);
	mt_fields_get(after, name, &last);
	return last > first ? (double)(last - first) / seconds : 0;
}

struct mt_rates mt_rates_between(const struct mt_fields *before, const struct mt_fields *after,
                                 uint64_t elapsed_ns)
{
	double seconds = (double)elapsed_ns / 1e9;
	struct mt_rates rates = {.elapsed_ns = elapsed_ns};

	if (!elapsed_ns)
		return rates;
	rates.faults = rate(before, after, "pgfault", seconds);
	rates.major_faults = rate(before, after, "pgmajfault", seconds);
	rates.swap_in = rate(before, after, "pswpin", seconds);
	rates.swap_out = rate(before, after, "pswpout", seconds);
	rates.direct = rate(before, after, "pgscan_direct", seconds);
	rates.scanned = rates.direct + rate(before, after, "pgscan_kswapd", seconds) +
	                rate(before, after, "pgscan_khugepaged", seconds);
	rates.stolen = rate(before, after, "pgsteal_direct", seconds) +
	               rate(before, after, "pgsteal_kswapd", seconds) +
	               rate(before, after, "pgsteal_khugepaged", seconds);
	rates.compact_stalls = rate(before, after, "compact_stall", seconds);
	rates.oom_kills = rate(before, after, "oom_kill", seconds);
	return rates;
}
