/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * meminfo.c - see meminfo.h.
 */
#include "base/meminfo.h"

#include "base/array.h"
#include "base/cgroup.h"
#include "base/cleanup.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int add(struct mt_meminfo *meminfo, const char *source, const char *name, size_t name_bytes,
               int64_t value)
{
	struct mt_meminfo_row *row;

	if (meminfo->count == MT_MEMINFO_ROWS_MAX || name_bytes == 0 ||
	    name_bytes >= MT_MEMINFO_NAME_BYTES)
		return 0;
	if (MT_ARRAY_RESERVE(meminfo->rows, meminfo->capacity, meminfo->count + 1) < 0)
		return -ENOMEM;
	row = &meminfo->rows[meminfo->count++];
	*row = (struct mt_meminfo_row){.source = source, .value = value};
	memcpy(row->name, name, name_bytes);
	return 0;
}

/* A line is given to `take` at a time, without its end. */
static int each_line(struct mt_meminfo *meminfo, FILE *file,
                     int (*take)(struct mt_meminfo *meminfo, const char *line))
{
	char line[512];
	int r = 0;

	while (r == 0 && fgets(line, sizeof(line), file)) {
		line[strcspn(line, "\n")] = '\0';
		r = take(meminfo, line);
	}
	return r;
}

static FILE *open_file(const char *folder, const char *name)
{
	MT_CLEANUP_FREE char *path = NULL;

	if (asprintf(&path, "%s/%s", folder, name) < 0) {
		path = NULL;
		return NULL;
	}
	return fopen(path, "re");
}

/* "MemTotal:       16309784 kB" */
static int take_meminfo(struct mt_meminfo *meminfo, const char *line)
{
	size_t name_bytes = strcspn(line, ":");
	char unit[8] = "";
	int64_t value;

	if (line[name_bytes] != ':' ||
	    sscanf(line + name_bytes + 1, "%" SCNd64 " %7s", &value, unit) < 1)
		return 0;
	if (strcmp(unit, "kB") == 0)
		value = value < INT64_MAX / 1024 ? value * 1024 : INT64_MAX;
	return add(meminfo, "meminfo", line, name_bytes, value);
}

/* "some avg10=0.00 avg60=0.00 avg300=0.00 total=0" */
static int take_pressure(struct mt_meminfo *meminfo, const char *line)
{
	size_t who = strcspn(line, " ");
	int r = 0;

	for (const char *at = line + who; r == 0 && *at == ' '; at += strcspn(at, " ")) {
		char name[MT_MEMINFO_NAME_BYTES];
		size_t key = strcspn(++at, "= ");
		unsigned int hundredths = 0;
		int64_t value;
		int length;

		if (at[key] != '=' ||
		    sscanf(at + key + 1, "%" SCNd64 ".%2u", &value, &hundredths) < 1)
			continue;
		if (strncmp(at, "avg", 3) == 0)
			value = value * 100 + hundredths;
		length = snprintf(name, sizeof(name), "%.*s %.*s", (int)who, line, (int)key, at);
		r = add(meminfo, "pressure", name, (size_t)length, value);
	}
	return r;
}

/* "inactive_anon 1234" */
static int take_stat(struct mt_meminfo *meminfo, const char *line)
{
	size_t name_bytes = strcspn(line, " ");
	int64_t value;

	return sscanf(line + name_bytes, "%" SCNd64, &value) == 1
	               ? add(meminfo, "cgroup stat", line, name_bytes, value)
	               : 0;
}

/* The files of both versions: each hierarchy has its own. */
static int read_group(struct mt_meminfo *meminfo, const char *folder)
{
	static const char *const names[] = {
	        "memory.current",
	        "memory.min",
	        "memory.low",
	        "memory.high",
	        "memory.max",
	        "memory.peak",
	        "memory.swap.current",
	        "memory.swap.max",
	        "memory.usage_in_bytes",
	        "memory.max_usage_in_bytes",
	        "memory.limit_in_bytes",
	        "memory.soft_limit_in_bytes",
	        "memory.failcnt",
	        "memory.memsw.usage_in_bytes",
	        "memory.memsw.limit_in_bytes",
	};
	int r = 0;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]) && r == 0; i++) {
		FILE *file = open_file(folder, names[i]);
		char text[32] = "";
		int64_t value;

		if (!file)
			continue;
		if (!fgets(text, sizeof(text), file))
			text[0] = '\0';
		fclose(file);
		if (strncmp(text, "max", 3) == 0)
			value = INT64_MAX;
		else if (sscanf(text, "%" SCNd64, &value) != 1)
			continue;
		r = add(meminfo, "cgroup", names[i], strlen(names[i]), value);
	}
	return r;
}

static int read_lines(struct mt_meminfo *meminfo, FILE *file,
                      int (*take)(struct mt_meminfo *meminfo, const char *line))
{
	int r = file ? each_line(meminfo, file, take) : 0;

	if (file)
		fclose(file);
	return r;
}

int mt_meminfo_read(const char *root, pid_t pid, struct mt_meminfo *meminfo)
{
	MT_CLEANUP_FREE char *stat = mt_cgroup_find(root, pid, "memory.stat", "memory.stat");
	int r = read_lines(meminfo, open_file(root, "proc/meminfo"), take_meminfo);

	if (r == 0)
		r = read_lines(meminfo, open_file(root, "proc/pressure/memory"), take_pressure);
	if (r == 0 && stat)
		r = read_lines(meminfo, fopen(stat, "re"), take_stat);
	if (r == 0 && stat) {
		*strrchr(stat, '/') = '\0';
		r = read_group(meminfo, stat);
	}
	return r;
}

void mt_meminfo_free(struct mt_meminfo *meminfo)
{
	free(meminfo->rows);
	memset(meminfo, 0, sizeof(*meminfo));
}
