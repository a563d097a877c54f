/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * system_page.h - how a page is put together: sections, figures, rows.
 *
 * Used by system_sections.c, system_process.c.
 */
#ifndef MT_REPORT_SYSTEM_PAGE_H
#define MT_REPORT_SYSTEM_PAGE_H

#include "report/system.h"

/* A new section, the last one; borrowed from the page. Texts are borrowed until the page is freed. */
struct mt_section *mt_page_section(struct mt_page *page, const char *key, const char *title);

void mt_page_figure(struct mt_section *section, const char *key, const char *label,
                    enum mt_unit unit, bool is_known, uint64_t value, const char *source,
                    const char *meaning);

/* A figure that is a word; NULL or "": it is not known. */
void mt_page_word(struct mt_section *section, const char *key, const char *label, const char *text,
                  const char *source, const char *meaning);

/* A figure that is a line of /proc/meminfo. */
struct mt_meminfo_line {
	const char *name;
	const char *key;
	const char *label;
	const char *meaning;
};

void mt_page_meminfo(struct mt_page *page, struct mt_section *section,
                     const struct mt_machine *machine, const struct mt_meminfo_line *rows,
                     size_t count);

#define MT_PAGE_MEMINFO(page, section, machine, rows) \
	mt_page_meminfo(page, section, machine, rows, sizeof(rows) / sizeof((rows)[0]))

/* A new row of the section's table, which always has the same columns. */
struct mt_value *mt_page_row(struct mt_section *section, const struct mt_column *columns,
                             size_t count);

#define MT_PAGE_ROW(section, columns) \
	mt_page_row(section, columns, sizeof(columns) / sizeof((columns)[0]))

/* "<what>: only root may read it", and so on. */
const char *mt_page_why(struct mt_page *page, const char *what, int error);

/* system_sections.c, system_process.c */
void mt_page_fill_machine(struct mt_page *page, const struct mt_machine *machine);
void mt_page_fill_rates(struct mt_page *page, const struct mt_rates *rates);
void mt_page_fill_process(struct mt_page *page, const struct mt_machine *machine);

#endif
