/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * maps_rows.c - mappings for programs: JSON and CSV, every figure, what this kernel does not have as unknown.
 */
#include "report/maps.h"

#include <inttypes.h>

#include "report/json.h"

static void fill_table(struct mt_maps *maps, struct mt_table *table)
{
	for (size_t i = 0; i < maps->smaps.count; i++) {
		const struct mt_vma *vma = maps->order[i];
		struct mt_value *row = mt_table_add(table);
		size_t at = 0;

		row[at++] = mt_value_text(mt_arena_print(&table->arena, "0x%" PRIx64, vma->start));
		row[at++] = mt_value_text(mt_arena_print(&table->arena, "0x%" PRIx64, vma->end));
		row[at++] = mt_value_text(vma->permissions);
		row[at++] = mt_value_number((int64_t)vma->offset_bytes);
		row[at++] = mt_value_number(vma->device_major);
		row[at++] = mt_value_number(vma->device_minor);
		row[at++] = mt_value_number((int64_t)vma->inode);
		for (size_t f = 0; f < MT_FIGURES; f++, at++)
			if (mt_smaps_has(&maps->smaps, mt_figures[f].field))
				row[at] =
				        mt_value_number((int64_t)mt_figure_of(&mt_figures[f], vma));
		row[at++] = mt_value_text(vma->flags);
		row[at++] = mt_value_text(mt_vma_kinds[vma->kind]);
		row[at++] = mt_value_text(vma->path[0] ? vma->path : NULL);
		row[at++] = mt_value_text(vma->owner[0] ? vma->owner : NULL);
		row[at++] = mt_value_text(mt_maps_owners_text(&table->arena, maps, vma));
	}
}

static json_t *sum_json(const struct mt_maps *maps, const struct mt_maps_sum *sum)
{
	json_t *json = json_object();

	json_object_set_new(json, "mappings", json_integer((json_int_t)sum->mappings));
	for (size_t i = 0; i < MT_FIGURES; i++)
		if (mt_figures[i].type == MT_COLUMN_BYTES &&
		    mt_figures[i].field != MT_SMAPS_KERNEL_PAGE_SIZE &&
		    mt_figures[i].field != MT_SMAPS_MMU_PAGE_SIZE)
			json_object_set_new(
			        json, mt_figures[i].key,
			        mt_json_number(mt_smaps_has(&maps->smaps, mt_figures[i].field),
			                       (int64_t)sum->figures[i]));
	json_object_set_new(json, "writable_private_bytes",
	                    json_integer((json_int_t)sum->writable_private_bytes));
	json_object_set_new(json, "shared_mapping_bytes",
	                    json_integer((json_int_t)sum->shared_bytes));
	return json;
}

/* [{"kind", "bytes", "whose"}], or null: of now, where /proc alone was asked */
static json_t *owners_json(const struct mt_maps *maps, const struct mt_vma *vma)
{
	const struct mt_maps_owners *owners;
	json_t *list;

	if (!maps->owners)
		return json_null();
	owners = &maps->owners[vma - maps->smaps.vmas];
	list = json_array();
	for (size_t i = 0; i < owners->count; i++)
		json_array_append_new(list, json_pack("{sosIso}", "kind",
		                                      mt_json_text(owners->rows[i].kind), "bytes",
		                                      (json_int_t)owners->rows[i].bytes, "whose",
		                                      mt_json_text(owners->rows[i].whose)));
	return list;
}

static json_t *kinds_json(const struct mt_maps *maps, const struct mt_maps_sum *kinds)
{
	json_t *list = json_array();

	for (size_t i = 0; i < MT_VMA_KIND_COUNT; i++) {
		json_t *kind;

		if (kinds[i].mappings == 0)
			continue;
		kind = sum_json(maps, &kinds[i]);
		json_object_set_new(kind, "kind", json_string(kinds[i].name));
		json_array_append_new(list, kind);
	}
	return list;
}

static void print_json(struct mt_maps *maps, const struct mt_table *table)
{
	struct mt_maps_sum sums[MT_VMA_KIND_COUNT + 1];
	json_t *json = json_object();
	json_t *list = mt_table_json(table);

	mt_maps_sum(maps, sums);
	json_object_set_new(json, "pid", json_integer(maps->pid));
	json_object_set_new(json, "command", mt_json_text(maps->command));
	json_object_set_new(json, "totals", sum_json(maps, &sums[MT_VMA_KIND_COUNT]));
	json_object_set_new(json, "kinds", kinds_json(maps, sums));
	for (size_t i = 0; i < maps->smaps.count; i++) {
		json_t *mapping = json_array_get(list, i);
		const struct mt_vma *vma = maps->order[i];

		json_object_set_new(mapping, "owners", owners_json(maps, vma));
		for (unsigned int u = 0; u < maps->smaps.unknown_count; u++)
			json_object_set_new(
			        mapping, maps->smaps.unknown[u],
			        json_integer((json_int_t)vma->fields[MT_SMAPS_KNOWN + u]));
	}
	json_object_set_new(json, "mappings", list);
	mt_json_print(json);
}

void mt_maps_print_rows(struct mt_maps *maps, bool is_json)
{
	struct mt_column columns[MT_FIGURES + 12];
	static const struct mt_column head[] = {
	        {"start", NULL, MT_COLUMN_TEXT},          {"end", NULL, MT_COLUMN_TEXT},
	        {"mode", NULL, MT_COLUMN_TEXT},           {"offset_bytes", NULL, MT_COLUMN_BYTES},
	        {"device_major", NULL, MT_COLUMN_NUMBER}, {"device_minor", NULL, MT_COLUMN_NUMBER},
	        {"inode", NULL, MT_COLUMN_NUMBER},
	};
	static const struct mt_column tail[] = {
	        {"flags", NULL, MT_COLUMN_TEXT},  {"kind", NULL, MT_COLUMN_TEXT},
	        {"path", NULL, MT_COLUMN_TEXT},   {"owner", NULL, MT_COLUMN_TEXT},
	        {"owners", NULL, MT_COLUMN_TEXT},
	};
	size_t count = 0;
	struct mt_table table;

	for (size_t i = 0; i < sizeof(head) / sizeof(head[0]); i++)
		columns[count++] = head[i];
	for (size_t i = 0; i < MT_FIGURES; i++)
		columns[count++] = (struct mt_column){mt_figures[i].key, NULL, mt_figures[i].type};
	for (size_t i = 0; i < sizeof(tail) / sizeof(tail[0]); i++)
		columns[count++] = tail[i];
	mt_table_init(&table, columns, count);
	fill_table(maps, &table);
	if (is_json)
		print_json(maps, &table);
	else
		mt_table_print_csv(&table, stdout);
	mt_table_free(&table);
}
