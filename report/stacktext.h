/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * stacktext.h - stacks as a person reads them.
 *
 * Used by every command that prints stacks as text, and for the one column that a stack is in CSV.
 */
#ifndef MT_REPORT_STACKTEXT_H
#define MT_REPORT_STACKTEXT_H

#include <stdbool.h>
#include <stdio.h>

#include "report/table.h"
#include "report/trim.h"

/*
 * The function, shortened; or "libfoo.so.1+0x1234" where it is not known, "0x7f12..." in no module.
 */
const char *mt_stacktext_function(struct mt_arena *arena, const struct mt_line *line);

/*
 * "src/list.c:42", its path cut to about `width`; "(libfoo.so.1)" where no line is known; "" where
 * the function says it already.
 */
const char *mt_stacktext_place(struct mt_arena *arena, const struct mt_line *line, size_t width);

/* The function at a line of a stack, cut to `width`; "" where it has none. */
const char *mt_stacktext_function_at(struct mt_arena *arena, const struct mt_trim *trim,
                                     size_t index, size_t width);

/* "f, called by g", each cut to `width`; "" for no stack. */
const char *mt_stacktext_call(struct mt_arena *arena, const struct mt_trim *trim, size_t width);

/* The width for a place that stands last in its line. */
#define MT_STACKTEXT_PLACE 64

/* A line for each function: the function, where it is, whether it was inlined. */
void mt_stacktext_print(const struct mt_trim *trim, const char *cut, const char *indent,
                        bool is_coloured, FILE *to);

/*
 * Four cells of a CSV row: function, file and line of the innermost frame, and the stack as "f (a.c:1);main (a.c:9)",
 * innermost first, nothing shortened. `stack` NULL: there is none.
 */
void mt_stacktext_cells(struct mt_arena *arena, const struct mt_stack *stack, struct mt_value *row);

/* Says in words why a stack was cut (stack.cut). */
const char *mt_stacktext_cut(const char *cut);

#endif
