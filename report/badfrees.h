/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * badfrees.h - the frees of a process that were wrong, each with what is known of its block.
 *
 * Used by `memtrace info`.
 */
#ifndef MT_REPORT_BADFREES_H
#define MT_REPORT_BADFREES_H

#include <jansson.h>
#include <stdbool.h>

#include "report/file.h"
#include "report/stacks.h"

struct mt_badfrees; /* a list, equal ones together */

/* Reads those of a process; *ret_list is NULL where there are none. 0 or -errno. Give back with mt_badfrees_free(). */
int mt_badfrees_read(struct mt_file *file, const struct mt_process *process,
                     struct mt_badfrees **ret_list);
void mt_badfrees_free(struct mt_badfrees *list);

/* "2 double, 1 of an unknown address, 3 mismatched"; of all that were kept. */
const char *mt_badfrees_sum(struct mt_arena *arena, const struct mt_badfrees *list);

/* Each with its stacks, as text. 0, or -EBADMSG and the like. */
int mt_badfrees_print(struct mt_badfrees *list, struct mt_stacks *stacks, bool is_coloured);

/* The same as a list of objects; `list` may be NULL. NULL: *ret_error says why. */
json_t *mt_badfrees_json(struct mt_badfrees *list, struct mt_stacks *stacks, int *ret_error);

#endif
