/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * system_json.c - the page for programs: every figure with its unit and its source; with --raw also every line of the
 * files that are a name and a number a line, known or not.
 */
#include "report/system.h"

#include "report/json.h"

static const char *const units[] = {
        [MT_UNIT_BYTES] = "bytes",     [MT_UNIT_COUNT] = "count",
        [MT_UNIT_SHARE] = "percent",   [MT_UNIT_WORD] = "word",
        [MT_UNIT_RATE] = "per second", [MT_UNIT_BYTES_RATE] = "bytes per second",
};

static json_t *value_json(const struct mt_figure_line *line)
{
	if (!line->is_known)
		return json_null();
	switch (line->unit) {
	case MT_UNIT_SHARE: return json_real((double)line->value / 100);
	case MT_UNIT_WORD: return mt_json_text(line->word);
	default: break;
	}
	return json_integer((json_int_t)line->value);
}

static json_t *section_json(const struct mt_section *section)
{
	json_t *json = json_object(), *figures = json_array();

	for (size_t i = 0; i < section->count; i++) {
		const struct mt_figure_line *line = &section->lines[i];

		json_array_append_new(figures,
		                      json_pack("{s:s, s:o, s:s, s:o, s:s, s:s}", "key", line->key,
		                                "label", mt_json_text(line->label), "unit",
		                                units[line->unit], "value", value_json(line),
		                                "source", line->source, "meaning", line->meaning));
	}
	json_object_set_new(json, "key", json_string(section->key));
	json_object_set_new(json, "title", json_string(section->title));
	json_object_set_new(json, "figures", figures);
	json_object_set_new(json, "rows",
	                    section->has_table ? mt_table_json(&section->table) : json_array());
	json_object_set_new(json, "rows_source", mt_json_text(section->table_source));
	json_object_set_new(json, "missing", mt_json_text(section->missing));
	return json;
}

static json_t *findings_json(const struct mt_page *page)
{
	static const char *const words[] = {[MT_FINDING_NOTE] = "note",
	                                    [MT_FINDING_WARNING] = "warning",
	                                    [MT_FINDING_ALARM] = "alarm"};
	json_t *list = json_array();

	for (size_t i = 0; i < page->finding_count; i++) {
		const struct mt_finding *finding = &page->findings[i];
		json_t *json = json_object();

		json_object_set_new(json, "severity", json_string(words[finding->severity]));
		json_object_set_new(json, "text", mt_json_text(finding->text));
		json_object_set_new(json, "advice", mt_json_text(finding->advice));
		json_object_set_new(json, "source", mt_json_text(finding->source));
		json_array_append_new(list, json);
	}
	return list;
}

static json_t *fields_json(const struct mt_fields *fields)
{
	json_t *json = json_object();

	for (size_t i = 0; i < fields->count; i++)
		json_object_set_new(json, fields->rows[i].name,
		                    json_integer((json_int_t)fields->rows[i].value));
	return json;
}

json_t *mt_page_json(struct mt_page *page, const struct mt_machine *machine, bool is_raw)
{
	json_t *json = json_object(), *sections = json_array();

	for (size_t i = 0; i < page->count; i++)
		json_array_append_new(sections, section_json(&page->sections[i]));
	json_object_set_new(json, "pid", mt_json_number(machine->pid != 0, machine->pid));
	json_object_set_new(json, "sections", sections);
	json_object_set_new(json, "findings", findings_json(page));
	if (is_raw) {
		json_object_set_new(json, "meminfo", fields_json(&machine->meminfo));
		json_object_set_new(json, "vmstat", fields_json(&machine->vmstat));
		if (machine->groups.count > 0)
			json_object_set_new(json, "memory_stat",
			                    fields_json(&machine->groups.rows[0].stat));
	}
	return json;
}
