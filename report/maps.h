/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * maps.h - the mappings of a process, of now or of a snapshot, as text, JSON and CSV.
 *
 * Used by cmd_maps.c. maps.c knows the figures, maps_file.c reads a snapshot, maps_text.c and maps_rows.c print.
 */
#ifndef MT_REPORT_MAPS_H
#define MT_REPORT_MAPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/smaps.h"
#include "report/memory.h"
#include "report/table.h"

enum mt_figure_type { MT_FIGURE_FIELD, MT_FIGURE_DIRTY, MT_FIGURE_UNIQUE };

/* A column of bytes, or of a plain number, in the order of every listing. */
struct mt_figure {
	const char *key;   /* of JSON and CSV */
	const char *title; /* of --wide: the kernel's word */
	const char *brief; /* of the short listing; NULL: not there */
	enum mt_column_type type;
	enum mt_figure_type from;
	enum mt_smaps_field field; /* also of the other two: they are there when this one is */
};

#define MT_FIGURES 26u
extern const struct mt_figure mt_figures[MT_FIGURES];

uint64_t mt_figure_of(const struct mt_figure *figure, const struct mt_vma *vma);

/* By a word of --sort: "rss", "Rss", "rss_bytes". NULL: there is none. */
const struct mt_figure *mt_figure_find(const char *word);

/* Who owns resident bytes of a mapping; of each kind, the largest one is named. */
struct mt_maps_owner {
	const char *kind; /* see the table owner */
	uint64_t bytes;   /* of the kind */
	const char *
	        whose; /* the function or the thread that has the most of it; NULL: nobody, or not known */
};

/* Of a mapping, the most first. */
struct mt_maps_owners {
	struct mt_maps_owner *rows;
	size_t count;
};

struct mt_maps {
	pid_t pid;
	const char *command;
	struct mt_smaps smaps;
	struct mt_maps_owners
	        *owners;       /* by the mapping's place in smaps; NULL: of now, by /proc alone */
	struct mt_vma **order; /* as it is to be listed */
	size_t limit;          /* 0: none */
	struct mt_arena arena;
};

/* A row of sums: of a kind, or of everything. */
struct mt_maps_sum {
	const char *name;
	uint64_t mappings;
	uint64_t figures[MT_FIGURES];
	uint64_t writable_private_bytes;
	uint64_t shared_bytes;
};

/* By kind of mapping, MT_VMA_KIND_COUNT of them, and behind them the sum of all. */
void mt_maps_sum(const struct mt_maps *maps, struct mt_maps_sum sums[MT_VMA_KIND_COUNT + 1]);

/* "live 61 %, mt_push; slack 30 %"; NULL where the mapping's kind says all of it. */
const char *mt_maps_owners_text(struct mt_arena *arena, const struct mt_maps *maps,
                                const struct mt_vma *vma);

enum mt_maps_layout { MT_MAPS_LIST, MT_MAPS_WIDE, MT_MAPS_SUMMARY };

void mt_maps_print_text(struct mt_maps *maps, enum mt_maps_layout layout);
void mt_maps_print_rows(struct mt_maps *maps, bool is_json); /* else CSV */

#endif
