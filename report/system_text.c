/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * system_text.c - the page for a person, at 80 columns.
 */
#include "report/system.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/units.h"
#include "report/text.h"

#define LABEL_WIDTH    18
#define FIGURE_WIDTH   10
#define WIDTH          80
#define FINDING_COLUMN 11

static const char *value_of(struct mt_arena *arena, const struct mt_figure_line *line)
{
	if (!line->is_known)
		return "-";
	switch (line->unit) {
	case MT_UNIT_BYTES: return mt_arena_text(arena, mt_units_bytes((int64_t)line->value).text);
	case MT_UNIT_COUNT: return mt_arena_text(arena, mt_units_count((int64_t)line->value).text);
	case MT_UNIT_SHARE:
		return mt_arena_print(arena, "%u.%02u %%", (unsigned int)(line->value / 100),
		                      (unsigned int)(line->value % 100));
	case MT_UNIT_RATE: return mt_arena_text(arena, mt_units_count((int64_t)line->value).text);
	case MT_UNIT_BYTES_RATE:
		return mt_arena_text(arena, mt_units_bytes((int64_t)line->value).text);
	case MT_UNIT_WORD: break;
	}
	return mt_text_clean(arena, line->word);
}

static void print_section(struct mt_page *page, struct mt_section *section, bool is_explained)
{
	printf("\n%s\n", section->title);
	for (size_t i = 0; i < section->count; i++) {
		const struct mt_figure_line *line = &section->lines[i];

		printf("  %-*s %*s  %s\n", LABEL_WIDTH, line->label, FIGURE_WIDTH,
		       value_of(&page->arena, line), is_explained ? line->source : line->meaning);
	}
	if (section->has_table) {
		if (section->count > 0)
			putchar('\n');
		mt_table_print_text(&section->table, 0, stdout);
		if (is_explained) {
			printf("  ");
			mt_text_print_wrapped(stdout, section->table_source, 2, WIDTH);
		}
	}
	if (section->missing) {
		printf("  not measured: ");
		mt_text_print_wrapped(stdout, section->missing, 16, WIDTH);
	}
}

static void print_findings(const struct mt_page *page, bool is_explained)
{
	static const char *const words[] = {[MT_FINDING_NOTE] = "note",
	                                    [MT_FINDING_WARNING] = "WARNING",
	                                    [MT_FINDING_ALARM] = "ALARM"};
	bool is_tight = page->finding_count > 0 && page->findings[0].severity != MT_FINDING_NOTE;

	puts("\nFindings");
	if (!is_tight)
		puts("  nothing tight");
	for (size_t i = 0; i < page->finding_count; i++) {
		const struct mt_finding *finding = &page->findings[i];

		printf("  %-8s ", words[finding->severity]);
		mt_text_print_wrapped(stdout, finding->text, FINDING_COLUMN, WIDTH);
		if (finding->advice) {
			printf("%*s", FINDING_COLUMN, "");
			mt_text_print_wrapped(stdout, finding->advice, FINDING_COLUMN, WIDTH);
		}
		if (is_explained)
			printf("%*s(%s)\n", FINDING_COLUMN, "", finding->source);
	}
}

static void print_raw(struct mt_arena *arena, const struct mt_fields *fields, const char *name)
{
	if (fields->count == 0)
		return;
	printf("\n%s\n", name);
	for (size_t i = 0; i < fields->count; i++)
		printf("  %-40s %20" PRIu64 "%s\n", mt_text_clean(arena, fields->rows[i].name),
		       fields->rows[i].value, fields->rows[i].is_bytes ? " bytes" : "");
}

void mt_page_print_text(struct mt_page *page, const struct mt_machine *machine,
                        const struct mt_system_how *how)
{
	if (page->title)
		mt_text_print_wrapped(stdout, page->title, 0, WIDTH);
	for (size_t i = 0; i < page->count; i++)
		print_section(page, &page->sections[i], how->is_explained);
	print_findings(page, how->is_explained);
	if (!how->is_raw)
		return;
	print_raw(&page->arena, &machine->meminfo, "/proc/meminfo");
	print_raw(&page->arena, &machine->vmstat, "/proc/vmstat");
	if (machine->groups.count > 0)
		print_raw(&page->arena, &machine->groups.rows[0].stat, "memory.stat");
}
