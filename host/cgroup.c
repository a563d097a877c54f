/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * cgroup.c - see cgroup.h.
 */
#include "host/cgroup.h"

#include "base/cleanup.h"
#include "host/lines.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Lines of /proc/PID/cgroup: "4:memory:/a/b", or of the unified hierarchy, "0::/a/b". */
int mt_cgroup_of(const char *root, pid_t pid, bool *ret_is_first, char **ret_path)
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
	*ret_path = strdup(chosen);
	*ret_is_first = legacy != NULL;
	return *ret_path ? 0 : -ENOMEM;
}

char *mt_cgroup_folder(bool is_first, const char *path)
{
	char *folder;

	if (asprintf(&folder, "/sys/fs/cgroup%s%s", is_first ? "/memory" : "",
	             strcmp(path, "/") == 0 ? "" : path) < 0)
		return NULL;
	return folder;
}

static char *readable(const char *root, bool is_first, const char *path, const char *name)
{
	MT_CLEANUP_FREE char *folder = mt_cgroup_folder(is_first, path);
	char *file;

	if (!folder || asprintf(&file, "%s%s/%s", root, folder, name) < 0)
		return NULL;
	if (access(file, R_OK) == 0)
		return file;
	free(file);
	return NULL;
}

char *mt_cgroup_find(const char *root, pid_t pid, const char *unified, const char *legacy)
{
	MT_CLEANUP_FREE char *path = NULL;
	const char *name;
	bool is_first;
	char *file;

	if (mt_cgroup_of(root, pid, &is_first, &path) < 0)
		return NULL;
	name = is_first ? legacy : unified;
	file = readable(root, is_first, path, name);
	return file ? file : readable(root, is_first, "/", name);
}
