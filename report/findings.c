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
	uint64_t total = meminfo(machine, "MemTotal"), free = meminfo(machine, "MemFree");
	uint64_t available;
	struct mt_finding *finding;
	bool is_alarm;

	if (!total || !mt_fields_get(&machine->meminfo, "MemAvailable", &available))
		return;
	/* what frightens whoever looks at "free" alone */
	if (available > total / 2 && free < total / 10)
		add(page, MT_FINDING_NOTE, "/proc/meminfo MemFree, MemAvailable",
		    SAY(page,
		        "only %s are free, but %s can be had: most of it holds cached files, which "
		        "go when programs need memory",
		        BYTES(free), BYTES(available)));
	if (available > total / 10)
		return;
	is_alarm = available < total / 25;
	finding = add(page, is_alarm ? MT_FINDING_ALARM : MT_FINDING_WARNING,
	              "/proc/meminfo MemAvailable",
	              SAY(page, "memory is %s: %s of %s can still be had",
	                  is_alarm ? "nearly used up" : "getting short", BYTES(available),
	                  BYTES(total)));
	finding->kills = is_alarm ? MT_KILLS_ANYBODY : MT_KILLS_NOBODY;
	finding->advice = "find who has it (the largest are under Out of memory), stop or limit it";
}

static void judge_pressure(struct mt_page *page, const struct mt_machine *machine)
{
	const struct mt_pressure *pressure = &machine->pressure;
	uint64_t total = meminfo(machine, "MemTotal"), available = meminfo(machine, "MemAvailable");
	bool is_alarm = pressure->full.avg10 >= 1000 || pressure->some.avg10 >= 4000;
	/* with much to be had it is the cache that is exchanged, by who reads or writes a lot */
	bool is_cache = available > total / 4;
	struct mt_finding *finding;

	if (pressure->error || (!is_alarm && pressure->some.avg10 < 500))
		return;
	finding = add(page,
	              is_cache   ? MT_FINDING_NOTE
	              : is_alarm ? MT_FINDING_ALARM
	                         : MT_FINDING_WARNING,
	              "/proc/pressure/memory",
	              SAY(page,
	                  "programs wait for memory: %u.%u %% of the last 10 s at least one, %u.%u "
	                  "%% all "
	                  "of them%s",
	                  pressure->some.avg10 / 100, pressure->some.avg10 / 10 % 10,
	                  pressure->full.avg10 / 100, pressure->full.avg10 / 10 % 10,
	                  is_cache ? "; not for want of it: who reads or writes much waits for "
	                             "cached files to be replaced"
	                           : ""));
	if (!is_cache)
		finding->advice = "less work at a time, or more memory";
}

static void judge_watermarks(struct mt_page *page, const struct mt_machine *machine)
{
	uint64_t available = meminfo(machine, "MemAvailable");

	for (size_t i = 0; i < machine->zones.count; i++) {
		const struct mt_zone *zone = &machine->zones.rows[i];

		/* a small zone's marks are low, and it is full by design */
		if (!zone->has_marks || zone->managed < 65536 || zone->free >= zone->min)
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
	if (rates->elapsed_ns && moved >= (double)(1 << 20))
		add(page, MT_FINDING_WARNING, "/proc/vmstat pswpin, pswpout",
		    SAY(page, "it swaps: %s/s in, %s/s out", BYTES(rates->swap_in),
		        BYTES(rates->swap_out)))
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
	        "overcommit is strict and %s of %s are promised: malloc and fork fail from %s more "
	        "on, with %s available",
	        BYTES(committed), BYTES(limit), BYTES(limit > committed ? limit - committed : 0),
	        BYTES(meminfo(machine, "MemAvailable"))))
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
	if (free * machine->page_bytes < (64u << 20) || large > free / 20)
		return;
	add(page, MT_FINDING_NOTE, "/proc/buddyinfo",
	    SAY(page,
	        "%s are free, but %s of it in blocks of 2 MB: huge pages have to be made first",
	        BYTES(free * machine->page_bytes),
	        large ? SAY(page, "only %s", BYTES(large * machine->page_bytes)) : "none"))
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

static void judge_group_kills(struct mt_page *page, const struct mt_machine *machine)
{
	for (size_t i = 0; i < machine->groups.count; i++) {
		const struct mt_group *group = &machine->groups.rows[i];

		if (!mt_limit_is_set(group->oom_kills) || group->oom_kills == 0)
			continue;
		add(page, MT_FINDING_WARNING,
		    group->is_first ? "memory.oom_control oom_kill" : "memory.events oom_kill",
		    SAY(page, "in control group %s %s killed for want of memory",
		        mt_text_clean(&page->arena, group->path),
		        mt_units_of((int64_t)group->oom_kills, "process was", "processes were")
		                .text));
	}
}

/* Less than so much over two readings may be no more than how the kernel counts: in batches, for each processor. */
#define GROWTH_BYTES_MIN (1 << 20)

/* " and grows 4.0 MB/s: full in 3.2 s", or "" */
static const char *growth_of(struct mt_page *page, const struct mt_rates *rates, double growth,
                             uint64_t room, bool *ret_is_soon)
{
	double seconds = (double)rates->elapsed_ns / 1e9;

	*ret_is_soon = false;
	if (growth <= 0 || growth * seconds < GROWTH_BYTES_MIN)
		return "";
	*ret_is_soon = (double)room / growth < 60;
	return SAY(page, " and grows %s/s: full in %s", BYTES(growth),
	           (double)room / growth < 1e9
	                   ? mt_units_duration((int64_t)((double)room / growth * 1e9)).text
	                   : "years");
}

static void judge_group(struct mt_page *page, const struct mt_machine *machine,
                        const struct mt_rates *rates)
{
	uint64_t room = 0, limit, cached;
	const struct mt_group *group = mt_groups_tightest(&machine->groups, &room);
	const char *grows;
	struct mt_finding *finding;
	bool is_soon, is_alarm, is_held;

	if (!group)
		return;
	limit = mt_group_limit(group);
	/* what is only cached goes first, as on the machine */
	cached = mt_group_reclaimable(group);
	is_alarm = is_above(group->current - cached, limit, 97);
	grows = growth_of(page, rates, rates->group_growth[group - machine->groups.rows],
	                  room + cached, &is_soon);
	if (!is_soon && !is_above(group->current - cached, limit, 90)) {
		if (is_above(group->current, limit, 90))
			add(page, MT_FINDING_NOTE, "memory.current, memory.stat",
			    SAY(page,
			        "control group %s is full, but %s of its %s is cached files, "
			        "which go first",
			        mt_text_clean(&page->arena, group->path), BYTES(cached),
			        BYTES(limit)));
		return;
	}
	/* at high it is slowed, not killed */
	is_held = limit != group->max;
	finding = add(
	        page, is_soon || is_alarm ? MT_FINDING_ALARM : MT_FINDING_WARNING,
	        group->is_first ? "memory.usage_in_bytes, memory.limit_in_bytes"
	                        : "memory.current, memory.max, memory.high",
	        SAY(page, "process %d is %s below the limit of control group %s (%s of %s%s)%s",
	            (int)machine->pid, BYTES(room), mt_text_clean(&page->arena, group->path),
	            BYTES(group->current), BYTES(limit),
	            cached > limit / 50 ? SAY(page, ", %s of it cached files", BYTES(cached)) : "",
	            grows));
	finding->kills = is_held ? MT_KILLS_NOBODY : MT_KILLS_IN_GROUP;
	finding->advice =
	        is_held ? "beyond it the group is slowed down: raise memory.high, or find what "
	                  "grows"
	        : group->kills_as_one == 1
	                ? "at the limit the whole group is killed: raise it, or find what grows "
	                  "(memtrace rss)"
	                : "at the limit a process of the group is killed: raise it, or find what "
	                  "grows (memtrace rss)";
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

/* The kernel chooses among the processes of the group that is full. */
static void judge_victim(struct mt_page *page, const struct mt_machine *machine)
{
	uint64_t room;
	const struct mt_group *group = mt_groups_tightest(&machine->groups, &room);
	const struct mt_victim *victim;
	bool is_group = false, is_machine = false;

	for (size_t i = 0; i < page->finding_count; i++) {
		is_group |= page->findings[i].kills == MT_KILLS_IN_GROUP;
		is_machine |= page->findings[i].kills == MT_KILLS_ANYBODY;
	}
	if (!is_group && !is_machine)
		return;
	is_group &= !is_machine;
	victim = mt_victims_next(machine->root, &machine->victims, is_group ? group : NULL);
	if (!victim)
		return;
	add(page, MT_FINDING_NOTE, "/proc/PID/oom_score",
	    SAY(page, "next to be killed%s would be %s (pid %d, %s resident, score %s%s)",
	        is_group ? " in that group" : "", mt_text_clean(&page->arena, victim->command),
	        (int)victim->pid, BYTES(victim->rss_bytes),
	        mt_units_count((int64_t)victim->score).text,
	        victim->adj ? SAY(page, ", moved %+lld by oom_score_adj", (long long)victim->adj)
	                    : ""));
}

static int by_severity(const void *left, const void *right)
{
	const struct mt_finding *a = left, *b = right;

	return (a->severity < b->severity) - (a->severity > b->severity);
}

void mt_page_judge(struct mt_page *page, const struct mt_machine *machine,
                   const struct mt_rates *rates)
{
	judge_group(page, machine, rates);
	judge_group_kills(page, machine);
	judge_available(page, machine);
	judge_victim(page, machine);
	judge_pressure(page, machine);
	judge_watermarks(page, machine);
	judge_overcommit(page, machine);
	judge_rlimits(page, machine);
	judge_swap(page, machine, rates);
	judge_kernel(page, machine);
	judge_kills(page, machine, rates);
	judge_fragmentation(page, machine);
	judge_pools(page, machine);
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
