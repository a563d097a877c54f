/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * kept_process.c - what limits a process as rows, and back: its control groups, its resource limits, its score.
 */
#include "host/kept_parts.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The group's own files as they are called; of those above it, "../memory.max" and so on. */
int mt_kept_put_groups(struct mt_kept *kept, const struct mt_groups *groups)
{
	char above[3 * MT_GROUPS_MAX + 1] = "";
	int r = 0;

	for (size_t i = 0; i < groups->count && r == 0; i++) {
		struct mt_group from = groups->rows[i];
		size_t length = strlen(from.path);
		size_t cut = length < MT_KEPT_NAME_BYTES ? 0 : length - MT_KEPT_NAME_BYTES + 1;

		r = mt_kept_print(kept, mt_kept_cgroup_path, i, "%s", from.path + cut);
		for (const struct mt_group_file *file = mt_group_files; file->name && r == 0;
		     file++)
			if (file->is_first == from.is_first &&
			    *mt_group_figure(&from, file) != MT_LIMIT_UNKNOWN)
				r = mt_kept_print(kept, mt_kept_cgroup,
				                  *mt_group_figure(&from, file), "%s%s%s%s", above,
				                  file->name, file->line ? " " : "",
				                  file->line ? file->line : "");
		if (r == 0)
			r = i == 0 ? mt_kept_put_fields(kept, mt_kept_cgroup_stat, &from.stat) : 0;
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

void mt_kept_take_group(struct mt_groups *groups, const struct mt_kept_row *row)
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
			*mt_group_figure(to, file) = mt_kept_number(row->value);
		}
		return;
	}
}

int mt_kept_take_stat(struct mt_groups *groups, const struct mt_kept_row *row)
{
	return mt_kept_take_field(&group_at(groups, 0, false)->stat, row);
}

int mt_kept_take_path(struct mt_groups *groups, const struct mt_kept_row *row)
{
	struct mt_group *to = row->value < 0 ? NULL : group_at(groups, (size_t)row->value, false);

	if (!to || to->path)
		return 0;
	to->path = strdup(row->name);
	return to->path ? 0 : -ENOMEM;
}

int mt_kept_put_rlimits(struct mt_kept *kept, const struct mt_rlimits *from)
{
	int r = 0;

	for (size_t i = 0; i < MT_RLIMITS && r == 0; i++) {
		if (!from->is_known[i])
			continue;
		r = mt_kept_print(kept, mt_kept_limit, from->limits[i], "%s", mt_rlimit_names[i]);
		if (r == 0)
			r = mt_kept_print(kept, mt_kept_limit, from->used[i], "%s used",
			                  mt_rlimit_names[i]);
	}
	return r;
}

void mt_kept_take_rlimit(struct mt_rlimits *to, const struct mt_kept_row *row)
{
	for (size_t i = 0; i < MT_RLIMITS; i++) {
		size_t length = strlen(mt_rlimit_names[i]);

		if (strncmp(row->name, mt_rlimit_names[i], length) != 0)
			continue;
		if (strcmp(row->name + length, " used") == 0)
			to->used[i] = mt_kept_number(row->value);
		else if (!row->name[length])
			to->limits[i] = mt_kept_number(row->value);
		else
			continue;
		to->is_known[i] = true;
		to->error = 0;
	}
}

int mt_kept_put_process(struct mt_kept *kept, const struct mt_machine *from)
{
	int r;

	if (from->process_error)
		return 0;
	r = mt_kept_print(kept, mt_kept_process, from->process.rss_bytes, "VmRSS");
	if (r == 0)
		r = mt_kept_print(kept, mt_kept_process, from->process.swap_bytes, "VmSwap");
	if (r == 0)
		r = mt_kept_print(kept, mt_kept_process, from->process.score, "oom_score");
	return r == 0 ? mt_kept_add(kept, mt_kept_process, "oom_score_adj", from->process.adj) : r;
}

void mt_kept_take_process(struct mt_machine *to, const struct mt_kept_row *row)
{
	if (strcmp(row->name, "VmRSS") == 0)
		to->process.rss_bytes = mt_kept_number(row->value);
	else if (strcmp(row->name, "VmSwap") == 0)
		to->process.swap_bytes = mt_kept_number(row->value);
	else if (strcmp(row->name, "oom_score") == 0)
		to->process.score = mt_kept_number(row->value);
	else if (strcmp(row->name, "oom_score_adj") == 0)
		to->process.adj = row->value;
	else
		return;
	to->process_error = 0;
}
