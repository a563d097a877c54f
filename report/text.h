/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * text.h - strings on their way to a terminal: escaped, shortened, measured.
 *
 * Used all over report/. What stands in a memtrace file came from somebody else's program, and may
 * be meant to move the cursor of the person who reads it.
 */
#ifndef MT_REPORT_TEXT_H
#define MT_REPORT_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "report/memory.h"

/*
 * Bytes of the well-formed UTF-8 character at `text`, 1 to 4; 0 when the bytes there are none (cut
 * short, overlong, a surrogate) or a control character (C0, DEL, C1).
 */
size_t mt_text_character(const char *text);

/*
 * A copy with every control character and every byte that is not UTF-8 as \n, \t, \x1b ...; a
 * backslash stays as it is. Give back with free(). NULL when out of memory.
 */
char *mt_text_escape(const char *text);

/* The same into an arena; `text` itself when there is nothing to escape. Of NULL, which a made-up file may have, "". */
const char *mt_text_clean(struct mt_arena *arena, const char *text);

/* Columns on a terminal: characters; a wide one counts as one, which only skews an alignment. */
size_t mt_text_width(const char *text);

/* The last part of a path; the path itself when it ends with a slash. */
const char *mt_text_base(const char *path);

/* A path without "." and "name/.." in it: what it would be if none of its folders were a link. */
const char *mt_text_plain_path(struct mt_arena *arena, const char *path);

/* A path cut to its last components, if it is longer than `width`: ".../lib/list.c". */
const char *mt_text_short_path(struct mt_arena *arena, const char *path, size_t width);

/*
 * A function's name cut to about `width` by leaving out what is inside its outermost brackets,
 * templates' first, and then its outer scopes: "...::vector<...>::push_back(...)".
 */
const char *mt_text_short_name(struct mt_arena *arena, const char *name, size_t width);

/* The first characters, the last of them "..." when there are more than `width`. */
const char *mt_text_cut(struct mt_arena *arena, const char *text, size_t width);

/*
 * Words of `text` wrapped at `width`, the first line going on at `column`, the others indented to it; ends the line.
 */
void mt_text_print_wrapped(FILE *to, const char *text, size_t column, size_t width);

/* A word as a shell takes it: quoted if it has to be. */
const char *mt_text_shell(struct mt_arena *arena, const char *word);

/* Colour is for a terminal that wants it: isatty, TERM, NO_COLOR. */
bool mt_text_is_coloured(FILE *stream);

#endif
