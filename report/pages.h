/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * pages.h - pages of a process and their frames, as runs of what is alike.
 *
 * Used by cmd_pages.c, which finds out which are meant; pages.c prints them.
 */
#ifndef MT_REPORT_PAGES_H
#define MT_REPORT_PAGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/smaps.h"
#include "host/frames.h"
#include "report/arguments.h"

struct mt_pages {
	pid_t pid;
	uint64_t page_bytes;
	struct mt_smaps smaps;
	struct mt_frames frames;
	char *iomem;  /* NULL: cannot be read */
	size_t limit; /* SIZE_MAX: none */
	bool is_cut;  /* there are more */
};

/* As text, JSON or CSV; sorts the runs where a summary is wanted. */
void mt_pages_print(struct mt_pages *pages, enum mt_format format, bool is_summary, bool is_wide);

#endif
