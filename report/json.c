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

json_t *mt_json_stack(const struct mt_trim *trim)
{
	json_t *stack = json_array();

	for (size_t i = 0; i < trim->count; i++) {
		const struct mt_symbol *symbol = trim->lines[i].symbol;
		const struct mt_frame *frame = trim->lines[i].frame;

		json_array_append_new(
		        stack, json_pack("{s:o, s:o, s:o, s:o, s:I, s:b}", "function",
		                         mt_json_text(symbol ? symbol->function : NULL), "file",
		                         mt_json_text(symbol ? symbol->file : NULL), "line",
		                         mt_json_number(symbol && symbol->line > 0,
		                                        symbol ? symbol->line : 0),
		                         "module", mt_json_text(frame->module), "offset",
		                         (json_int_t)frame->offset, "inlined",
		                         symbol && symbol->is_inlined));
	}
	return stack;
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
