/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * system_process.c - the sections of the page on what limits the process, and on who is killed next.
 */
#include <inttypes.h>
#include <string.h>

#include "base/units.h"
#include "report/system_page.h"
#include "report/text.h"

#define VICTIMS_SHOWN 3u

/* ---- What the process and its groups are held to ---- */

static bool is_limited(const struct mt_rlimits *rlimits, size_t i)
{
	return rlimits->is_known[i] && rlimits->limits[i] != MT_LIMIT_NONE;
}

static void add_rlimits(struct mt_page *page, const struct mt_machine *machine,
                        struct mt_section *added)
{
	static const char *const keys[MT_RLIMITS] = {
	        [MT_RLIMIT_AS] = "limit_address_space",
	        [MT_RLIMIT_DATA] = "limit_data",
	        [MT_RLIMIT_MEMLOCK] = "limit_locked_memory",
	        [MT_RLIMIT_STACK] = "limit_stack",
	};

	for (size_t i = 0; i < MT_RLIMITS; i++)
		if (is_limited(&machine->rlimits, i))
			mt_page_figure(
			        added, keys[i], mt_rlimit_names[i], MT_UNIT_BYTES, true,
			        machine->rlimits.limits[i],
			        mt_arena_print(&page->arena, "/proc/%d/limits", (int)machine->pid),
			        mt_arena_print(
			                &page->arena, "the most there may be; now %s",
			                mt_units_bytes((int64_t)machine->rlimits.used[i]).text));
}

/* The least room below any limit: of the groups, of the address space, of data. */
static void add_tightest(struct mt_page *page, const struct mt_machine *machine,
                         struct mt_section *added)
{
	uint64_t room = 0;
	const struct mt_group *group = mt_groups_tightest(&machine->groups, &room);
	const char *name =
	        group ? mt_arena_print(&page->arena, "%s of control group %s",
	                               mt_group_limit(group) == group->max ? "max" : "high",
	                               mt_text_clean(&page->arena, group->path))
	              : NULL;

	for (size_t i = 0; i <= MT_RLIMIT_DATA; i++) {
		uint64_t limit = machine->rlimits.limits[i], used = machine->rlimits.used[i];
		uint64_t left = limit > used ? limit - used : 0;

		if (!is_limited(&machine->rlimits, i) || (name && left >= room))
			continue;
		room = left;
		name = mt_arena_print(&page->arena, "the limit on its %s", mt_rlimit_names[i]);
	}
	mt_page_figure(added, "room", "room", MT_UNIT_BYTES, name != NULL, room,
	               "limits and levels below",
	               name ? mt_arena_print(&page->arena, "to %s",
	                                     mt_text_cut(&page->arena, name, 43))
	                    : "no limit is set");
}

/* Of memory.stat, which calls the same things by other names in each version. */
static void add_stat(struct mt_page *page, const struct mt_group *own, struct mt_section *added)
{
	static const struct {
		const char *second;
		const char *first;
		const char *key;
		const char *label;
		const char *meaning;
	} rows[] = {
	        {"anon", "rss", "group_anonymous", "  anonymous", "heaps and stacks"},
	        {"file", "cache", "group_files", "  cached", "files and shared memory"},
	        {"shmem", "shmem", "group_shmem", "  shared memory", "not to be freed"},
	        {"inactive_file", "inactive_file", "group_inactive_file", "  files, inactive",
	         "goes first at the limit"},
	        {"kernel", "", "group_kernel", "  kernel", "stacks, page tables, slab"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *name = own->is_first ? rows[i].first : rows[i].second;
		uint64_t value = 0;

		if (mt_fields_get(&own->stat, name, &value))
			mt_page_figure(added, rows[i].key, rows[i].label, MT_UNIT_BYTES, true,
			               value, mt_arena_print(&page->arena, "memory.stat %s", name),
			               rows[i].meaning);
	}
}

static struct mt_value value_of(uint64_t figure)
{
	return mt_limit_is_set(figure) ? mt_value_number((int64_t)figure) : mt_value_unknown();
}

static void add_groups(struct mt_page *page, const struct mt_machine *machine,
                       struct mt_section *added)
{
	static const struct mt_column columns[] = {
	        {"group", NULL, MT_COLUMN_TEXT},           {NULL, "control group", MT_COLUMN_TEXT},
	        {"current_bytes", "now", MT_COLUMN_BYTES}, {"peak_bytes", "peak", MT_COLUMN_BYTES},
	        {"high_bytes", NULL, MT_COLUMN_BYTES},     {"max_bytes", NULL, MT_COLUMN_BYTES},
	        {NULL, "limit", MT_COLUMN_BYTES},          {"room_bytes", "room", MT_COLUMN_BYTES},
	        {"max_events", "at max", MT_COLUMN_COUNT}, {"oom_kills", "killed", MT_COLUMN_COUNT},
	};

	for (size_t i = 0; i < machine->groups.count; i++) {
		const struct mt_group *group = &machine->groups.rows[i];
		const char *path = mt_text_clean(&page->arena, group->path);
		uint64_t limit = mt_group_limit(group);
		struct mt_value *row = MT_PAGE_ROW(added, columns);

		row[0] = mt_value_text(path);
		row[1] = mt_value_text(
		        mt_text_cut(&page->arena, mt_text_short_path(&page->arena, path, 16), 16));
		row[2] = value_of(group->current);
		row[3] = value_of(group->peak);
		row[4] = value_of(group->high);
		row[5] = value_of(group->max);
		row[6] = value_of(limit);
		if (mt_limit_is_set(limit) && mt_limit_is_set(group->current))
			row[7] = mt_value_number(
			        limit > group->current ? (int64_t)(limit - group->current) : 0);
		row[8] = value_of(group->events_max);
		row[9] = value_of(group->oom_kills);
	}
	added->table_source = "the memory controller's files of the group in /proc/PID/cgroup, and "
	                      "of those above it; -: none";
}

static void add_limits(struct mt_page *page, const struct mt_machine *machine)
{
	struct mt_section *added = mt_page_section(
	        page, "limits",
	        mt_arena_print(&page->arena, "Limits of process %d (%s)", (int)machine->pid,
	                       mt_text_clean(&page->arena, machine->process.command)));

	mt_page_figure(added, "rss", "resident", MT_UNIT_BYTES, machine->process_error == 0,
	               machine->process.rss_bytes, "/proc/PID/status VmRSS",
	               "memtrace rss says whose");
	mt_page_figure(added, "swapped", "swapped", MT_UNIT_BYTES, machine->process_error == 0,
	               machine->process.swap_bytes, "/proc/PID/status VmSwap",
	               "moved out of memory");
	add_tightest(page, machine, added);
	add_rlimits(page, machine, added);
	if (machine->groups.count > 0)
		add_stat(page, &machine->groups.rows[0], added);
	add_groups(page, machine, added);
	if (machine->groups.error)
		added->missing =
		        mt_page_why(page, "control groups of memory", machine->groups.error);
	else if (machine->rlimits.error)
		added->missing = mt_page_why(page, "/proc/PID/limits", machine->rlimits.error);
}

/* ---- Who is killed next ---- */

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
	struct mt_section *added = mt_page_section(page, "oom", "Out of memory");
	const struct mt_group *own = machine->groups.count ? &machine->groups.rows[0] : NULL;
	uint64_t kills = 0;
	bool is_known = mt_fields_get(&machine->vmstat, "oom_kill", &kills);

	mt_page_figure(added, "oom_kills", "killed so far", MT_UNIT_COUNT, is_known, kills,
	               "/proc/vmstat oom_kill", "processes, since the machine started");
	if (machine->pid) {
		bool has_score = machine->process_error == 0;

		mt_page_figure(added, "score", "score", MT_UNIT_COUNT, has_score,
		               machine->process.score, "/proc/PID/oom_score",
		               "of this process; the highest is killed first");
		mt_page_figure(added, "adj", "adjusted by", MT_UNIT_COUNT, has_score,
		               (uint64_t)machine->process.adj, "/proc/PID/oom_score_adj",
		               "-1000: never killed, 1000: first");
		mt_page_figure(added, "kills_as_one", "killed as one", MT_UNIT_COUNT,
		               own && mt_limit_is_set(own->kills_as_one),
		               own ? own->kills_as_one : 0, "memory.oom.group",
		               "1: with all others of its control group");
	}
	for (size_t i = 0; i < machine->victims.count && i < VICTIMS_SHOWN; i++) {
		const struct mt_victim *victim = &machine->victims.rows[i];
		struct mt_value *row = MT_PAGE_ROW(added, columns);

		row[0] = mt_value_number(victim->pid);
		row[1] = mt_value_text(mt_text_clean(&page->arena, victim->command));
		row[2] = mt_value_number((int64_t)victim->score);
		row[3] = mt_value_number(victim->adj);
		row[4] = mt_value_number((int64_t)victim->rss_bytes);
		row[5] = mt_value_number((int64_t)victim->swap_bytes);
	}
	added->table_source = "/proc/PID/oom_score, oom_score_adj, status VmRSS, VmSwap; what is "
	                      "resident, swapped and in page tables makes the score, adj moves it";
	if (machine->victims.error)
		added->missing = mt_page_why(page, "the others, /proc/PID/oom_score",
		                             machine->victims.error);
}

void mt_page_fill_process(struct mt_page *page, const struct mt_machine *machine)
{
	if (machine->pid)
		add_limits(page, machine);
	add_oom(page, machine);
}
