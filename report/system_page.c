/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * system_page.c - see system_page.h.
 */
#include "report/system_page.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct mt_section *mt_page_section(struct mt_page *page, const char *key, const char *title)
{
	struct mt_section *added = &page->sections[page->count++];

	*added = (struct mt_section){.key = key, .title = title};
	return added;
}

static struct mt_figure_line *line(struct mt_section *section, const char *key, const char *label,
                                   enum mt_unit unit, const char *source, const char *meaning)
{
	struct mt_figure_line *added;

	section->lines = mt_memory_grow(section->lines, section->count, &section->capacity,
	                                sizeof(*section->lines));
	added = &section->lines[section->count++];
	*added = (struct mt_figure_line){
	        .key = key, .label = label, .unit = unit, .source = source, .meaning = meaning};
	return added;
}

void mt_page_figure(struct mt_section *section, const char *key, const char *label,
                    enum mt_unit unit, bool is_known, uint64_t value, const char *source,
                    const char *meaning)
{
	struct mt_figure_line *added = line(section, key, label, unit, source, meaning);

	added->is_known = is_known;
	added->value = value;
}

void mt_page_word(struct mt_section *section, const char *key, const char *label, const char *text,
                  const char *source, const char *meaning)
{
	struct mt_figure_line *added = line(section, key, label, MT_UNIT_WORD, source, meaning);

	added->is_known = text && *text;
	added->word = text;
}

void mt_page_meminfo(struct mt_page *page, struct mt_section *section,
                     const struct mt_machine *machine, const struct mt_meminfo_line *rows,
                     size_t count)
{
	for (size_t i = 0; i < count; i++) {
		uint64_t value = 0;
		bool is_known = mt_fields_get(&machine->meminfo, rows[i].name, &value);

		mt_page_figure(section, rows[i].key, rows[i].label, MT_UNIT_BYTES, is_known, value,
		               mt_arena_print(&page->arena, "/proc/meminfo %s", rows[i].name),
		               rows[i].meaning);
	}
}

const char *mt_page_why(struct mt_page *page, const char *path, int error)
{
	if (error == -EACCES || error == -EPERM)
		return mt_arena_print(&page->arena, "%s: only root may read it", path);
	if (error == -ENODATA)
		return mt_arena_print(&page->arena, "%s: not kept in a file", path);
	if (error == -EOPNOTSUPP)
		return mt_arena_print(&page->arena, "%s: switched off in this kernel", path);
	if (error == -ENOENT || error == -ENOTDIR)
		return mt_arena_print(&page->arena, "%s: not on this machine", path);
	return mt_arena_print(&page->arena, "%s: %s", path, strerror(-error));
}

struct mt_value *mt_page_row(struct mt_section *section, const struct mt_column *columns,
                             size_t count)
{
	if (!section->has_table)
		mt_table_init(&section->table, columns, count);
	section->has_table = true;
	return mt_table_add(&section->table);
}

void mt_page_fill(struct mt_page *page, const struct mt_machine *machine,
                  const struct mt_rates *rates)
{
	mt_page_fill_machine(page, machine);
	mt_page_fill_rates(page, rates);
	mt_page_fill_process(page, machine);
}

void mt_page_free(struct mt_page *page)
{
	for (size_t i = 0; i < page->count; i++) {
		free(page->sections[i].lines);
		if (page->sections[i].has_table)
			mt_table_free(&page->sections[i].table);
	}
	free(page->findings);
	mt_arena_free(&page->arena);
	memset(page, 0, sizeof(*page));
}
