/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * limits.c - see limits.h.
 */
#include "host/limits.h"

#include "base/cleanup.h"
#include "host/cgroup.h"
#include "host/lines.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- Resource limits ---- */

const char *const mt_rlimit_names[MT_RLIMITS] = {
        [MT_RLIMIT_AS] = "address space",
        [MT_RLIMIT_DATA] = "data",
        [MT_RLIMIT_MEMLOCK] = "locked memory",
        [MT_RLIMIT_STACK] = "stack",
};

static const struct {
	const char *limit; /* of /proc/PID/limits */
	const char *used;  /* of /proc/PID/status */
} rlimits[MT_RLIMITS] = {
        [MT_RLIMIT_AS] = {"Max address space", "VmSize"},
        [MT_RLIMIT_DATA] = {"Max data size", "VmData"},
        [MT_RLIMIT_MEMLOCK] = {"Max locked memory", "VmLck"},
        [MT_RLIMIT_STACK] = {"Max stack size", "VmStk"},
};

static void parse_limit(char *line, struct mt_rlimits *result)
{
	for (size_t i = 0; i < MT_RLIMITS; i++) {
		size_t length = strlen(rlimits[i].limit);
		char *at = line + length, *word;

		if (strncmp(line, rlimits[i].limit, length) != 0)
			continue;
		word = mt_lines_word(&at);
		if (!word)
			return;
		result->limits[i] = MT_LIMIT_NONE;
		result->is_known[i] =
		        strcmp(word, "unlimited") == 0 || mt_lines_number(word, &result->limits[i]);
		return;
	}
}

void mt_rlimits_read(const char *root, pid_t pid, struct mt_rlimits *ret_rlimits)
{
	MT_CLEANUP_FREE char *text = NULL;
	struct mt_fields status;
	char path[64];
	char *at, *line;

	memset(ret_rlimits, 0, sizeof(*ret_rlimits));
	snprintf(path, sizeof(path), "/proc/%d/limits", (int)pid);
	ret_rlimits->error = mt_lines_read(root, path, &text);
	if (ret_rlimits->error < 0)
		return;
	at = text;
	while ((line = mt_lines_next(&at)))
		parse_limit(line, ret_rlimits);
	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	if (mt_fields_read(root, path, &status) < 0)
		return;
	for (size_t i = 0; i < MT_RLIMITS; i++)
		mt_fields_get(&status, rlimits[i].used, &ret_rlimits->used[i]);
	mt_fields_free(&status);
}

/* ---- Control groups ---- */

/* Limits from here on are none: v1 writes the largest number of whole pages. */
#define V1_NONE (INT64_MAX / 65536 * 65536)

#define AT(member) offsetof(struct mt_group, member)

const struct mt_group_file mt_group_files[] = {
        {"memory.current", NULL, false, AT(current)},
        {"memory.peak", NULL, false, AT(peak)},
        {"memory.min", NULL, false, AT(min)},
        {"memory.low", NULL, false, AT(low)},
        {"memory.high", NULL, false, AT(high)},
        {"memory.max", NULL, false, AT(max)},
        {"memory.swap.current", NULL, false, AT(swap_current)},
        {"memory.swap.max", NULL, false, AT(swap_max)},
        {"memory.oom.group", NULL, false, AT(kills_as_one)},
        {"memory.events", "high", false, AT(events_high)},
        {"memory.events", "max", false, AT(events_max)},
        {"memory.events", "oom_kill", false, AT(oom_kills)},
        {"memory.stat", "inactive_file", false, AT(inactive_file)},
        {"memory.stat", "active_file", false, AT(active_file)},
        {"memory.usage_in_bytes", NULL, true, AT(current)},
        {"memory.max_usage_in_bytes", NULL, true, AT(peak)},
        {"memory.soft_limit_in_bytes", NULL, true, AT(high)},
        {"memory.limit_in_bytes", NULL, true, AT(max)},
        {"memory.memsw.usage_in_bytes", NULL, true, AT(swap_current)},
        {"memory.memsw.limit_in_bytes", NULL, true, AT(swap_max)},
        {"memory.failcnt", NULL, true, AT(events_max)},
        {"memory.oom_control", "oom_kill", true, AT(oom_kills)},
        {"memory.stat", "total_inactive_file", true, AT(inactive_file)},
        {"memory.stat", "total_active_file", true, AT(active_file)},
        {0},
};

struct mt_group mt_group_nothing(bool is_first)
{
	struct mt_group group = {.is_first = is_first, .pressure.error = -ENOENT};

	for (const struct mt_group_file *file = mt_group_files; file->name; file++)
		*mt_group_figure(&group, file) = MT_LIMIT_UNKNOWN;
	return group;
}

uint64_t *mt_group_figure(struct mt_group *group, const struct mt_group_file *file)
{
	return (uint64_t *)(void *)((char *)group + file->at);
}

static char *path_of(const char *folder, const char *name)
{
	char *path;

	return asprintf(&path, "%s/%s", folder, name) < 0 ? NULL : path;
}

/* Of a file with several lines all that are wanted are taken at once. */
static void read_file(const char *root, const char *folder, const struct mt_group_file *file,
                      struct mt_group *group)
{
	MT_CLEANUP_FREE char *path = path_of(folder, file->name);
	bool is_stat = strcmp(file->name, "memory.stat") == 0;
	struct mt_fields fields;
	uint64_t number;

	if (!path)
		return;
	if (!file->line) {
		if (mt_lines_single(root, path, &number) == 0)
			*mt_group_figure(group, file) =
			        file->is_first && number >= V1_NONE ? MT_LIMIT_NONE : number;
		return;
	}
	if (mt_fields_read(root, path, &fields) < 0)
		return;
	for (const char *name = file->name; file->name && strcmp(file->name, name) == 0; file++)
		mt_fields_get(&fields, file->line, mt_group_figure(group, file));
	if (is_stat)
		group->stat = fields;
	else
		mt_fields_free(&fields);
}

static void read_group(const char *root, const char *folder, struct mt_group *group)
{
	const char *before = "";

	for (const struct mt_group_file *file = mt_group_files; file->name; file++) {
		if (file->is_first == group->is_first && strcmp(file->name, before) != 0)
			read_file(root, folder, file, group);
		before = file->name;
	}
}

static void read_pressure(const char *root, const char *folder, struct mt_group *group)
{
	MT_CLEANUP_FREE char *path = path_of(folder, "memory.pressure");

	if (path)
		mt_pressure_read(root, path, &group->pressure);
}

static int add_group(const char *root, bool is_first, const char *path, struct mt_groups *groups)
{
	struct mt_group *group = &groups->rows[groups->count];
	MT_CLEANUP_FREE char *folder = mt_cgroup_folder(is_first, path);

	*group = mt_group_nothing(is_first);
	group->path = strdup(path);
	if (!folder || !group->path) {
		free(group->path);
		return -ENOMEM;
	}
	read_group(root, folder, group);
	/* One that is not there is not kept: in a container the names of the host are of no use. */
	if (group->current == MT_LIMIT_UNKNOWN && group->max == MT_LIMIT_UNKNOWN &&
	    group->high == MT_LIMIT_UNKNOWN) {
		mt_fields_free(&group->stat);
		free(group->path);
		return 0;
	}
	if (!is_first)
		read_pressure(root, folder, group);
	groups->count++;
	return 0;
}

void mt_groups_read(const char *root, pid_t pid, struct mt_groups *ret_groups)
{
	MT_CLEANUP_FREE char *path = NULL;
	bool is_first;

	memset(ret_groups, 0, sizeof(*ret_groups));
	ret_groups->error = mt_cgroup_of(root, pid, &is_first, &path);
	while (ret_groups->error == 0 && ret_groups->count < MT_GROUPS_MAX) {
		char *last = strrchr(path, '/');

		ret_groups->error = add_group(root, is_first, *path ? path : "/", ret_groups);
		if (!last || strcmp(path, "/") == 0 || !*path)
			break;
		*last = '\0';
	}
	if (ret_groups->error == 0 && ret_groups->count == 0)
		ret_groups->error = -ENOENT;
}

uint64_t mt_group_limit(const struct mt_group *group)
{
	/* the soft limit of v1 stops nobody */
	return group->high < group->max && !group->is_first ? group->high : group->max;
}

uint64_t mt_group_reclaimable(const struct mt_group *group)
{
	uint64_t inactive = mt_limit_is_set(group->inactive_file) ? group->inactive_file : 0;
	uint64_t active = mt_limit_is_set(group->active_file) ? group->active_file : 0;
	uint64_t sum = inactive + active;

	return sum < group->current ? sum : group->current;
}

const struct mt_group *mt_groups_tightest(const struct mt_groups *groups, uint64_t *ret_room)
{
	const struct mt_group *tightest = NULL;

	for (size_t i = 0; i < groups->count; i++) {
		const struct mt_group *group = &groups->rows[i];
		uint64_t limit = mt_group_limit(group);
		uint64_t room = limit > group->current ? limit - group->current : 0;

		if (!mt_limit_is_set(limit) || !mt_limit_is_set(group->current) ||
		    (tightest && room >= *ret_room))
			continue;
		tightest = group;
		*ret_room = room;
	}
	return tightest;
}

void mt_groups_free(struct mt_groups *groups)
{
	for (size_t i = 0; i < groups->count; i++) {
		free(groups->rows[i].path);
		mt_fields_free(&groups->rows[i].stat);
	}
	memset(groups, 0, sizeof(*groups));
}
