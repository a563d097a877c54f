/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * json.c - see json.h.
 */
#include "report/json.h"

#include <stdlib.h>
#include <string.h>

#include "report/text.h"

json_t *mt_json_text(const char *text)
{
	char *valid, *to;
	json_t *json;

	if (!text)
		return json_null();
	json = json_string(text);
	if (json)
		return json;
	valid = mt_memory_new(4 * strlen(text) + 1, 1);
	to = valid;
	while (*text) {
		size_t bytes = mt_text_character(text);

		/* Control characters of one byte are jansson's to escape. */
		if (bytes == 0 && (unsigned char)*text < 0x80)
			bytes = 1;
		if (bytes == 0)
			to += sprintf(to, "\\x%02x", (unsigned char)*text++);
		else
			to = mempcpy(to, text, bytes);
		text += bytes;
	}
	json = json_string(valid);
	free(valid);
	return json;
}

json_t *mt_json_number(bool is_known, int64_t number)
{
	return is_known ? json_integer(number) : json_null();
}

json_t *mt_json_process(const struct mt_process *process)
{
	return json_pack(
	        "{s:I, s:o, s:o, s:o, s:o}", "pid", (json_int_t)process->pid, "command",
	        mt_json_text(process->command), "end_reason", mt_json_text(process->end_reason),
	        "exit_status", mt_json_number(process->has_exit_status, process->exit_status),
	        "exit_signal", mt_json_number(process->has_exit_signal, process->exit_signal));
}

const char *mt_json_state(const struct mt_file *file)
{
	switch (file->state) {
	case MT_FILE_COMPLETE: return "complete";
	case MT_FILE_RECORDING: return "recording";
	default: return "incomplete";
	}
}

void mt_json_print(json_t *json)
{
	json_dumpf(json, stdout, JSON_INDENT(2));
	putchar('\n');
	json_decref(json);
}

static void separate(struct mt_json_out *out)
{
	if (out->depth == 0)
		return;
	fputs(out->has_item ? ",\n" : "\n", stdout);
	out->has_item = true;
}

void mt_json_open(struct mt_json_out *out, json_t *head, const char *list)
{
	char *text = json_dumps(head, 0);
	size_t bytes = text ? strlen(text) : 0;

	separate(out);
	if (bytes > 2)
		printf("%.*s, ", (int)bytes - 1, text);
	else
		putchar('{');
	printf("\"%s\": [", list);
	free(text);
	json_decref(head);
	out->depth++;
	out->has_item = false;
}

void mt_json_item(struct mt_json_out *out, json_t *item)
{
	char *text = json_dumps(item, 0);

	separate(out);
	fputs(text ? text : "null", stdout);
	free(text);
	json_decref(item);
}

void mt_json_close(struct mt_json_out *out)
{
	fputs("]}", stdout);
	out->has_item = true;
	if (--out->depth > 0)
		return;
	putchar('\n');
	mt_idmap_free(&out->lines);
	mt_arena_free(&out->arena);
}

json_t *mt_json_line(const struct mt_line *line)
{
	const struct mt_symbol *symbol = line->symbol;
	bool has_line = symbol && symbol->line > 0;

	return json_pack("{s:o, s:o, s:o, s:o, s:I, s:b}", "function",
	                 mt_json_text(symbol ? symbol->function : NULL), "file",
	                 mt_json_text(symbol ? symbol->file : NULL), "line",
	                 mt_json_number(has_line, has_line ? symbol->line : 0), "module",
	                 mt_json_text(line->frame->module), "offset",
	                 (json_int_t)line->frame->offset, "inlined", symbol && symbol->is_inlined);
}

static char *make_line(struct mt_json_out *out, const struct mt_line *line)
{
	json_t *json = mt_json_line(line);
	char *text = json_dumps(json, 0);
	char *copy = mt_arena_text(&out->arena, text ? text : "null");

	free(text);
	json_decref(json);
	return copy;
}

void mt_json_stack(struct mt_json_out *out, json_t *head, const struct mt_trim *trim)
{
	mt_json_open(out, head, "stack");
	for (size_t i = 0; i < trim->count; i++) {
		const struct mt_line *line = &trim->lines[i];
		const void *key = line->symbol ? (const void *)line->symbol : line->frame;
		char *text = mt_idmap_get(&out->lines, (int64_t)(intptr_t)key);

		if (!text) {
			text = make_line(out, line);
			mt_idmap_put(&out->lines, (int64_t)(intptr_t)key, text);
		}
		separate(out);
		fputs(text, stdout);
	}
	mt_json_close(out);
}
