/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * fields.c - see fields.h.
 */
#include "host/fields.h"

#include "base/array.h"
#include "host/lines.h"

#include <errno.h>
#include <string.h>

/* "MemTotal:  16309784 kB", "nr_free_pages 5189135" */
static bool parse_line(char *line, struct mt_field *field)
{
	char *name = mt_lines_word(&line), *number = mt_lines_word(&line);
	char *unit = mt_lines_word(&line);
	size_t length;

	if (!name || !number || !mt_lines_number(number, &field->value))
		return false;
	length = strlen(name);
	if (name[length - 1] == ':')
		name[length - 1] = '\0';
	field->name = name;
	field->is_bytes = unit && strcmp(unit, "kB") == 0;
	if (field->is_bytes)
		field->value = field->value < UINT64_MAX / 1024 ? field->value * 1024 : UINT64_MAX;
	return true;
}

int mt_fields_parse(char *text, struct mt_fields *ret_fields)
{
	struct mt_fields fields = {.text = text};
	char *at = text, *line;

	while ((line = mt_lines_next(&at))) {
		struct mt_field field;

		if (!*line)
			continue;
		if (!parse_line(line, &field)) {
			fields.odd++;
			continue;
		}
		if (MT_ARRAY_RESERVE(fields.rows, fields.capacity, fields.count + 1) < 0) {
			mt_fields_free(&fields);
			return -ENOMEM;
		}
		fields.rows[fields.count++] = field;
	}
	*ret_fields = fields;
	return 0;
}

int mt_fields_read(const char *root, const char *path, struct mt_fields *ret_fields)
{
	char *text;
	int r = mt_lines_read(root, path, &text);

	if (r == 0)
		r = mt_fields_parse(text, ret_fields);
	if (r < 0)
		*ret_fields = (struct mt_fields){.error = r};
	return r;
}

bool mt_fields_get(const struct mt_fields *fields, const char *name, uint64_t *ret_value)
{
	for (size_t i = 0; i < fields->count; i++) {
		if (strcmp(fields->rows[i].name, name) == 0) {
			*ret_value = fields->rows[i].value;
			return true;
		}
	}
	return false;
}

void mt_fields_free(struct mt_fields *fields)
{
	free(fields->rows);
	free(fields->text);
	memset(fields, 0, sizeof(*fields));
}
