/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * slabs.c - see slabs.h.
 */
#include "host/slabs.h"

#include "base/array.h"
#include "host/lines.h"

#include <errno.h>
#include <string.h>

static int by_bytes(const void *left, const void *right)
{
	const struct mt_slab *a = left, *b = right;

	if (a->bytes != b->bytes)
		return a->bytes < b->bytes ? 1 : -1;
	return strcmp(a->name, b->name);
}

/* name active_objs num_objs objsize objperslab pagesperslab : tunables 0 0 0 : slabdata active_slabs num_slabs 0 */
static bool parse_line(char *line, uint64_t page_bytes, struct mt_slab *slab)
{
	uint64_t numbers[5], slabs;
	char *word;

	slab->name = mt_lines_word(&line);
	if (!slab->name || *slab->name == '#')
		return false;
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		word = mt_lines_word(&line);
		if (!word || !mt_lines_number(word, &numbers[i]))
			return false;
	}
	while ((word = mt_lines_word(&line)) && strcmp(word, "slabdata") != 0)
		;
	mt_lines_word(&line);
	word = mt_lines_word(&line);
	if (!word || !mt_lines_number(word, &slabs))
		return false;
	slab->active_objects = numbers[0];
	slab->objects = numbers[1];
	slab->object_bytes = numbers[2];
	slab->bytes = slabs * numbers[4] * page_bytes;
	return true;
}

int mt_slabs_read(const char *root, uint64_t page_bytes, struct mt_slabs *ret_slabs)
{
	struct mt_slabs slabs = {0};
	char *at, *line;
	int r = mt_lines_read(root, "/proc/slabinfo", &slabs.text);

	*ret_slabs = (struct mt_slabs){.error = r};
	if (r < 0)
		return r;
	at = slabs.text;
	while ((line = mt_lines_next(&at))) {
		struct mt_slab slab;

		if (!parse_line(line, page_bytes, &slab))
			continue;
		if (MT_ARRAY_RESERVE(slabs.rows, slabs.capacity, slabs.count + 1) < 0) {
			mt_slabs_free(&slabs);
			ret_slabs->error = -ENOMEM;
			return -ENOMEM;
		}
		slabs.rows[slabs.count++] = slab;
	}
	if (slabs.count > 0)
		qsort(slabs.rows, slabs.count, sizeof(*slabs.rows), by_bytes);
	*ret_slabs = slabs;
	return 0;
}

void mt_slabs_free(struct mt_slabs *slabs)
{
	free(slabs->rows);
	free(slabs->text);
	memset(slabs, 0, sizeof(*slabs));
}
