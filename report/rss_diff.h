/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * rss_diff.h - what has changed between two snapshots of resident memory, by owner.
 *
 * Used by cmd_rss.c. The changes add up to the change of what is resident.
 */
#ifndef MT_REPORT_RSS_DIFF_H
#define MT_REPORT_RSS_DIFF_H

#include "report/file.h"
#include "report/stacks.h"

/*
 * As text, at most `limit` rows a list (0: all), or as JSON. 0, or -errno; -ENOENT: there is no snapshot `from` or `to`
 * of resident memory.
 */
int mt_rss_diff_print(struct mt_file *file, struct mt_stacks *stacks, int64_t from, int64_t to,
                      size_t limit, bool is_json);

#endif
