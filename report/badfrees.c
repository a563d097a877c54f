/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * badfrees.c - see badfrees.h.
 */
#include "report/badfrees.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/units.h"
#include "report/json.h"
#include "report/stacktext.h"
#include "report/text.h"

/* Those which differ in nothing but the time and the block are one: the first of them, by min(). */
static const char bad_free_sql[] =
        "SELECT problem, count(*), addr, call.name, allocated.name, size_bytes,"
        "       coalesce(stack, 0), coalesce(allocated_stack, 0), coalesce(freed_stack, 0),"
        "       time_ns, min(number)"
        " FROM bad_free LEFT JOIN kind AS call ON call.id = bad_free.call"
        "      LEFT JOIN kind AS allocated ON allocated.id = bad_free.allocated_by"
        " WHERE process = ?1"
        " GROUP BY problem, bad_free.call, allocated_by, stack, allocated_stack, freed_stack"
        " ORDER BY min(number)";

struct bad_free {
	const char *problem;
	int64_t count;
	int64_t addr; /* of the first */
	const char *call;
	const char *allocated_by; /* NULL: not known */
	bool has_size;
	int64_t size_bytes;
	/* 0: not known */
	int64_t stack;
	int64_t allocated_stack;
	int64_t freed_stack;
	int64_t time_ns;
};

struct mt_badfrees {
	struct mt_arena arena;
	struct bad_free *items;
	size_t count;
};

static const char *text_of(struct mt_badfrees *list, struct mt_rows *rows, int column)
{
	return mt_rows_is_null(rows, column)
	               ? NULL
	               : mt_arena_text(&list->arena, mt_rows_text(rows, column));
}

static int add_row(struct mt_badfrees *list, struct mt_rows *rows)
{
	struct bad_free *items = reallocarray(list->items, list->count + 1, sizeof(*list->items));

	if (!items)
		return -ENOMEM;
	list->items = items;
	items[list->count++] = (struct bad_free){
	        .problem = text_of(list, rows, 0),
	        .count = mt_rows_integer(rows, 1),
	        .addr = mt_rows_integer(rows, 2),
	        .call = text_of(list, rows, 3),
	        .allocated_by = text_of(list, rows, 4),
	        .has_size = !mt_rows_is_null(rows, 5),
	        .size_bytes = mt_rows_integer(rows, 5),
	        .stack = mt_rows_integer(rows, 6),
	        .allocated_stack = mt_rows_integer(rows, 7),
	        .freed_stack = mt_rows_integer(rows, 8),
	        .time_ns = mt_rows_integer(rows, 9),
	};
	return 0;
}

int mt_badfrees_read(struct mt_file *file, const struct mt_process *process,
                     struct mt_badfrees **ret_list)
{
	struct mt_badfrees *list = calloc(1, sizeof(*list));
	struct mt_rows *rows = NULL;
	int next = list ? mt_rows_open(file->reader, bad_free_sql, &rows, NULL) : -ENOMEM;

	if (next >= 0) {
		mt_rows_bind(rows, 1, process->id);
		while ((next = mt_rows_next(rows)) == 1)
			if ((next = add_row(list, rows)) < 0)
				break;
		mt_rows_close(rows);
	}
	if (next < 0 || list->count == 0) {
		mt_badfrees_free(list);
		list = NULL;
	}
	if (next >= 0)
		*ret_list = list;
	return next < 0 ? next : 0;
}

void mt_badfrees_free(struct mt_badfrees *list)
{
	if (!list)
		return;
	free(list->items);
	mt_arena_free(&list->arena);
	free(list);
}

static int64_t count_of(const struct mt_badfrees *list, const char *problem)
{
	int64_t count = 0;

	for (size_t i = 0; i < list->count; i++)
		if (strcmp(list->items[i].problem, problem) == 0)
			count += list->items[i].count;
	return count;
}

const char *mt_badfrees_sum(struct mt_arena *arena, const struct mt_badfrees *list)
{
	return mt_arena_print(arena, "%s double, %s of an unknown address, %s mismatched",
	                      mt_units_count(count_of(list, "double")).text,
	                      mt_units_count(count_of(list, "unknown")).text,
	                      mt_units_count(count_of(list, "mismatched")).text);
}

/* ---- text ---- */

static int print_stack(struct mt_stacks *stacks, const char *title, int64_t id, bool is_coloured)
{
	struct mt_stack *stack;
	struct mt_trim trim;
	int error;

	printf("      %s:\n", title);
	error = mt_stacks_resolve(stacks, id, &stack);
	if (error < 0)
		return error;
	trim = mt_trim_all(stack);
	mt_stacktext_print(&trim, stack->cut, "        ", is_coloured, stdout);
	return 0;
}

static void print_head(struct mt_badfrees *list, const struct bad_free *item)
{
	const char *call = item->call ? item->call : "a call of no known kind";
	const char *block = item->has_size ? mt_arena_print(&list->arena, "%s ",
	                                                    mt_units_bytes(item->size_bytes).text)
	                                   : "";

	if (strcmp(item->problem, "double") == 0)
		printf("\n    double free: %s of 0x%" PRIx64 ", which was freed before",
		       mt_text_clean(&list->arena, call), item->addr);
	else if (strcmp(item->problem, "unknown") == 0)
		printf("\n    free of an unknown address: %s of 0x%" PRIx64 ", where no block was",
		       mt_text_clean(&list->arena, call), item->addr);
	else
		printf("\n    mismatched: %s of 0x%" PRIx64 ", %sallocated by %s",
		       mt_text_clean(&list->arena, call), item->addr, block,
		       item->allocated_by ? mt_text_clean(&list->arena, item->allocated_by)
		                          : "another family");
	if (item->count != 1)
		printf(" (%s)", mt_units_of(item->count, "time", "times").text);
	putchar('\n');
}

int mt_badfrees_print(struct mt_badfrees *list, struct mt_stacks *stacks, bool is_coloured)
{
	bool has_gaps = false;
	int error = 0;

	for (size_t i = 0; i < list->count && error >= 0; i++) {
		const struct bad_free *item = &list->items[i];
		bool is_double = strcmp(item->problem, "double") == 0;

		print_head(list, item);
		has_gaps |= !item->stack || (is_double && !item->freed_stack);
		if (item->stack)
			error = print_stack(stacks, is_double ? "freed again at" : "freed at",
			                    item->stack, is_coloured);
		else
			puts("      (where it was freed is not known)");
		if (item->freed_stack && error >= 0)
			error = print_stack(stacks, "freed before at", item->freed_stack,
			                    is_coloured);
		if (item->allocated_stack && error >= 0)
			error = print_stack(stacks, "allocated at", item->allocated_stack,
			                    is_coloured);
	}
	if (has_gaps && error >= 0)
		puts("\n    A free is recorded without its stack. With --free-stacks=on all of "
		     "them have one.");
	return error;
}

/* ---- JSON ---- */

/* A stack as a list, or null. */
static json_t *json_stack(struct mt_stacks *stacks, int64_t id, int *ret_error)
{
	struct mt_stack *stack;
	struct mt_trim trim;
	json_t *lines;
	int error;

	if (!id)
		return json_null();
	error = mt_stacks_resolve(stacks, id, &stack);
	if (error < 0) {
		*ret_error = error;
		return json_null();
	}
	trim = mt_trim_own(stack);
	lines = json_array();
	for (size_t i = 0; i < trim.count; i++)
		json_array_append_new(lines, mt_json_line(&trim.lines[i]));
	return lines;
}

json_t *mt_badfrees_json(struct mt_badfrees *list, struct mt_stacks *stacks, int *ret_error)
{
	json_t *all = json_array();
	int error = 0;

	for (size_t i = 0; list && i < list->count && error >= 0; i++) {
		const struct bad_free *item = &list->items[i];

		json_array_append_new(
		        all,
		        json_pack("{s:o, s:I, s:o, s:I, s:o, s:o, s:I, s:o, s:o, s:o}", "problem",
		                  mt_json_text(item->problem), "count", (json_int_t)item->count,
		                  "call", mt_json_text(item->call), "addr", (json_int_t)item->addr,
		                  "allocated_by", mt_json_text(item->allocated_by), "size_bytes",
		                  mt_json_number(item->has_size, item->size_bytes), "time_ns",
		                  (json_int_t)item->time_ns, "stack",
		                  json_stack(stacks, item->stack, &error), "allocated_stack",
		                  json_stack(stacks, item->allocated_stack, &error), "freed_stack",
		                  json_stack(stacks, item->freed_stack, &error)));
	}
	if (error >= 0)
		return all;
	*ret_error = error;
	json_decref(all);
	return NULL;
}
