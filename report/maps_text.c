/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * maps_text.c - mappings for a person, and as pmap has them.
 */
#include "report/maps.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/units.h"
#include "report/text.h"

/* The mapping's own name. */
static const char *path_text(struct mt_arena *arena, const struct mt_vma *vma)
{
	const char *path = vma->kind == MT_VMA_BSS ? vma->owner : vma->path;

	return path[0] ? mt_text_clean(arena, path) : NULL;
}

static const char *owners_text(const struct mt_maps *maps, struct mt_arena *arena,
                               const struct mt_vma *vma)
{
	const char *text = mt_maps_owners_text(arena, maps, vma);

	return text ? mt_text_clean(arena, text) : "";
}

#define SUMMARY_FIGURES 7u /* the first ones: size to swap */

static void put_figures(const struct mt_maps *maps, struct mt_value *values, const uint64_t *sums,
                        size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (mt_smaps_has(&maps->smaps, mt_figures[i].field))
			values[i] = mt_value_number((int64_t)sums[i]);
}

static void print_summary(const struct mt_maps *maps)
{
	struct mt_column columns[SUMMARY_FIGURES + 2] = {
	        {"kind", "kind", MT_COLUMN_TEXT},    {"mappings", "mappings", MT_COLUMN_COUNT},
	        {"vss", "vss", MT_COLUMN_BYTES},     {"rss", "rss", MT_COLUMN_BYTES},
	        {"pss", "pss", MT_COLUMN_BYTES},     {"uss", "uss", MT_COLUMN_BYTES},
	        {"dirty", "dirty", MT_COLUMN_BYTES}, {"anonymous", "anonymous", MT_COLUMN_BYTES},
	        {"swap", "swap", MT_COLUMN_BYTES},
	};
	struct mt_maps_sum kinds[MT_VMA_KIND_COUNT + 1];
	struct mt_table table;

	mt_maps_sum(maps, kinds);
	mt_table_init(&table, columns, SUMMARY_FIGURES + 2);
	for (size_t i = 0; i <= MT_VMA_KIND_COUNT; i++) {
		struct mt_value *row;

		if (kinds[i].mappings == 0)
			continue;
		row = mt_table_add(&table);
		row[0] = mt_value_text(kinds[i].name);
		row[1] = mt_value_number((int64_t)kinds[i].mappings);
		put_figures(maps, row + 2, kinds[i].figures, SUMMARY_FIGURES);
	}
	mt_table_print_text(&table, 0, stdout);
	mt_table_free(&table);
}

/* As the kernel and pmap write it: in kB, whole columns. */
static const char *kilobytes(struct mt_arena *arena, enum mt_column_type type, uint64_t value)
{
	return mt_arena_print(arena, "%" PRIu64, type == MT_COLUMN_BYTES ? value / 1024 : value);
}

#define WIDE_COLUMNS (MT_FIGURES + MT_SMAPS_UNKNOWN_MAX + 9)

static void print_wide(struct mt_maps *maps)
{
	static const struct mt_column head[] = {
	        {"address", "Address", MT_COLUMN_TEXT_RIGHT}, {"mode", "Perm", MT_COLUMN_TEXT},
	        {"offset", "Offset", MT_COLUMN_TEXT_RIGHT},   {"device", "Device", MT_COLUMN_TEXT},
	        {"inode", "Inode", MT_COLUMN_NUMBER},
	};
	struct mt_column columns[WIDE_COLUMNS];
	struct mt_smaps *smaps = &maps->smaps;
	size_t count = 0;
	struct mt_table table;

	for (size_t i = 0; i < sizeof(head) / sizeof(head[0]); i++)
		columns[count++] = head[i];
	for (size_t i = 0; i < MT_FIGURES; i++)
		if (mt_smaps_has(smaps, mt_figures[i].field))
			columns[count++] = (struct mt_column){
			        mt_figures[i].key, mt_figures[i].title, MT_COLUMN_TEXT_RIGHT};
	for (size_t i = 0; i < smaps->unknown_count; i++)
		columns[count++] = (struct mt_column){smaps->unknown[i], smaps->unknown[i],
		                                      MT_COLUMN_TEXT_RIGHT};
	columns[count++] = (struct mt_column){"flags", "VmFlags", MT_COLUMN_TEXT};
	columns[count++] = (struct mt_column){"kind", "Kind", MT_COLUMN_TEXT};
	columns[count++] = (struct mt_column){"path", "Mapping", MT_COLUMN_TEXT};
	if (maps->owners)
		columns[count++] = (struct mt_column){"owners", "Owner", MT_COLUMN_TEXT};
	mt_table_init(&table, columns, count);
	for (size_t i = 0; i < smaps->count; i++) {
		const struct mt_vma *vma = maps->order[i];
		struct mt_value *row = mt_table_add(&table);
		size_t at = 0;

		row[at++] = mt_value_text(mt_arena_print(&table.arena, "%" PRIx64, vma->start));
		row[at++] = mt_value_text(vma->permissions);
		row[at++] =
		        mt_value_text(mt_arena_print(&table.arena, "%" PRIx64, vma->offset_bytes));
		row[at++] = mt_value_text(mt_arena_print(&table.arena, "%02x:%02x",
		                                         vma->device_major, vma->device_minor));
		row[at++] = mt_value_number((int64_t)vma->inode);
		for (size_t f = 0; f < MT_FIGURES; f++)
			if (mt_smaps_has(smaps, mt_figures[f].field))
				row[at++] =
				        mt_value_text(kilobytes(&table.arena, mt_figures[f].type,
				                                mt_figure_of(&mt_figures[f], vma)));
		for (unsigned int u = 0; u < smaps->unknown_count; u++)
			row[at++] = mt_value_text(kilobytes(
			        &table.arena,
			        smaps->unknown_in_bytes[u] ? MT_COLUMN_BYTES : MT_COLUMN_NUMBER,
			        vma->fields[MT_SMAPS_KNOWN + u]));
		row[at++] = mt_value_text(mt_text_clean(&table.arena, vma->flags));
		row[at++] = mt_value_text(mt_vma_kinds[vma->kind]);
		row[at++] = mt_value_text(path_text(&table.arena, vma));
		if (maps->owners)
			row[at++] = mt_value_text(owners_text(maps, &table.arena, vma));
	}
	mt_table_print_text(&table, maps->limit, stdout);
	mt_table_free(&table);
}

#define PATH_WIDTH 40

static void print_list(struct mt_maps *maps)
{
	struct mt_column columns[MT_FIGURES + 5];
	size_t count = 0;
	struct mt_table table;

	columns[count++] = (struct mt_column){"address", "address", MT_COLUMN_TEXT_RIGHT};
	for (size_t i = 0; i < MT_FIGURES; i++)
		if (mt_figures[i].brief)
			columns[count++] = (struct mt_column){mt_figures[i].key,
			                                      mt_figures[i].brief, MT_COLUMN_BYTES};
	columns[count++] = (struct mt_column){"mode", "mode", MT_COLUMN_TEXT};
	columns[count++] = (struct mt_column){"kind", "kind", MT_COLUMN_TEXT};
	columns[count++] = (struct mt_column){"path", "mapping", MT_COLUMN_TEXT};
	if (maps->owners)
		columns[count++] = (struct mt_column){"owners", "owner", MT_COLUMN_TEXT};
	mt_table_init(&table, columns, count);
	for (size_t i = 0; i < maps->smaps.count; i++) {
		const struct mt_vma *vma = maps->order[i];
		struct mt_value *row = mt_table_add(&table);
		const char *path = path_text(&table.arena, vma);
		size_t at = 0;

		row[at++] = mt_value_text(mt_arena_print(&table.arena, "%" PRIx64, vma->start));
		for (size_t f = 0; f < MT_FIGURES; f++) {
			if (!mt_figures[f].brief)
				continue;
			if (mt_smaps_has(&maps->smaps, mt_figures[f].field))
				row[at] =
				        mt_value_number((int64_t)mt_figure_of(&mt_figures[f], vma));
			at++;
		}
		row[at++] = mt_value_text(vma->permissions);
		row[at++] = mt_value_text(mt_vma_kinds[vma->kind]);
		row[at++] = mt_value_text(path ? mt_text_short_path(&table.arena, path, PATH_WIDTH)
		                               : "");
		if (maps->owners)
			row[at++] = mt_value_text(owners_text(maps, &table.arena, vma));
	}
	mt_table_print_text(&table, maps->limit, stdout);
	mt_table_free(&table);
}

/* What pmap -d prints: of the last two a leak is often first seen. */
static void print_sum(const struct mt_maps *maps)
{
	struct mt_maps_sum sums[MT_VMA_KIND_COUNT + 1];
	const struct mt_maps_sum *sum = &sums[MT_VMA_KIND_COUNT];
	const struct mt_smaps *smaps = &maps->smaps;

	mt_maps_sum(maps, sums);
	if (maps->limit && maps->limit < smaps->count)
		printf("and %s (--limit=0 shows all)\n",
		       mt_units_of((int64_t)(smaps->count - maps->limit), "more mapping",
		                   "more mappings")
		               .text);
	printf("\n%s: mapped %s", mt_units_of((int64_t)sum->mappings, "mapping", "mappings").text,
	       mt_units_bytes((int64_t)sum->figures[0]).text);
	for (size_t i = 1; i < SUMMARY_FIGURES; i++)
		if (mt_smaps_has(smaps, mt_figures[i].field))
			printf(", %s %s", mt_figures[i].key[0] == 'u' ? "uss" : mt_figures[i].brief,
			       mt_units_bytes((int64_t)sum->figures[i]).text);
	printf("\nwritable and private %s, shared %s\n",
	       mt_units_bytes((int64_t)sum->writable_private_bytes).text,
	       mt_units_bytes((int64_t)sum->shared_bytes).text);
}

void mt_maps_print_text(struct mt_maps *maps, enum mt_maps_layout layout)
{
	printf("%s, pid %d\n\n", mt_text_clean(&maps->arena, maps->command), (int)maps->pid);
	switch (layout) {
	case MT_MAPS_LIST: print_list(maps); break;
	case MT_MAPS_WIDE: print_wide(maps); break;
	case MT_MAPS_SUMMARY: print_summary(maps); break;
	}
	print_sum(maps);
}
