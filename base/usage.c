/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * usage.c - see usage.h.
 */
#include "base/usage.h"

#include "base/cleanup.h"
#include "base/procfs.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The break stands behind the program's own mappings, which are the first ones: no need to have the kernel list all. */
#define MAPS_BYTES 4096u

struct mt_usage mt_usage_nothing(void)
{
#define UNKNOWN(name, line) .name = MT_USAGE_UNKNOWN,
	return (struct mt_usage){MT_USAGE_FIGURES(UNKNOWN)};
#undef UNKNOWN
}

bool mt_usage_is_same(const struct mt_usage *left, const struct mt_usage *right)
{
#define IS_SAME(name, line) &&left->name == right->name
	return true MT_USAGE_FIGURES(IS_SAME);
#undef IS_SAME
}

/* "\nRssAnon:\t   1234 kB", in bytes; what has no unit as it is. */
static int64_t status_number(const char *text, const char *name)
{
	size_t bytes = strlen(name);

	for (const char *line = text; bytes && line; line = strchr(line, '\n')) {
		int64_t number;
		char unit[4] = "";

		line += *line == '\n';
		if (strncmp(line, name, bytes) != 0 || line[bytes] != ':')
			continue;
		if (sscanf(line + bytes + 1, "%" SCNd64 " %3s", &number, unit) < 1)
			break;
		return strcmp(unit, "kB") == 0 ? number * 1024 : number;
	}
	return MT_USAGE_UNKNOWN;
}

/* The size of the heap that brk() moves; a process that has called it has a mapping of this name. */
static int64_t read_break(const char *root, pid_t pid)
{
	MT_CLEANUP_FREE char *text = NULL;
	int64_t sum = 0;
	char *line, *end;
	size_t bytes;

	if (mt_procfs_read(root, pid, "maps", MAPS_BYTES, &text, &bytes) < 0)
		return MT_USAGE_UNKNOWN;
	for (line = text; (end = strchr(line, '\n')); line = end + 1) {
		uint64_t from, to;

		*end = '\0';
		if (end - line >= 6 && strcmp(end - 6, "[heap]") == 0 &&
		    sscanf(line, "%" SCNx64 "-%" SCNx64, &from, &to) == 2 && to > from)
			sum += (int64_t)(to - from);
	}
	/* Either there is none, or it stands further behind. */
	return sum || bytes < MAPS_BYTES - 512 ? sum : MT_USAGE_UNKNOWN;
}

static void read_faults(const char *root, pid_t pid, struct mt_usage *usage)
{
	MT_CLEANUP_FREE char *text = NULL;
	const char *at;
	size_t bytes;

	if (mt_procfs_read(root, pid, "stat", 65536, &text, &bytes) < 0)
		return;
	/* The command's name may hold spaces and parentheses; fields are counted after its last one. */
	at = strrchr(text, ')');
	if (!at || sscanf(at + 1, " %*c %*s %*s %*s %*s %*s %*s %" SCNd64 " %*s %" SCNd64,
	                  &usage->minor_faults, &usage->major_faults) != 2)
		usage->minor_faults = usage->major_faults = MT_USAGE_UNKNOWN;
}

int mt_usage_read(const char *root, pid_t pid, struct mt_usage *ret_usage)
{
	MT_CLEANUP_FREE char *text = NULL;
	struct mt_usage usage = mt_usage_nothing();
	size_t bytes;
	int r = mt_procfs_read(root, pid, "status", 65536, &text, &bytes);

	if (r < 0)
		return r;
#define TAKE(name, line) usage.name = status_number(text, line);
	MT_USAGE_FIGURES(TAKE)
#undef TAKE
	/* One that has ended and was not yet waited for has no memory. */
	if (usage.mapped_bytes == MT_USAGE_UNKNOWN)
		return -ESRCH;
	usage.break_bytes = read_break(root, pid);
	read_faults(root, pid, &usage);
	*ret_usage = usage;
	return 0;
}

uint64_t mt_usage_rss(const char *root, pid_t pid, uint64_t page_bytes)
{
	MT_CLEANUP_FREE char *text = NULL;
	uint64_t pages;
	size_t bytes;

	if (mt_procfs_read(root, pid, "statm", 256, &text, &bytes) < 0 ||
	    sscanf(text, "%*s %" SCNu64, &pages) != 1)
		return 0;
	return pages * page_bytes;
}

unsigned int mt_usage_threads(const char *root, pid_t pid)
{
	MT_CLEANUP_FREE char *text = NULL;
	int64_t threads;
	size_t bytes;

	if (mt_procfs_read(root, pid, "status", 65536, &text, &bytes) < 0)
		return 0;
	threads = status_number(text, "Threads");
	return threads > 0 ? (unsigned int)threads : 0;
}
