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
#include "report/trim.h"

/*
 * A string, or null. Bytes that are not UTF-8 become \xNN, as JSON has no other way to carry them.
 */
json_t *mt_json_text(const char *text);

/* An integer, or null. */
json_t *mt_json_number(bool is_known, int64_t number);

/* [{"function", "file", "line", "module", "offset", "inlined"}], innermost first. */
json_t *mt_json_stack(const struct mt_trim *trim);

/*
 * {"pid", "command", "end_reason", "exit_status", "exit_signal"}: what every list of processes
 * starts with.
 */
json_t *mt_json_process(const struct mt_process *process);

/* "complete", "recording" or "incomplete" */
const char *mt_json_state(const struct mt_file *file);

/* Writes to standard output; takes the value. */
void mt_json_print(json_t *json);

#endif
