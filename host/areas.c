/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * areas.c - see areas.h.
 */
#include "host/areas.h"

#include "base/array.h"
#include "host/lines.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int by_caller(const void *left, const void *right)
{
	const struct mt_area *a = left, *b = right;

	return strcmp(a->caller, b->caller);
}

static int by_memory(const void *left, const void *right)
{
	const struct mt_area *a = left, *b = right;

	if (a->pages_bytes != b->pages_bytes)
		return a->pages_bytes < b->pages_bytes ? 1 : -1;
	if (a->bytes != b->bytes)
		return a->bytes < b->bytes ? 1 : -1;
	return strcmp(a->caller, b->caller);
}

/* 0x0000000012b39599-0x00000000ccd073bb   20480 irq_init_percpu_irqstack+0xca/0x100 pages=4 vmalloc N0=4 */
static bool parse_line(char *line, uint64_t page_bytes, struct mt_area *area)
{
	char *word = mt_lines_word(&line);
	uint64_t pages;

	if (!word || strncmp(word, "0x", 2) != 0)
		return false;
	word = mt_lines_word(&line);
	if (!word || !mt_lines_number(word, &area->bytes))
		return false;
	area->count = 1;
	area->caller = word + strlen(word);
	while ((word = mt_lines_word(&line))) {
		char *offset = strchr(word, '+');

		if (!*area->caller && offset) {
			*offset = '\0';
			area->caller = word;
		} else if (!*area->caller && strncmp(word, "0x", 2) == 0) {
			area->caller = word;
		} else if (strncmp(word, "pages=", 6) == 0 && mt_lines_number(word + 6, &pages)) {
			area->pages_bytes = pages * page_bytes;
		}
	}
	return true;
}

static void put_together(struct mt_areas *areas)
{
	size_t kept = 0;

	if (areas->count == 0)
		return;
	qsort(areas->rows, areas->count, sizeof(*areas->rows), by_caller);
	for (size_t i = 1; i < areas->count; i++) {
		struct mt_area *last = &areas->rows[kept], *next = &areas->rows[i];

		if (strcmp(last->caller, next->caller) != 0) {
			areas->rows[++kept] = *next;
			continue;
		}
		last->count++;
		last->bytes += next->bytes;
		last->pages_bytes += next->pages_bytes;
	}
	areas->count = kept + 1;
	qsort(areas->rows, areas->count, sizeof(*areas->rows), by_memory);
}

/* ---- Callers that are addresses ---- */

static bool is_address(const char *caller)
{
	return strncmp(caller, "0x", 2) == 0;
}

/* "ffffffff81000000 T _stext", "ffffffffc0201000 t init	[module]"; zeros where addresses are hidden. */
static bool parse_symbol(char *line, uint64_t *ret_addr, char **ret_name)
{
	char *end;

	*ret_addr = strtoull(line, &end, 16);
	if (!*ret_addr || end == line || strlen(end) < 4 || end[0] != ' ' || end[2] != ' ')
		return false;
	*ret_name = end + 3;
	(*ret_name)[strcspn(*ret_name, "\t ")] = '\0';
	return true;
}

/* The last symbol at or before each of them. Where none may be read they stay addresses. */
static void name_callers(const char *root, struct mt_areas *areas)
{
	struct {
		uint64_t best;
		char *name;
	} * found;
	char *at, *line;
	size_t count = 0;

	for (size_t i = 0; i < areas->count; i++)
		count += is_address(areas->rows[i].caller);
	if (count == 0 || mt_lines_read(root, "/proc/kallsyms", &areas->symbols) < 0)
		return;
	found = calloc(areas->count, sizeof(*found));
	at = areas->symbols;
	while (found && (line = mt_lines_next(&at))) {
		uint64_t addr;
		char *name;

		if (!parse_symbol(line, &addr, &name))
			continue;
		for (size_t i = 0; i < areas->count; i++)
			if (is_address(areas->rows[i].caller) && addr >= found[i].best &&
			    addr <= strtoull(areas->rows[i].caller, NULL, 16)) {
				found[i].best = addr;
				found[i].name = name;
			}
	}
	for (size_t i = 0; found && i < areas->count; i++)
		if (found[i].name)
			areas->rows[i].caller = found[i].name;
	free(found);
}

int mt_areas_read(const char *root, uint64_t page_bytes, struct mt_areas *ret_areas)
{
	struct mt_areas areas = {0};
	char *at, *line;
	int r = mt_lines_read(root, "/proc/vmallocinfo", &areas.text);

	*ret_areas = (struct mt_areas){.error = r};
	if (r < 0)
		return r;
	at = areas.text;
	while ((line = mt_lines_next(&at))) {
		struct mt_area area = {0};

		if (!parse_line(line, page_bytes, &area))
			continue;
		if (MT_ARRAY_RESERVE(areas.rows, areas.capacity, areas.count + 1) < 0) {
			mt_areas_free(&areas);
			ret_areas->error = -ENOMEM;
			return -ENOMEM;
		}
		areas.rows[areas.count++] = area;
	}
	put_together(&areas);
	name_callers(root, &areas);
	put_together(&areas);
	*ret_areas = areas;
	return 0;
}

void mt_areas_free(struct mt_areas *areas)
{
	free(areas->rows);
	free(areas->text);
	free(areas->symbols);
	memset(areas, 0, sizeof(*areas));
}
