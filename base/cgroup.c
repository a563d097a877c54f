/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * cgroup.c - see cgroup.h.
 */
#include "base/cgroup.h"

#include "base/cleanup.h"
#include "base/procfs.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char *readable(const char *root, const char *hierarchy, const char *path, const char *name)
{
	char *file;

	if (asprintf(&file, "%s/sys/fs/cgroup%s%s/%s", root, hierarchy, path, name) < 0)
		return NULL;
	if (access(file, R_OK) == 0)
		return file;
	free(file);
	return NULL;
}

/* A line of /proc/PID/cgroup: "4:memory:/a/b", or of the unified hierarchy, "0::/a/b". */
static char *find_by(const char *root, char *line, const char *unified, const char *legacy)
{
	char *controllers = strchr(line, ':');
	char *path = controllers ? strchr(controllers + 1, ':') : NULL;
	const char *hierarchy, *name;
	bool is_unified;
	char *file;

	if (!path)
		return NULL;
	*path++ = '\0';
	controllers++;
	is_unified = strncmp(line, "0:", 2) == 0 && !*controllers;
	if (!is_unified && strcmp(controllers, "memory") != 0)
		return NULL;
	hierarchy = is_unified ? "" : "/memory";
	name = is_unified ? unified : legacy;
	file = readable(root, hierarchy, strcmp(path, "/") == 0 ? "" : path, name);
	return file ? file : readable(root, hierarchy, "", name);
}

char *mt_cgroup_find(const char *root, pid_t pid, const char *unified, const char *legacy)
{
	MT_CLEANUP_FREE char *text = NULL;
	char *line, *rest, *file = NULL;
	size_t bytes;

	if (mt_procfs_read(root, pid, "cgroup", 65536, &text, &bytes) < 0)
		return NULL;
	for (line = strtok_r(text, "\n", &rest); line && !file; line = strtok_r(NULL, "\n", &rest))
		file = find_by(root, line, unified, legacy);
	return file;
}
