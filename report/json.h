/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * json.h - what the commands' JSON has in common.
 *
 * Used by every command with --format=json. Keys are stable and always there; what was not measured
 * is null; bytes are integers.
 */
#ifndef MT_REPORT_JSON_H
#define MT_REPORT_JSON_H

#include <jansson.h>
#include <stdbool.h>

#include "report/file.h"
#include "report/idmap.h"
#include "report/memory.h"
#include "report/trim.h"

/*
 * A string, or null. Bytes that are not UTF-8 become \xNN, as JSON has no other way to carry them.
 */
json_t *mt_json_text(const char *text);

/* An integer, or null. */
json_t *mt_json_number(bool is_known, int64_t number);

/*
 * {"pid", "command", "end_reason", "exit_status", "exit_signal"}: what every list of processes
 * starts with.
 */
json_t *mt_json_process(const struct mt_process *process);

/* "complete", "recording" or "incomplete" */
const char *mt_json_state(const struct mt_file *file);

/* Writes to standard output; takes the value. */
void mt_json_print(json_t *json);

/*
 * A value too large to be built before it is written: objects whose last member is a list, in each other.
 *
 *	mt_json_open   { members of head, "list": [       inside a list: an item of it
 *	mt_json_close  ]}
 *
 * Each item stands on a line of its own. What is given is taken. Starts as {0}.
 */
struct mt_json_out {
	unsigned int depth;
	bool has_item;         /* in the list that is open */
	struct mt_idmap lines; /* of stacks, by address: their text, made once and needed often */
	struct mt_arena arena; /* of that text */
};

void mt_json_open(struct mt_json_out *out, json_t *head, const char *list);
void mt_json_close(struct mt_json_out *out);

/* A whole item of the list that is open. */
void mt_json_item(struct mt_json_out *out, json_t *item);

/* A function of a stack: {"function", "file", "line", "module", "offset", "inlined"}. */
json_t *mt_json_line(const struct mt_line *line);

/*
 * An item with the members of head and "stack": a list of {"function", "file", "line", "module",
 * "offset", "inlined"}, innermost first.
 */
void mt_json_stack(struct mt_json_out *out, json_t *head, const struct mt_trim *trim);

#endif
