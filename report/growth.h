/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * growth.h - whose calls made the anonymous memory of a process grow between two snapshots.
 *
 * Used by cmd_top.c and cmd_tree.c for --by=growth. From snapshot 0, which is the program's start, when nothing was there,
 * to the last one, unless --diff says otherwise. What no call is charged with has rows of its own, so that all rows
 * together are the growth of RssAnon and VmSwap.
 */
#ifndef MT_REPORT_GROWTH_H
#define MT_REPORT_GROWTH_H

#include "report/command.h"
#include "report/file.h"
#include "report/sites.h"
#include "report/stacks.h"

#define MT_GROWTH_WORD "growth"

/* The flag of both commands. */
#define MT_FLAG_GROWTH_DIFF                                                                       \
	{                                                                                         \
		"diff", 0, MT_FLAG_TEXT, "N,M",                                                   \
		        "with --by=growth: from snapshot N to snapshot M (from the start, 0, to " \
		        "the last)"                                                               \
	}

struct mt_growth_row {
	const char *kind; /* of the table anonymous */
	int64_t stack;    /* 0: none */
	int64_t bytes;
};

struct mt_growth_diff {
	int64_t from; /* 0: the start */
	int64_t to;   /* 0: the process has no snapshot, or not these two */
	int64_t bytes;
	struct mt_growth_row *rows; /* those of stacks first, each part the largest first */
	size_t count;
	size_t stack_count; /* rows of stacks */
};

/* What is asked for: from 0 to 0 is from the start to the last. MT_EXIT_FINE, or what is wrong is said. */
int mt_growth_asked(const struct mt_call *call, int64_t *ret_from, int64_t *ret_to);

/* Gives *ret_diff (mt_growth_free()); its words are in the file's arena. 0 or -errno. */
int mt_growth_read(struct mt_file *file, const struct mt_process *process, int64_t from, int64_t to,
                   struct mt_growth_diff *ret_diff);

void mt_growth_free(struct mt_growth_diff *diff);

/* The stacks as sites with their growth, all kinds together; give back with free(). */
struct mt_site *mt_growth_sites(const struct mt_growth_diff *diff, size_t *ret_count);

/* "from the start to snapshot 2", in the arena. */
const char *mt_growth_span(struct mt_arena *arena, const struct mt_growth_diff *diff);

/* What a row without a stack is, for a person. */
const char *mt_growth_describe(const char *kind);

/* No process has the snapshots: says so. Returns MT_EXIT_CANNOT. */
int mt_growth_none(const struct mt_file *file, int64_t from, int64_t to);

/* memtrace top --by=growth. Returns the exit status. */
int mt_growth_top(const struct mt_call *call, size_t limit);

#endif
