/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * rss.h - snapshots of resident memory in a file, and their owners, as text and JSON.
 *
 * Used by cmd_rss.c. rss.c reads, rss_text.c and rss_json.c print.
 */
#ifndef MT_REPORT_RSS_H
#define MT_REPORT_RSS_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "report/file.h"
#include "report/stacks.h"
#include "report/table.h"
#include "report/trim.h"

/* Rows of the tables snapshot and resident. */
struct mt_rss_snapshot {
	int64_t id;
	const char *reason;
	int64_t time_ns;
	const char *source;
	bool is_frozen;
	int64_t stopped_ns;
	int64_t smaps_rss_bytes;
	int64_t resident_bytes;
	int64_t unexplained_bytes;
	int64_t pss_bytes;
	int64_t uss_bytes;
	int64_t swap_bytes;
	int64_t hugetlb_bytes;
	int64_t page_table_bytes;
	int64_t peak_rss_bytes;
	int64_t purgeable_bytes;
	int64_t trim_step_bytes;
	int64_t lazy_free_bytes;
	int64_t anon_huge_bytes;
	int64_t live_blocks;
	int64_t live_bytes;
	int64_t process_peak_bytes; /* the most that ever was resident of the process, as far as was seen */
};

/* Which snapshots of a process are meant. */
enum mt_rss_at {
	MT_RSS_LAST,   /* or all of them, where all can be shown */
	MT_RSS_ASKED,  /* the last that was asked for */
	MT_RSS_EXIT,   /* that of its end */
	MT_RSS_PEAK,   /* that in which most was resident */
	MT_RSS_NUMBER, /* the one with this number */
};

struct mt_rss_report {
	struct mt_file file;
	struct mt_stacks *stacks;
	size_t limit; /* 0: none */
	enum mt_rss_at at;
	int64_t number;   /* of MT_RSS_NUMBER */
	int64_t only_pid; /* 0: all */
	bool found;
};

/* --at=peak|exit|N of a call, into report->at. MT_EXIT_FINE, or MT_EXIT_USAGE after having said what is wrong. */
int mt_rss_parse_at(const struct mt_call *call, struct mt_rss_report *report);

/* Says that what was meant is not there; returns MT_EXIT_CANNOT. */
int mt_rss_say_none(const struct mt_rss_report *report, const struct mt_call *call);

/*
 * The snapshots of a process that are to be shown; with `is_all` and MT_RSS_LAST all of them, else one at most. Give back
 * with free(). 0 or -errno.
 */
int mt_rss_read(struct mt_rss_report *report, const struct mt_process *process, bool is_all,
                struct mt_rss_snapshot **ret_snapshots, size_t *ret_count);

/* A question about the owners of a snapshot, which is its ?1. */
int mt_rss_ask(struct mt_rss_report *report, const char *sql, int64_t snapshot,
               struct mt_rows **ret_rows);

/* rss_growth.c: for whom free pages of heaps were taken, and the blocks that pin them. 0 or -errno. */
int mt_rss_print_growth(struct mt_rss_report *report, const struct mt_rss_snapshot *snapshot);
int mt_rss_pins_json(struct mt_rss_report *report, int64_t snapshot, json_t *ret_pins);

/* Three cells of a row: the function of a stack, where it is, and what called it. */
void mt_rss_put_stack(struct mt_arena *arena, const struct mt_trim *trim, struct mt_value *row);

/* What a kind of owner, or of mapping, is, for a person. */
const char *mt_rss_describe(const char *kind);

/* What is to be shown of all processes; sets report->found. 0 or -errno. */
int mt_rss_print_text(struct mt_rss_report *report);
int mt_rss_print_json(struct mt_rss_report *report);

#endif
