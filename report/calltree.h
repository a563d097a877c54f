/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * calltree.h - the stacks of a process merged into one tree of functions.
 *
 * Used by cmd_tree.c. A node is a function as reached through the nodes above it; its figure is the
 * sum of all stacks that pass through it. From the outermost function inwards, or in reverse from
 * the allocating one outwards.
 */
#ifndef MT_REPORT_CALLTREE_H
#define MT_REPORT_CALLTREE_H

#include "report/sites.h"
#include "report/stacks.h"

struct mt_callnode {
	struct mt_line line;    /* one of those merged here; of the root: nothing */
	bool has_one_place;     /* all of them have the same file and line */
	int64_t figure;         /* of this and of all below */
	int64_t self;           /* of stacks that end here */
	double figure_variance; /* 0 where they are exact */
	double self_variance;
	struct mt_callnode *children; /* the largest first, once sorted */
	struct mt_callnode *next;     /* sibling */
};

/* Builds the tree into the arena; borrows the stacks. 0 or -errno. */
int mt_calltree_build(struct mt_stacks *stacks, const struct mt_measure *measure,
                      const struct mt_site *sites, size_t count, bool is_reverse,
                      struct mt_arena *arena, struct mt_callnode **ret_root);

#endif
