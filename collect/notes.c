/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * notes.c - see notes.h.
 */
#include "collect/notes.h"

#include "base/array.h"
#include "base/cleanup.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void mt_notes_free(struct mt_notes *notes)
{
	for (size_t i = 0; i < notes->count; i++)
		free(notes->rows[i].text);
	free(notes->rows);
	memset(notes, 0, sizeof(*notes));
}

static void append(struct mt_notes *notes, const struct mt_note *note)
{
	if (MT_ARRAY_RESERVE(notes->rows, notes->capacity, notes->count + 1) < 0) {
		free(note->text);
		return;
	}
	notes->rows[notes->count++] = *note;
}

void mt_notes_add(struct mt_notes *notes, uint32_t process, uint64_t time_ns, const char *kind,
                  uint64_t count, const char *format, ...)
{
	MT_CLEANUP_FREE char *text = NULL;
	struct mt_note note = {process, time_ns, kind, count, NULL, true};
	va_list arguments;

	va_start(arguments, format);
	if (vasprintf(&text, format, arguments) < 0)
		text = NULL;
	va_end(arguments);
	if (!text)
		return;
	notes->is_dirty = true;
	for (size_t i = 0; i < notes->count; i++) {
		struct mt_note *row = &notes->rows[i];

		if (row->process == process && strcmp(row->kind, kind) == 0 &&
		    strcmp(row->text, text) == 0) {
			row->count += count;
			row->is_dirty = true;
			return;
		}
	}
	if (notes->count < MT_NOTES_MAX) {
		note.text = text;
		text = NULL;
		append(notes, &note);
		return;
	}
	if (notes->count == MT_NOTES_MAX) {
		note = (struct mt_note){0, time_ns, "notes", 0, NULL, true};
		note.text = strdup("there were more notes than are kept");
		if (note.text)
			append(notes, &note);
	}
	notes->rows[notes->count - 1].count++;
	notes->rows[notes->count - 1].is_dirty = true;
}
