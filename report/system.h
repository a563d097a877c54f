/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * system.h - the machine's memory on one page: sections of figures, and what to make of them.
 *
 * Used by cmd_system.c and system_file.c. system_sections.c, system_rates.c and system_process.c fill the page from host/,
 * findings.c judges, system_text.c and system_json.c print. Each figure says where it comes from: that is what --explain shows.
 */
#ifndef MT_REPORT_SYSTEM_H
#define MT_REPORT_SYSTEM_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "host/machine.h"
#include "report/command.h"
#include "report/memory.h"
#include "report/table.h"

enum mt_unit {
	MT_UNIT_BYTES,
	MT_UNIT_COUNT,
	MT_UNIT_SHARE,
	MT_UNIT_WORD,
	MT_UNIT_RATE,       /* in a second */
	MT_UNIT_BYTES_RATE, /* in a second; may be below 0 */
};

/* A figure, or a word. */
struct mt_figure_line {
	const char *key;   /* of JSON */
	const char *label; /* for a person */
	enum mt_unit unit;
	bool is_known;
	uint64_t value; /* a share in 1/100 % */
	const char *word;
	const char *source;  /* "/proc/meminfo MemAvailable" */
	const char *meaning; /* one short sentence */
};

struct mt_section {
	const char *key;
	const char *title;
	struct mt_figure_line *lines;
	size_t count;
	size_t capacity;
	bool has_table;
	struct mt_table table;    /* rows of equal things: zones, caches, processes */
	const char *table_source; /* where its rows come from, and what its columns mean */
	const char *missing; /* why there is less than there could be; NULL: nothing is missing */
};

enum mt_severity {
	MT_FINDING_NOTE, /* good to know; nothing to do */
	MT_FINDING_WARNING,
	MT_FINDING_ALARM,
};

enum mt_kills { MT_KILLS_NOBODY, MT_KILLS_IN_GROUP, MT_KILLS_ANYBODY };

struct mt_finding {
	enum mt_severity severity;
	const char *text;   /* in plain words, with the figure */
	const char *advice; /* what to do; NULL: nothing */
	const char *source;
	enum mt_kills kills; /* whom the kernel would kill for it */
};

#define MT_SECTIONS_MAX 16u

struct mt_page {
	const char *title; /* whose moment this is; NULL: this machine, now */
	struct mt_section sections[MT_SECTIONS_MAX];
	size_t count;
	struct mt_finding *findings; /* the worst first */
	size_t finding_count;
	size_t finding_capacity;
	struct mt_arena arena;
};

/* What two readings of a machine, some time apart, say; events and bytes a second. */
struct mt_rates {
	uint64_t elapsed_ns; /* 0: there was one reading only */
	bool has_counters;
	double faults;
	double major_faults;
	double swap_in;  /* bytes */
	double swap_out; /* bytes */
	double scanned;  /* bytes */
	double stolen;   /* bytes */
	double direct;   /* of the scanned: by tasks that had to wait */
	double compact_stalls;
	double oom_kills;
	bool has_process;
	double process_growth;              /* bytes, resident and swapped */
	double group_growth[MT_GROUPS_MAX]; /* bytes, of each of its control groups */
};

struct mt_rates mt_rates_between(const struct mt_machine *before, const struct mt_machine *after,
                                 uint64_t elapsed_ns);

/* Rates as lines; those beside a process have its own figures in place of some of the machine's. */
void mt_rates_print_head(bool has_process);
void mt_rates_print_line(const struct mt_machine *machine, const struct mt_rates *rates);

void mt_page_fill(struct mt_page *page, const struct mt_machine *machine,
                  const struct mt_rates *rates);

/* Adds the findings, the worst first; none: nothing is tight. */
void mt_page_judge(struct mt_page *page, const struct mt_machine *machine,
                   const struct mt_rates *rates);

/* How it is wanted. */
struct mt_system_how {
	bool is_json;
	bool is_explained; /* sources in place of meanings */
	bool is_raw; /* every line of the kernel's files that are a name and a number a line */
};

void mt_page_print_text(struct mt_page *page, const struct mt_machine *machine,
                        const struct mt_system_how *how);
json_t *mt_page_json(struct mt_page *page, const struct mt_machine *machine, bool is_raw);

/* system_file.c: the page at snapshots of the file that a call names. The exit status. */
int mt_system_report_file(const struct mt_call *call, const struct mt_system_how *how);

void mt_page_free(struct mt_page *page);

#endif
