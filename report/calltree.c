/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * calltree.c - see calltree.h.
 */
#include "report/calltree.h"

#include <stdlib.h>
#include <string.h>

#include "report/trim.h"

static bool is_same_text(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

static const char *function_of(const struct mt_line *line)
{
	return line->symbol ? line->symbol->function : NULL;
}

/* The same function: by its name and module, or by its address where it has no name. */
static bool is_same_function(const struct mt_line *a, const struct mt_line *b)
{
	if (a->frame == b->frame && a->symbol == b->symbol)
		return true;
	if (!function_of(a) && !function_of(b))
		return a->frame->offset == b->frame->offset &&
		       is_same_text(a->frame->module, b->frame->module);
	return is_same_text(function_of(a), function_of(b)) &&
	       is_same_text(a->frame->module, b->frame->module);
}

static bool is_same_place(const struct mt_line *a, const struct mt_line *b)
{
	const struct mt_symbol *x = a->symbol, *y = b->symbol;

	return x == y || (x && y && x->line == y->line && is_same_text(x->file, y->file));
}

static struct mt_callnode *enter(struct mt_callnode *parent, const struct mt_line *line,
                                 struct mt_arena *arena)
{
	struct mt_callnode *node;

	for (node = parent->children; node; node = node->next) {
		if (!is_same_function(&node->line, line))
			continue;
		if (!is_same_place(&node->line, line))
			node->has_one_place = false;
		return node;
	}
	node = mt_arena_take(arena, 1, sizeof(*node));
	node->line = *line;
	node->has_one_place = true;
	node->next = parent->children;
	parent->children = node;
	return node;
}

static int compare(const void *left, const void *right)
{
	const struct mt_callnode *a = *(struct mt_callnode *const *)left;
	const struct mt_callnode *b = *(struct mt_callnode *const *)right;
	const char *x, *y;

	if (a->figure != b->figure)
		return a->figure > b->figure ? -1 : 1;
	x = function_of(&a->line);
	y = function_of(&b->line);
	if (x && y && strcmp(x, y) != 0)
		return strcmp(x, y);
	if (!x != !y)
		return x ? -1 : 1;
	return a->line.frame->offset < b->line.frame->offset ? -1 : 1;
}

static void sort(struct mt_callnode *parent)
{
	struct mt_callnode **nodes;
	size_t count = 0, i = 0;

	for (struct mt_callnode *node = parent->children; node; node = node->next)
		count++;
	if (count == 0)
		return;
	nodes = mt_memory_new(count, sizeof(struct mt_callnode *));
	for (struct mt_callnode *node = parent->children; node; node = node->next)
		nodes[i++] = node;
	qsort(nodes, count, sizeof(struct mt_callnode *), compare);
	parent->children = nodes[0];
	for (i = 0; i < count; i++)
		nodes[i]->next = i + 1 < count ? nodes[i + 1] : NULL;
	free(nodes);
	for (struct mt_callnode *node = parent->children; node; node = node->next)
		sort(node);
}

static void count(struct mt_callnode *node, int64_t figure, double variance)
{
	node->figure = mt_sites_add(node->figure, figure);
	node->figure_variance += variance;
}

static void add(struct mt_callnode *root, const struct mt_trim *trim, int64_t figure,
                double variance, bool is_reverse, struct mt_arena *arena)
{
	struct mt_callnode *node = root;

	count(node, figure, variance);
	for (size_t i = 0; i < trim->count; i++) {
		size_t at = is_reverse ? i : trim->count - 1 - i;

		node = enter(node, &trim->lines[at], arena);
		count(node, figure, variance);
	}
	node->self = mt_sites_add(node->self, figure);
	node->self_variance += variance;
}

int mt_calltree_build(struct mt_stacks *stacks, const struct mt_measure *measure,
                      const struct mt_site *sites, size_t count, bool is_reverse,
                      struct mt_arena *arena, struct mt_callnode **ret_root)
{
	struct mt_callnode *root = mt_arena_take(arena, 1, sizeof(*root));

	for (size_t i = 0; i < count; i++) {
		struct mt_stack *stack;
		struct mt_trim trim;
		int error = mt_stacks_resolve(stacks, sites[i].stack, &stack);

		if (error < 0)
			return error;
		trim = mt_trim_all(stack);
		add(root, &trim, mt_measure_of(measure, &sites[i]),
		    mt_measure_variance(measure, &sites[i]), is_reverse, arena);
	}
	sort(root);
	*ret_root = root;
	return 0;
}
