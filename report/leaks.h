/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * leaks.h - the leaks of a process: read, and written in the formats for programs.
 *
 * Used by cmd_leaks.c, which has the one for people. A leak here is a site and a class with all its
 * blocks, as the view `leak` has them.
 */
#ifndef MT_REPORT_LEAKS_H
#define MT_REPORT_LEAKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "report/file.h"
#include "report/stacks.h"

struct mt_leak {
	int64_t stack;
	const char *class;
	int64_t blocks;
	int64_t bytes;
	int64_t first_ns; /* the oldest block's birth, and the youngest's */
	int64_t last_ns;
	int64_t samples; /* the blocks in the file: in a sampled session, fewer */
	double blocks_variance;
	double bytes_variance;
};

/* What one process left, the largest first. */
struct mt_leaks {
	struct mt_leak *items;
	size_t count;
	size_t capacity;
	int64_t blocks;
	int64_t bytes;
	int64_t samples;
	double blocks_variance;
	double bytes_variance;
	bool is_classified; /* some class is known */
};

/* 0 or -errno; give back with mt_leaks_free, also after an error. */
int mt_leaks_read(struct mt_file *file, const struct mt_process *process,
                  struct mt_leaks *ret_leaks);
void mt_leaks_free(struct mt_leaks *leaks);

/*
 * True when nothing left would mean that nothing leaked: the end was seen, its blocks are in the
 * file, no event was lost, and tracing was on for all blocks and all of the time.
 */
bool mt_leaks_are_measured(const struct mt_file *file, const struct mt_process *process);

/* leaks_formats.c: all of the file's processes. 0 or -errno. */
int mt_leaks_print_json(struct mt_file *file, struct mt_stacks *stacks);
int mt_leaks_print_csv(struct mt_file *file, struct mt_stacks *stacks);

/* The listing of mtrace(1), a line for each block. */
int mt_leaks_print_mtrace(struct mt_file *file, struct mt_stacks *stacks);

/* One line on a process that has no leaks to list: none, or not measured, and why. */
void mt_leaks_print_none(struct mt_file *file, const struct mt_process *process);

#endif
