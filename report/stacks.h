/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * stacks.h - the stacks of a file: read, resolved, and what was resolved kept in the file.
 *
 * Used by every command that shows a stack. Nothing is read or resolved before it is asked for.
 */
#ifndef MT_REPORT_STACKS_H
#define MT_REPORT_STACKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "report/file.h"
#include "report/symbolize.h"

/*
 * The tree of stacks may have a circle in a damaged file: no stack is followed further than this.
 */
#define MT_STACKS_DEPTH_MAX 1024u

struct mt_frame {
	int64_t id;
	const char *module; /* path; NULL: in no module */
	const char *build_id;
	uint64_t offset; /* in the module; without one, the address */
	struct mt_symbols symbols;
	bool is_resolved; /* all was tried that this report can try */
	bool is_new;      /* better than what stands in the file */
};

/*
 * One function of a stack: a frame has as many as were inlined there, and one when nothing is
 * known.
 */
struct mt_line {
	const struct mt_frame *frame;
	const struct mt_symbol *symbol; /* NULL: nothing known */
};

/* Borrowed until the next one is asked for; what its lines point to, until mt_stacks_close. */
struct mt_stack {
	int64_t id;
	struct mt_frame **frames; /* innermost first */
	size_t frame_count;
	const char *cut;       /* why the walk ended before the end; NULL: it did not */
	struct mt_line *lines; /* of a resolved stack, innermost first */
	size_t line_count;
};

struct mt_stacks;

struct mt_stacks *mt_stacks_open(struct mt_file *file);

/* Keeps in the file what is new, if the file lets itself be written; takes the stacks. */
void mt_stacks_close(struct mt_stacks *stacks);

/* A stack by its id, its frames resolved and its lines made. 0, or -EBADMSG and the like. */
int mt_stacks_resolve(struct mt_stacks *stacks, int64_t id, struct mt_stack **ret_stack);

/*
 * How many frames of those resolved so far could not be, because their file has changed or is
 * missing.
 */
size_t mt_stacks_count(const struct mt_stacks *stacks, enum mt_symbolized symbolized);

#endif
