/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * notes.h - what was dropped, cut or could not be done, in words, until the file has it.
 *
 * Owned by the drain thread. Equal notes become one with a count, and their number has a limit, so that
 * a program which breaks something a million times does not fill the collector's memory.
 */
#ifndef MT_COLLECT_NOTES_H
#define MT_COLLECT_NOTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MT_NOTES_MAX 1000u

struct mt_note {
	uint32_t process; /* 0: the session */
	uint64_t time_ns;
	const char *kind; /* a short stable word; not owned */
	uint64_t count;
	char *text;
	bool is_dirty; /* the file does not have it like this */
};

struct mt_notes {
	struct mt_note *rows; /* row i has id i + 1 */
	size_t count;
	size_t capacity;
	bool is_dirty;
};

void mt_notes_free(struct mt_notes *notes);

/* Adds a sentence, or `count` to the equal one. Out of memory or over the limit: the last row counts it. */
void mt_notes_add(struct mt_notes *notes, uint32_t process, uint64_t time_ns, const char *kind,
                  uint64_t count, const char *format, ...) __attribute__((format(printf, 6, 7)));

#endif
