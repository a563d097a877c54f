/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * swaps.c - see swaps.h.
 */
#include "host/swaps.h"

#include "base/array.h"
#include "base/cleanup.h"
#include "host/lines.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* orig_data_size compr_data_size mem_used_total ... */
static void read_zram(const char *root, struct mt_swap *swap)
{
	MT_CLEANUP_FREE char *path = NULL;
	char line[256];
	char *at = line, *word;

	if (strncmp(swap->name, "/dev/zram", 9) != 0)
		return;
	swap->is_zram = true;
	if (asprintf(&path, "/sys/block/%s/mm_stat", swap->name + 5) < 0) {
		path = NULL;
		return;
	}
	if (mt_lines_first(root, path, line, sizeof(line)) < 0)
		return;
	for (unsigned int i = 0; i < 3 && (word = mt_lines_word(&at)); i++)
		if (i != 1)
			mt_lines_number(word,
			                i ? &swap->zram_memory_bytes : &swap->zram_data_bytes);
}

static bool parse_line(char *line, struct mt_swap *swap)
{
	char *size, *used, *priority;

	swap->name = mt_lines_word(&line);
	swap->type = mt_lines_word(&line);
	size = mt_lines_word(&line);
	used = mt_lines_word(&line);
	priority = mt_lines_word(&line);
	if (!priority || !mt_lines_number(size, &swap->size_bytes) ||
	    !mt_lines_number(used, &swap->used_bytes) || swap->size_bytes > UINT64_MAX / 1024 ||
	    swap->used_bytes > UINT64_MAX / 1024)
		return false;
	swap->size_bytes *= 1024;
	swap->used_bytes *= 1024;
	swap->priority = strtoll(priority, NULL, 10);
	return true;
}

int mt_swaps_read(const char *root, struct mt_swaps *ret_swaps)
{
	struct mt_swaps swaps = {0};
	char enabled[8];
	char *at, *line;
	int r = mt_lines_read(root, "/proc/swaps", &swaps.text);

	*ret_swaps = (struct mt_swaps){.error = r};
	if (r < 0)
		return r;
	at = swaps.text;
	while ((line = mt_lines_next(&at))) {
		struct mt_swap swap = {0};

		if (!parse_line(line, &swap))
			continue;
		if (MT_ARRAY_RESERVE(swaps.rows, swaps.capacity, swaps.count + 1) < 0) {
			mt_swaps_free(&swaps);
			ret_swaps->error = -ENOMEM;
			return -ENOMEM;
		}
		read_zram(root, &swap);
		swaps.rows[swaps.count++] = swap;
	}
	swaps.has_zswap = mt_lines_first(root, "/sys/module/zswap/parameters/enabled", enabled,
	                                 sizeof(enabled)) == 0;
	swaps.zswap_enabled = swaps.has_zswap && *enabled == 'Y';
	*ret_swaps = swaps;
	return 0;
}

void mt_swaps_free(struct mt_swaps *swaps)
{
	free(swaps->rows);
	free(swaps->text);
	memset(swaps, 0, sizeof(*swaps));
}
