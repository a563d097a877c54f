/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * stacks.c - see stacks.h.
 */
#include "report/stacks.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "report/idmap.h"
#include "store/cache.h"

static const char node_sql[] = "SELECT parent, frame, cut FROM stack WHERE id = ?1";

static const char frame_sql[] =
        "SELECT module.path, module.build_id, frame.offset, frame.symbolized"
        " FROM frame LEFT JOIN module ON module.id = frame.module WHERE frame.id = ?1";

static const char symbol_sql[] =
        "SELECT function, file, line, inlined FROM symbol WHERE frame = ?1 ORDER BY depth";

static const char newest_sql[] =
        "SELECT max(max(started_ns), max(coalesce(ended_ns, 0))) FROM process";

/* More than any compiler inlines; a hostile file must not fill the memory. */
#define SYMBOLS_MAX 256u

struct node {
	int64_t parent; /* 0: none; ids start at 1 */
	const char *cut;
	struct mt_frame *frame;
};

struct mt_stacks {
	struct mt_file *file;
	struct mt_arena arena;
	struct mt_symbolizer *symbolizer;
	struct mt_rows *node_rows;
	struct mt_rows *frame_rows;
	struct mt_rows *symbol_rows;
	struct mt_idmap nodes;
	struct mt_idmap frames;
	struct mt_stack stack; /* the last one that was asked for; id 0: none */
	size_t frame_capacity;
	size_t line_capacity;
	struct mt_frame **resolved;
	size_t resolved_count;
	size_t resolved_capacity;
};

/* The end of the recording in seconds since 1970; 0: not known. */
static int64_t newest_utc_s(struct mt_file *file)
{
	struct mt_rows *rows = NULL;
	int64_t newest_ns = 0;

	if (file->state == MT_FILE_RECORDING ||
	    mt_rows_open(file->reader, newest_sql, &rows, NULL) < 0)
		return 0;
	if (mt_rows_next(rows) == 1)
		newest_ns = mt_rows_integer(rows, 0);
	mt_rows_close(rows);
	if (__builtin_add_overflow(newest_ns, file->origin_utc_ns, &newest_ns))
		return 0;
	return newest_ns / 1000000000;
}

struct mt_stacks *mt_stacks_open(struct mt_file *file)
{
	struct mt_stacks *stacks = mt_memory_new(1, sizeof(*stacks));

	stacks->file = file;
	stacks->symbolizer = mt_symbolizer_new(newest_utc_s(file));
	return stacks;
}

static void keep(struct mt_stacks *stacks)
{
	struct mt_cache *cache = NULL;

	/* A collector at work must not find its file locked. */
	if (stacks->file->state == MT_FILE_RECORDING)
		return;
	for (size_t i = 0; i < stacks->resolved_count; i++) {
		const struct mt_frame *frame = stacks->resolved[i];
		const struct mt_symbols *symbols = &frame->symbols;

		if (!frame->is_new)
			continue;
		if (!cache && mt_cache_open(stacks->file->path, &cache) < 0)
			return;
		if (mt_cache_frame(cache, frame->id, mt_symbolized_word(symbols->symbolized)) < 0)
			break;
		for (size_t k = 0; k < symbols->count; k++) {
			const struct mt_symbol *symbol = &symbols->items[k];

			if (mt_cache_symbol(cache, frame->id, (int64_t)k, symbol->function,
			                    symbol->file, symbol->line, symbol->is_inlined) < 0)
				break;
		}
	}
	if (cache)
		mt_cache_close(cache);
}

void mt_stacks_close(struct mt_stacks *stacks)
{
	mt_rows_close(stacks->node_rows);
	mt_rows_close(stacks->frame_rows);
	mt_rows_close(stacks->symbol_rows);
	keep(stacks);
	mt_symbolizer_free(stacks->symbolizer);
	mt_idmap_free(&stacks->nodes);
	mt_idmap_free(&stacks->frames);
	free(stacks->stack.frames);
	free(stacks->stack.lines);
	free(stacks->resolved);
	mt_arena_free(&stacks->arena);
	free(stacks);
}

/* A prepared question about one id: made at its first use. Returns what mt_rows_next returns. */
static int ask(struct mt_stacks *stacks, const char *sql, struct mt_rows **rows, int64_t id)
{
	int error = *rows ? 0 : mt_rows_open(stacks->file->reader, sql, rows, NULL);

	if (error < 0)
		return error;
	mt_rows_reset(*rows);
	mt_rows_bind(*rows, 1, id);
	return mt_rows_next(*rows);
}

static const char *text_or_null(struct mt_stacks *stacks, struct mt_rows *rows, int column)
{
	return mt_rows_is_null(rows, column)
	               ? NULL
	               : mt_arena_text(&stacks->arena, mt_rows_text(rows, column));
}

/* What earlier reports have left in the file. */
static int load_symbols(struct mt_stacks *stacks, struct mt_frame *frame)
{
	struct mt_symbol symbols[SYMBOLS_MAX];
	struct mt_symbol *items;
	size_t count = 0;
	int next = ask(stacks, symbol_sql, &stacks->symbol_rows, frame->id);

	for (; next == 1 && count < SYMBOLS_MAX; next = mt_rows_next(stacks->symbol_rows)) {
		struct mt_rows *rows = stacks->symbol_rows;

		symbols[count++] = (struct mt_symbol){
		        .function = text_or_null(stacks, rows, 0),
		        .file = text_or_null(stacks, rows, 1),
		        .line = mt_rows_integer(rows, 2),
		        .is_inlined = mt_rows_integer(rows, 3) != 0,
		};
	}
	if (stacks->symbol_rows)
		mt_rows_reset(stacks->symbol_rows);
	if (next < 0 || count == 0)
		return next < 0 ? next : 0;
	items = mt_arena_take(&stacks->arena, count, sizeof(*items));
	memcpy(items, symbols, count * sizeof(*items));
	frame->symbols.items = items;
	frame->symbols.count = count;
	return 0;
}

static int load_frame(struct mt_stacks *stacks, int64_t id, struct mt_frame **ret_frame)
{
	struct mt_frame *frame = mt_idmap_get(&stacks->frames, id);
	struct mt_rows *rows;
	int next;

	if (frame) {
		*ret_frame = frame;
		return 0;
	}
	next = ask(stacks, frame_sql, &stacks->frame_rows, id);
	rows = stacks->frame_rows;
	if (next < 0)
		return next;
	frame = mt_arena_take(&stacks->arena, 1, sizeof(*frame));
	frame->id = id;
	if (next == 1) {
		frame->module = text_or_null(stacks, rows, 0);
		frame->build_id = text_or_null(stacks, rows, 1);
		frame->offset = (uint64_t)mt_rows_integer(rows, 2);
		frame->symbols.symbolized = mt_symbolized_find(mt_rows_text(rows, 3));
	}
	mt_rows_reset(rows);
	mt_idmap_put(&stacks->frames, id, frame);
	*ret_frame = frame;
	return 0;
}

static int load_node(struct mt_stacks *stacks, int64_t id, struct node **ret_node)
{
	struct node *node = mt_idmap_get(&stacks->nodes, id);
	int64_t frame;
	int next;

	if (node) {
		*ret_node = node;
		return 0;
	}
	next = ask(stacks, node_sql, &stacks->node_rows, id);
	if (next != 1)
		return next < 0 ? next : -EBADMSG;
	node = mt_arena_take(&stacks->arena, 1, sizeof(*node));
	node->parent = mt_rows_integer(stacks->node_rows, 0);
	frame = mt_rows_integer(stacks->node_rows, 1);
	node->cut = text_or_null(stacks, stacks->node_rows, 2);
	mt_rows_reset(stacks->node_rows);
	next = load_frame(stacks, frame, &node->frame);
	if (next < 0)
		return next;
	mt_idmap_put(&stacks->nodes, id, node);
	*ret_node = node;
	return 0;
}

/* The frames of a stack, into the one that is kept. */
static int load_stack(struct mt_stacks *stacks, int64_t id)
{
	struct mt_stack *stack = &stacks->stack;

	stack->id = 0;
	stack->cut = NULL;
	stack->frame_count = 0;
	for (int64_t at = id; at != 0;) {
		struct node *node;
		int error = load_node(stacks, at, &node);

		if (error < 0)
			return error;
		if (stack->frame_count == MT_STACKS_DEPTH_MAX) {
			stack->cut = "depth";
			break;
		}
		stack->frames = mt_memory_grow(stack->frames, stack->frame_count,
		                               &stacks->frame_capacity, sizeof(*stack->frames));
		stack->frames[stack->frame_count++] = node->frame;
		stack->cut = node->cut;
		at = node->parent;
	}
	stack->id = id;
	return 0;
}

static int resolve_frame(struct mt_stacks *stacks, struct mt_frame *frame)
{
	struct mt_symbols symbols = {0};
	int error;

	if (frame->is_resolved)
		return 0;
	frame->is_resolved = true;
	stacks->resolved = mt_memory_grow(stacks->resolved, stacks->resolved_count,
	                                  &stacks->resolved_capacity, sizeof(*stacks->resolved));
	stacks->resolved[stacks->resolved_count++] = frame;
	if (frame->symbols.symbolized >= MT_SYMBOLIZED_NONE) {
		error = load_symbols(stacks, frame);
		if (error < 0)
			return error;
	}
	if (frame->symbols.symbolized == MT_SYMBOLIZED_DWARF)
		return 0;
	/*
	 * Debug information may have been installed, or a missing file come back, since the last
	 * report.
	 */
	if (frame->module)
		mt_symbolizer_resolve(stacks->symbolizer, frame->module, frame->build_id,
		                      frame->offset, &stacks->arena, &symbols);
	else
		symbols.symbolized = MT_SYMBOLIZED_NONE;
	if (symbols.symbolized > frame->symbols.symbolized ||
	    (symbols.symbolized < MT_SYMBOLIZED_NONE &&
	     frame->symbols.symbolized < MT_SYMBOLIZED_NONE &&
	     symbols.symbolized != frame->symbols.symbolized)) {
		frame->symbols = symbols;
		frame->is_new = true;
	}
	return 0;
}

static void make_lines(struct mt_stacks *stacks)
{
	struct mt_stack *stack = &stacks->stack;

	stack->line_count = 0;
	for (size_t i = 0; i < stack->frame_count; i++) {
		const struct mt_frame *frame = stack->frames[i];
		size_t k = 0;

		do {
			const struct mt_symbol *symbol =
			        frame->symbols.count ? &frame->symbols.items[k] : NULL;

			stack->lines =
			        mt_memory_grow(stack->lines, stack->line_count,
			                       &stacks->line_capacity, sizeof(*stack->lines));
			stack->lines[stack->line_count++] = (struct mt_line){frame, symbol};
		} while (++k < frame->symbols.count);
	}
}

int mt_stacks_resolve(struct mt_stacks *stacks, int64_t id, struct mt_stack **ret_stack)
{
	struct mt_stack *stack = &stacks->stack;
	int error = 0;

	/* Blocks of one stack often follow each other. */
	if (stack->id != id || id == 0) {
		error = load_stack(stacks, id);
		for (size_t i = 0; error == 0 && i < stack->frame_count; i++)
			error = resolve_frame(stacks, stack->frames[i]);
		if (error < 0) {
			stack->id = 0;
			return error;
		}
		make_lines(stacks);
	}
	*ret_stack = stack;
	return 0;
}

size_t mt_stacks_count(const struct mt_stacks *stacks, enum mt_symbolized symbolized)
{
	size_t count = 0;

	for (size_t i = 0; i < stacks->resolved_count; i++)
		count += stacks->resolved[i]->symbols.symbolized == symbolized;
	return count;
}
