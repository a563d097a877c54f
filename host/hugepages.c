/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * hugepages.c - see hugepages.h.
 */
#include "host/hugepages.h"

#include "base/cleanup.h"
#include "host/lines.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define POOLS       "/sys/kernel/mm/hugepages"
#define TRANSPARENT "/sys/kernel/mm/transparent_hugepage"

/* The word in brackets: "always [madvise] never". */
static void read_choice(const char *root, const char *path, char *choice, size_t bytes)
{
	char line[128];
	char *open, *close;

	*choice = '\0';
	if (mt_lines_first(root, path, line, sizeof(line)) < 0)
		return;
	open = strchr(line, '[');
	close = open ? strchr(open, ']') : NULL;
	if (close)
		snprintf(choice, bytes, "%.*s", (int)(close - open - 1), open + 1);
}

static uint64_t read_number(const char *root, const char *pool, const char *name)
{
	MT_CLEANUP_FREE char *path = NULL;
	uint64_t number = 0;

	if (asprintf(&path, POOLS "/%s/%s", pool, name) < 0) {
		path = NULL;
		return 0;
	}
	return mt_lines_single(root, path, &number) < 0 ? 0 : number;
}

static int by_size(const void *left, const void *right)
{
	const struct mt_huge_pool *a = left, *b = right;

	return (a->page_bytes > b->page_bytes) - (a->page_bytes < b->page_bytes);
}

static int read_pools(const char *root, struct mt_hugepages *hugepages)
{
	MT_CLEANUP_FREE char *path = NULL;
	struct dirent *entry;
	DIR *folder;

	if (asprintf(&path, "%s" POOLS, root) < 0) {
		path = NULL;
		return -ENOMEM;
	}
	folder = opendir(path);
	if (!folder)
		return -errno;
	while (hugepages->pool_count < MT_HUGE_POOLS_MAX && (entry = readdir(folder))) {
		struct mt_huge_pool *pool = &hugepages->pools[hugepages->pool_count];
		unsigned long kb;

		if (sscanf(entry->d_name, "hugepages-%lukB", &kb) != 1)
			continue;
		*pool = (struct mt_huge_pool){
		        .page_bytes = (uint64_t)kb * 1024,
		        .total = read_number(root, entry->d_name, "nr_hugepages"),
		        .free = read_number(root, entry->d_name, "free_hugepages"),
		        .reserved = read_number(root, entry->d_name, "resv_hugepages"),
		        .surplus = read_number(root, entry->d_name, "surplus_hugepages"),
		};
		hugepages->pool_count++;
	}
	closedir(folder);
	qsort(hugepages->pools, hugepages->pool_count, sizeof(*hugepages->pools), by_size);
	return 0;
}

void mt_hugepages_read(const char *root, struct mt_hugepages *ret_hugepages)
{
	memset(ret_hugepages, 0, sizeof(*ret_hugepages));
	read_choice(root, TRANSPARENT "/enabled", ret_hugepages->enabled,
	            sizeof(ret_hugepages->enabled));
	read_choice(root, TRANSPARENT "/defrag", ret_hugepages->defrag,
	            sizeof(ret_hugepages->defrag));
	ret_hugepages->pools_error = read_pools(root, ret_hugepages);
}
