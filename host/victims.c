/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * victims.c - see victims.h.
 */
#include "host/victims.h"

#include "base/array.h"
#include "base/cleanup.h"
#include "host/cgroup.h"
#include "host/fields.h"
#include "host/lines.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int read_score(const char *root, pid_t pid, uint64_t *ret_score)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/oom_score", (int)pid);
	return mt_lines_single(root, path, ret_score);
}

/* All but the score. */
static void describe(const char *root, struct mt_victim *victim)
{
	struct mt_fields status;
	char path[64], line[64];

	snprintf(path, sizeof(path), "/proc/%d/oom_score_adj", (int)victim->pid);
	if (mt_lines_first(root, path, line, sizeof(line)) == 0)
		victim->adj = strtoll(line, NULL, 10);
	snprintf(path, sizeof(path), "/proc/%d/comm", (int)victim->pid);
	mt_lines_first(root, path, victim->command, sizeof(victim->command));
	snprintf(path, sizeof(path), "/proc/%d/status", (int)victim->pid);
	if (mt_fields_read(root, path, &status) == 0) {
		mt_fields_get(&status, "VmRSS", &victim->rss_bytes);
		mt_fields_get(&status, "VmSwap", &victim->swap_bytes);
		mt_fields_free(&status);
	}
}

int mt_victim_read(const char *root, pid_t pid, struct mt_victim *ret_victim)
{
	struct mt_victim victim = {.pid = pid};
	int r = read_score(root, pid, &victim.score);

	if (r < 0)
		return r;
	describe(root, &victim);
	*ret_victim = victim;
	return 0;
}

static int by_score(const void *left, const void *right)
{
	const struct mt_victim *a = left, *b = right;

	if (a->score != b->score)
		return a->score < b->score ? 1 : -1;
	return (a->pid > b->pid) - (a->pid < b->pid);
}

int mt_victims_read(const char *root, struct mt_victims *ret_victims)
{
	struct mt_victims victims = {0};
	MT_CLEANUP_FREE char *path = NULL;
	struct dirent *entry;
	DIR *folder;

	if (asprintf(&path, "%s/proc", root) < 0) {
		path = NULL;
		return -ENOMEM;
	}
	folder = opendir(path);
	*ret_victims = (struct mt_victims){.error = folder ? 0 : -errno};
	if (!folder)
		return ret_victims->error;
	while ((entry = readdir(folder))) {
		struct mt_victim victim = {0};
		uint64_t pid;

		/* the kernel's own have no memory to give, and a score of 0, as who is never killed */
		if (!mt_lines_number(entry->d_name, &pid) || pid == 0 || pid > INT32_MAX ||
		    read_score(root, (pid_t)pid, &victim.score) < 0 || victim.score == 0)
			continue;
		victim.pid = (pid_t)pid;
		if (MT_ARRAY_RESERVE(victims.rows, victims.capacity, victims.count + 1) < 0) {
			closedir(folder);
			mt_victims_free(&victims);
			ret_victims->error = -ENOMEM;
			return -ENOMEM;
		}
		victims.rows[victims.count++] = victim;
	}
	closedir(folder);
	if (victims.count > 0)
		qsort(victims.rows, victims.count, sizeof(*victims.rows), by_score);
	for (size_t i = 0; i < victims.count && i < MT_VICTIMS_DESCRIBED; i++)
		describe(root, &victims.rows[i]);
	*ret_victims = victims;
	return 0;
}

static bool is_in(const char *root, pid_t pid, const struct mt_group *group)
{
	MT_CLEANUP_FREE char *path = NULL;
	size_t length = strlen(group->path);
	bool is_first;

	if (mt_cgroup_of(root, pid, &is_first, &path) < 0 || is_first != group->is_first)
		return false;
	return strcmp(group->path, "/") == 0 ||
	       (strncmp(path, group->path, length) == 0 && (path[length] == '/' || !path[length]));
}

const struct mt_victim *mt_victims_next(const char *root, const struct mt_victims *victims,
                                        const struct mt_group *group)
{
	for (size_t i = 0; i < victims->count; i++) {
		struct mt_victim *victim = &victims->rows[i];

		if (group && !is_in(root, victim->pid, group))
			continue;
		if (i >= MT_VICTIMS_DESCRIBED)
			describe(root, victim);
		return victim;
	}
	return NULL;
}

void mt_victims_free(struct mt_victims *victims)
{
	free(victims->rows);
	memset(victims, 0, sizeof(*victims));
}
