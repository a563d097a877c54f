/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * stacktext.c - see stacktext.h.
 */
#include "report/stacktext.h"

#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "report/text.h"

#define FUNCTION_WIDTH 64 /* longer names are shortened */
#define COLUMN_WIDTH   40 /* the places of a stack stand in a column, up to here */

const char *mt_stacktext_cut(const char *cut)
{
	static const char *const words[][2] = {
	        {"depth", "deeper callers were not recorded (option depth)"},
	        {"nested", "taken inside a signal handler that had interrupted memtrace"},
	        {"unsafe", "the stack could not be walked safely at that moment"},
	        {"early", "taken before the program's start, when stacks could not be walked yet"},
	        {"unwinder", "the unwinder could not go on from here"},
	        {"table", "the table of stacks was full"},
	        {"no-cfi",
	         "nothing says who called this code: it was made at run time, or by hand"},
	        {"no-rule", "who called this code is said in a way that only libunwind follows"},
	        {"off-stack", "the next caller would not be on the thread's stack"},
	        {"lost", "the stack itself was lost"},
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strcmp(words[i][0], cut) == 0)
			return words[i][1];
	return "the walk ended here";
}

static const char *address_of(struct mt_arena *arena, const struct mt_frame *frame)
{
	if (!frame->module)
		return mt_arena_print(arena, "0x%" PRIx64, frame->offset);
	return mt_arena_print(arena, "%s+0x%" PRIx64,
	                      mt_text_clean(arena, mt_text_base(frame->module)), frame->offset);
}

const char *mt_stacktext_function(struct mt_arena *arena, const struct mt_line *line)
{
	if (!line->symbol || !line->symbol->function)
		return address_of(arena, line->frame);
	return mt_text_short_name(arena, mt_text_clean(arena, line->symbol->function),
	                          FUNCTION_WIDTH);
}

/* A source file as it is found from here, if it is there; else as the compiler called it. */
static const char *short_file(struct mt_arena *arena, const char *file, size_t width)
{
	char folder[PATH_MAX], real[PATH_MAX];
	const char *path = mt_text_plain_path(arena, file);

	if (file[0] == '/' && getcwd(folder, sizeof(folder)) && realpath(file, real)) {
		size_t bytes = strlen(folder);

		path = real;
		if (bytes > 1 && strncmp(real, folder, bytes) == 0 && real[bytes] == '/')
			path = real + bytes + 1;
	}
	return mt_text_short_path(arena, mt_text_clean(arena, mt_arena_text(arena, path)), width);
}

const char *mt_stacktext_function_at(struct mt_arena *arena, const struct mt_trim *trim,
                                     size_t index, size_t width)
{
	if (index >= trim->count)
		return "";
	return mt_text_cut(
	        arena,
	        mt_text_short_name(arena, mt_stacktext_function(arena, &trim->lines[index]), width),
	        width);
}

const char *mt_stacktext_place(struct mt_arena *arena, const struct mt_line *line, size_t width)
{
	const struct mt_symbol *symbol = line->symbol;
	const char *base;

	if (symbol && symbol->file && symbol->line > 0)
		return mt_arena_print(arena, "%s:%" PRId64, short_file(arena, symbol->file, width),
		                      symbol->line);
	if (symbol && symbol->file)
		return short_file(arena, symbol->file, width);
	if (!line->frame->module)
		return "(in no module)";
	if (line->frame->symbols.symbolized == MT_SYMBOLIZED_CHANGED)
		return "(replaced since the run)";
	if (line->frame->symbols.symbolized == MT_SYMBOLIZED_MISSING)
		return "(its file is gone)";
	if (!symbol)
		return "";
	base = mt_text_clean(arena, mt_text_base(line->frame->module));
	return mt_arena_print(arena, "(%s)", base);
}

const char *mt_stacktext_call(struct mt_arena *arena, const struct mt_trim *trim, size_t width)
{
	return mt_arena_print(arena, "%s%s%s", mt_stacktext_function_at(arena, trim, 0, width),
	                      trim->count > 1 ? ", called by " : "",
	                      mt_stacktext_function_at(arena, trim, 1, width));
}

void mt_stacktext_print(const struct mt_trim *trim, const char *cut, const char *indent,
                        bool is_coloured, FILE *to)
{
	const char *dim = is_coloured ? "\033[2m" : "";
	const char *plain = is_coloured ? "\033[0m" : "";
	struct mt_arena arena = {0};
	size_t column = 0;

	for (size_t i = 0; i < trim->count; i++) {
		size_t width = mt_text_width(mt_stacktext_function(&arena, &trim->lines[i]));

		if (width > column)
			column = width < COLUMN_WIDTH ? width : COLUMN_WIDTH;
	}
	for (size_t i = 0; i < trim->count; i++) {
		const struct mt_line *line = &trim->lines[i];
		const char *function = mt_stacktext_function(&arena, line);
		const char *place = mt_stacktext_place(&arena, line, MT_STACKTEXT_PLACE);
		size_t width = mt_text_width(function);

		fprintf(to, "%s%s", indent, function);
		if (*place)
			fprintf(to, "%*s  %s%s%s", width < column ? (int)(column - width) : 0, "",
			        dim, place, plain);
		if (line->symbol && line->symbol->is_inlined)
			fprintf(to, " %s(inlined)%s", dim, plain);
		putc('\n', to);
	}
	if (cut && trim->count > 0)
		fprintf(to, "%s%s... %s%s\n", indent, dim, mt_stacktext_cut(cut), plain);
	mt_arena_free(&arena);
}

static const char *joined(struct mt_arena *arena, const struct mt_trim *trim)
{
	char *text = NULL;
	size_t bytes = 0;
	FILE *to = open_memstream(&text, &bytes);
	const char *copy = "";

	if (!to)
		return copy;
	for (size_t i = 0; i < trim->count; i++) {
		const struct mt_symbol *symbol = trim->lines[i].symbol;

		if (i > 0)
			putc(';', to);
		fputs(symbol && symbol->function ? symbol->function
		                                 : address_of(arena, trim->lines[i].frame),
		      to);
		if (symbol && symbol->file)
			fprintf(to, " (%s:%" PRId64 ")", symbol->file, symbol->line);
	}
	if (fclose(to) == 0)
		copy = mt_arena_text(arena, text);
	free(text);
	return copy;
}

void mt_stacktext_cells(struct mt_arena *arena, const struct mt_stack *stack, struct mt_value *row)
{
	struct mt_trim all = {0}, own = {0};
	const struct mt_symbol *symbol;

	if (stack) {
		all = mt_trim_all(stack);
		own = mt_trim_own(stack);
	}
	symbol = all.count ? all.lines[0].symbol : NULL;
	row[0] = mt_value_text(symbol ? symbol->function : NULL);
	row[1] = mt_value_text(symbol ? symbol->file : NULL);
	if (symbol && symbol->line > 0)
		row[2] = mt_value_number(symbol->line);
	row[3] = mt_value_text(joined(arena, &own));
}
