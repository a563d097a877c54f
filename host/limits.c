/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * limits.c - see limits.h.
 */
#include "host/limits.h"

#include "base/cleanup.h"
#include "host/lines.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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

#define V1_FOLDER "/sys/fs/cgroup/memory"
#define V2_FOLDER "/sys/fs/cgroup"
/* Limits from here on are none: v1 writes the largest number of whole pages. */
#define V1_NONE (INT64_MAX / 65536 * 65536)

static int read_number(const char *root, const char *folder, const char *name, uint64_t *ret_number)
{
	MT_CLEANUP_FREE char *path = NULL;

	if (asprintf(&path, "%s/%s", folder, name) < 0) {
		path = NULL;
		return -ENOMEM;
	}
	return mt_lines_single(root, path, ret_number);
}

static int read_fields(const char *root, const char *folder, const char *name,
                       struct mt_fields *ret_fields)
{
	MT_CLEANUP_FREE char *path = NULL;

	if (asprintf(&path, "%s/%s", folder, name) < 0) {
		path = NULL;
		return -ENOMEM;
	}
	return mt_fields_read(root, path, ret_fields);
}

static uint64_t limit_of(const char *root, const char *folder, const char *name, bool is_first)
{
	uint64_t number;

	if (read_number(root, folder, name, &number) < 0)
		return MT_LIMIT_NONE;
	return is_first && number >= V1_NONE ? MT_LIMIT_NONE : number;
}

static void read_first(const char *root, const char *folder, struct mt_group *group)
{
	struct mt_fields control;

	group->has_current =
	        read_number(root, folder, "memory.usage_in_bytes", &group->current) == 0;
	read_number(root, folder, "memory.max_usage_in_bytes", &group->peak);
	group->max = limit_of(root, folder, "memory.limit_in_bytes", true);
	group->high = limit_of(root, folder, "memory.soft_limit_in_bytes", true);
	read_number(root, folder, "memory.failcnt", &group->events_max);
	/* memory and swap together; without swap accounting the files are not there */
	group->swap_max = limit_of(root, folder, "memory.memsw.limit_in_bytes", true);
	group->has_swap =
	        read_number(root, folder, "memory.memsw.usage_in_bytes", &group->swap_current) == 0;
	if (read_fields(root, folder, "memory.oom_control", &control) == 0) {
		mt_fields_get(&control, "oom_kill", &group->oom_kills);
		mt_fields_free(&control);
	}
}

static void read_second(const char *root, const char *folder, struct mt_group *group)
{
	MT_CLEANUP_FREE char *path = NULL;
	struct mt_fields events;
	uint64_t as_one = 0;

	group->has_current = read_number(root, folder, "memory.current", &group->current) == 0;
	read_number(root, folder, "memory.peak", &group->peak);
	group->max = limit_of(root, folder, "memory.max", false);
	group->high = limit_of(root, folder, "memory.high", false);
	group->swap_max = limit_of(root, folder, "memory.swap.max", false);
	group->has_swap =
	        read_number(root, folder, "memory.swap.current", &group->swap_current) == 0;
	read_number(root, folder, "memory.oom.group", &as_one);
	group->kills_as_one = as_one == 1;
	if (read_fields(root, folder, "memory.events", &events) == 0) {
		mt_fields_get(&events, "high", &group->events_high);
		mt_fields_get(&events, "max", &group->events_max);
		mt_fields_get(&events, "oom_kill", &group->oom_kills);
		mt_fields_free(&events);
	}
	if (asprintf(&path, "%s/memory.pressure", folder) < 0)
		path = NULL;
	else
		mt_pressure_read(root, path, &group->pressure);
}

/* Where the memory controller's groups are, and the process's one. */
static int find_group(const char *root, pid_t pid, bool *ret_is_first, char **ret_path)
{
	MT_CLEANUP_FREE char *text = NULL;
	const char *unified = NULL, *legacy = NULL, *chosen;
	char name[64];
	char *at, *line;
	int r;

	snprintf(name, sizeof(name), "/proc/%d/cgroup", (int)pid);
	r = mt_lines_read(root, name, &text);
	if (r < 0)
		return r;
	at = text;
	while ((line = mt_lines_next(&at))) {
		char *controllers = strchr(line, ':');
		char *path = controllers ? strchr(controllers + 1, ':') : NULL;

		if (!path)
			continue;
		*path++ = '\0';
		controllers++;
		if (!*controllers && strncmp(line, "0:", 2) == 0)
			unified = path;
		for (char *word; (word = strsep(&controllers, ","));)
			if (strcmp(word, "memory") == 0)
				legacy = path;
	}
	chosen = legacy ? legacy : unified;
	if (!chosen)
		return -ENOENT;
	*ret_is_first = legacy != NULL;
	*ret_path = strdup(chosen);
	return *ret_path ? 0 : -ENOMEM;
}

static int add_group(const char *root, bool is_first, const char *path, struct mt_groups *groups)
{
	struct mt_group *group = &groups->rows[groups->count];
	MT_CLEANUP_FREE char *folder = NULL;

	if (asprintf(&folder, "%s%s", is_first ? V1_FOLDER : V2_FOLDER,
	             strcmp(path, "/") == 0 ? "" : path) < 0) {
		folder = NULL;
		return -ENOMEM;
	}
	*group = (struct mt_group){.is_first = is_first, .pressure.error = -ENOENT};
	group->path = strdup(path);
	if (!group->path)
		return -ENOMEM;
	if (is_first)
		read_first(root, folder, group);
	else
		read_second(root, folder, group);
	/* One that is not there is not kept: in a container the names of the host are of no use. */
	if (!group->has_current && group->max == MT_LIMIT_NONE && group->high == MT_LIMIT_NONE) {
		free(group->path);
		return 0;
	}
	if (groups->count == 0)
		read_fields(root, folder, "memory.stat", &group->stat);
	groups->count++;
	return 0;
}

void mt_groups_read(const char *root, pid_t pid, struct mt_groups *ret_groups)
{
	MT_CLEANUP_FREE char *path = NULL;
	bool is_first;

	memset(ret_groups, 0, sizeof(*ret_groups));
	ret_groups->error = find_group(root, pid, &is_first, &path);
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

const struct mt_group *mt_groups_tightest(const struct mt_groups *groups, uint64_t *ret_room)
{
	const struct mt_group *tightest = NULL;

	for (size_t i = 0; i < groups->count; i++) {
		const struct mt_group *group = &groups->rows[i];
		uint64_t limit =
		        group->high < group->max && !group->is_first ? group->high : group->max;
		uint64_t room = limit > group->current ? limit - group->current : 0;

		if (limit == MT_LIMIT_NONE || !group->has_current ||
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
