/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * cmd_pages.c - memtrace pages: from addresses of a process to page frames of the machine.
 */
#include <errno.h>
#include <fnmatch.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/units.h"
#include "host/frames.h"
#include "host/lines.h"
#include "report/arguments.h"
#include "report/commands.h"
#include "report/json.h"
#include "report/pid.h"
#include "report/say.h"
#include "report/table.h"
#include "report/text.h"

#define LIMIT_DEFAULT 100

struct pages {
	pid_t pid;
	uint64_t page_bytes;
	struct mt_frames frames;
	char *iomem; /* NULL: cannot be read */
	size_t limit;
	bool is_cut; /* there are more */
};

/* ---- What is asked for ---- */

/* "7f00", "0x7f00", "7f00-7fff", "7f00+4096" */
static int parse_range(const char *text, uint64_t page_bytes, uint64_t *ret_start,
                       uint64_t *ret_end)
{
	char *end;
	uint64_t start, last;

	errno = 0;
	start = strtoull(text, &end, 16);
	last = start + 1;
	if (end == text || errno)
		return -EINVAL;
	if (*end == '-') {
		const char *second = end + 1;

		last = strtoull(second, &end, 16);
		if (end == second)
			return -EINVAL;
	}
	if (*end || errno || last <= start)
		return -EINVAL;
	*ret_start = start / page_bytes * page_bytes;
	*ret_end = (last + page_bytes - 1) / page_bytes * page_bytes;
	return 0;
}

static int add_range(struct pages *pages, uint64_t start, uint64_t end)
{
	uint64_t next;
	int r = mt_frames_add("", pages->pid, start, end, pages->page_bytes,
	                      pages->limit ? pages->limit : SIZE_MAX, &pages->frames, &next);

	if (r == 0 && next < end && pages->limit && pages->frames.count == pages->limit)
		pages->is_cut = true;
	return r;
}

/* The mappings whose name is the pattern: "[heap]", "*libc.so*", and "" those without one. */
static int add_mappings(struct pages *pages, const char *pattern)
{
	MT_CLEANUP_FREE char *command = NULL;
	struct mt_smaps smaps;
	bool is_found = false;
	int status = mt_pid_read_smaps(pages->pid, &smaps, &command);
	int r = 0;

	if (status != MT_EXIT_FINE)
		return status;
	for (size_t i = 0; i < smaps.count && r == 0; i++) {
		const struct mt_vma *vma = &smaps.vmas[i];

		/* "[" is not the start of a set: the kernel's names have it */
		if (strcmp(pattern, vma->path) != 0 && fnmatch(pattern, vma->path, 0) != 0)
			continue;
		is_found = true;
		r = add_range(pages, vma->start, vma->end);
	}
	mt_smaps_free(&smaps);
	if (!is_found) {
		mt_say("--vma=%s: process %d has no such mapping; memtrace maps %d lists them",
		       pattern, (int)pages->pid, (int)pages->pid);
		return MT_EXIT_CANNOT;
	}
	if (r < 0) {
		mt_say("/proc/%d/pagemap: %s", (int)pages->pid, strerror(-r));
		return MT_EXIT_CANNOT;
	}
	return MT_EXIT_FINE;
}

/* ---- Printing ---- */

static const char *state_of(const struct mt_frame_run *run)
{
	if (run->bits & MT_PAGEMAP_PRESENT)
		return run->bits & MT_PAGEMAP_FILE ? "file" : "anonymous";
	if (run->bits & MT_PAGEMAP_SWAPPED)
		return "swapped";
	return run->bits & MT_PAGEMAP_GUARD ? "guard" : "not there";
}

static const char *marks_of(struct mt_arena *arena, const struct mt_frame_run *run)
{
	return mt_arena_print(arena, "%s%s%s", run->bits & MT_PAGEMAP_EXCLUSIVE ? "exclusive " : "",
	                      run->bits & MT_PAGEMAP_SOFT_DIRTY ? "soft-dirty " : "",
	                      run->bits & MT_PAGEMAP_WRITE_PROTECTED ? "write-protected" : "");
}

static struct mt_value number_if(bool is_known, uint64_t number)
{
	return is_known ? mt_value_number((int64_t)number) : mt_value_unknown();
}

static void fill_row(const struct pages *pages, struct mt_arena *arena,
                     const struct mt_frame_run *run, struct mt_value *row)
{
	char text[256] = "";
	bool is_swapped = run->bits & MT_PAGEMAP_SWAPPED;

	row[0] = mt_value_text(mt_arena_print(arena, "%" PRIx64, run->start));
	row[1] = mt_value_number((int64_t)run->pages);
	row[2] = mt_value_text(state_of(run));
	row[3] = mt_value_text(marks_of(arena, run));
	row[4] = run->frame == MT_FRAME_UNKNOWN
	                 ? mt_value_unknown()
	                 : mt_value_text(mt_arena_print(arena, "%" PRIx64, run->frame));
	row[5] = number_if(run->mapped != MT_FRAME_UNKNOWN, run->mapped);
	row[6] = number_if(run->node != MT_NODE_UNKNOWN, (uint64_t)run->node);
	if (is_swapped)
		row[7] = mt_value_text(mt_arena_print(arena, "swap %u, offset %" PRIu64,
		                                      run->swap_type, run->swap_offset));
	else if (run->frame != MT_FRAME_UNKNOWN && pages->iomem) {
		mt_frame_range_name(pages->iomem, run->frame * pages->page_bytes, text,
		                    sizeof(text));
		row[7] = mt_value_text(mt_text_clean(arena, mt_arena_text(arena, text)));
	}
	if (run->has_flags) {
		mt_frame_flags_text(run->flags, text, sizeof(text));
		row[8] = mt_value_text(mt_arena_text(arena, text));
	}
}

static const struct mt_column columns[] = {
        {"address", "address", MT_COLUMN_TEXT_RIGHT}, {"pages", "pages", MT_COLUMN_COUNT},
        {"state", "state", MT_COLUMN_TEXT},           {"marks", "marks", MT_COLUMN_TEXT},
        {"frame", "frame", MT_COLUMN_TEXT_RIGHT},     {"mapped", "mapped", MT_COLUMN_COUNT},
        {"node", "node", MT_COLUMN_NUMBER},           {"place", "where", MT_COLUMN_TEXT},
        {"flags", "flags", MT_COLUMN_TEXT},
};

static int by_kind(const void *left, const void *right)
{
	const struct mt_frame_run *a = left, *b = right;

	if (a->bits != b->bits)
		return a->bits > b->bits ? -1 : 1;
	return (a->flags < b->flags) - (a->flags > b->flags);
}

static void fill_summary(struct pages *pages, struct mt_table *table)
{
	struct mt_frames *frames = &pages->frames;
	size_t kept = 0;

	if (frames->count == 0)
		return;
	qsort(frames->runs, frames->count, sizeof(*frames->runs), by_kind);
	for (size_t i = 1; i < frames->count; i++) {
		if (by_kind(&frames->runs[kept], &frames->runs[i]) == 0)
			frames->runs[kept].pages += frames->runs[i].pages;
		else
			frames->runs[++kept] = frames->runs[i];
	}
	for (size_t i = 0; i <= kept; i++) {
		const struct mt_frame_run *run = &frames->runs[i];
		struct mt_value *row = mt_table_add(table);
		char text[256] = "";

		row[0] = mt_value_number((int64_t)run->pages);
		row[1] = mt_value_number((int64_t)(run->pages * pages->page_bytes));
		row[2] = mt_value_text(state_of(run));
		row[3] = mt_value_text(marks_of(&table->arena, run));
		if (run->has_flags) {
			mt_frame_flags_text(run->flags, text, sizeof(text));
			row[4] = mt_value_text(mt_arena_text(&table->arena, text));
		}
	}
}

/* Which right is missing, and what it hides. */
static void say_missing(const struct pages *pages)
{
	const struct mt_frames *frames = &pages->frames;

	if (frames->frames_hidden)
		puts("\nframe numbers, and what the kernel says of them, need CAP_SYS_ADMIN "
		     "(root)");
	else if (frames->counts_error || frames->flags_error)
		printf("\n/proc/kpagecount, /proc/kpageflags: %s\n",
		       strerror(frames->counts_error ? -frames->counts_error
		                                     : -frames->flags_error));
	if (frames->nodes_error)
		printf("\nnodes: %s\n", strerror(-frames->nodes_error));
	if (pages->is_cut)
		printf("\nand more (--limit=0 shows all)\n");
}

static int print_pages(const struct mt_call *call, struct pages *pages)
{
	static const struct mt_column summary_columns[] = {
	        {"pages", "pages", MT_COLUMN_COUNT}, {"bytes", "bytes", MT_COLUMN_BYTES},
	        {"state", "state", MT_COLUMN_TEXT},  {"marks", "marks", MT_COLUMN_TEXT},
	        {"flags", "flags", MT_COLUMN_TEXT},
	};
	bool is_summary = mt_arguments_has(call, "summary");
	struct mt_table table;

	mt_table_init(&table, is_summary ? summary_columns : columns, is_summary ? 5 : 9);
	if (is_summary)
		fill_summary(pages, &table);
	else
		for (size_t i = 0; i < pages->frames.count; i++)
			fill_row(pages, &table.arena, &pages->frames.runs[i], mt_table_add(&table));
	switch (mt_arguments_format(call)) {
	case MT_FORMAT_CSV: mt_table_print_csv(&table, stdout); break;
	case MT_FORMAT_JSON: mt_json_print(mt_table_json(&table)); break;
	case MT_FORMAT_TEXT:
		mt_table_print_text(&table, 0, stdout);
		say_missing(pages);
		break;
	}
	mt_table_free(&table);
	return MT_EXIT_FINE;
}

static int run(const struct mt_call *call)
{
	const char *pattern = mt_arguments_value(call, "vma");
	bool is_text = mt_arguments_format(call) == MT_FORMAT_TEXT;
	struct pages pages = {.page_bytes = (uint64_t)sysconf(_SC_PAGESIZE)};
	uint64_t start, end;
	int status = mt_pid_parse(call->operands[0], &pages.pid);
	int r;

	if (status != MT_EXIT_FINE)
		return status;
	if ((call->operand_count == 2) == (pattern != NULL)) {
		mt_say("give an address, a range START-END of them, or --vma=PATTERN");
		return MT_EXIT_USAGE;
	}
	pages.limit = (size_t)mt_arguments_number(
	        call, "limit", is_text && !mt_arguments_has(call, "summary") ? LIMIT_DEFAULT : 0);
	if (mt_lines_read("", "/proc/iomem", &pages.iomem) < 0)
		pages.iomem = NULL;
	if (pattern) {
		status = add_mappings(&pages, pattern);
	} else if (parse_range(call->operands[1], pages.page_bytes, &start, &end) < 0) {
		mt_say("%s: an address is hexadecimal, a range START-END", call->operands[1]);
		status = MT_EXIT_USAGE;
	} else {
		r = add_range(&pages, start, end);
		if (r < 0) {
			mt_say(r == -ENOENT ? "there is no process %d" : "/proc/%d/pagemap: %s",
			       (int)pages.pid, strerror(-r));
			status = MT_EXIT_CANNOT;
		}
	}
	if (status == MT_EXIT_FINE)
		status = print_pages(call, &pages);
	mt_frames_free(&pages.frames);
	free(pages.iomem);
	return status;
}

static const struct mt_flag flags[] = {
        {"vma", 0, MT_FLAG_TEXT, "PATTERN", "all mappings of that name: [heap], '*libc.so*'"},
        {"summary", 0, MT_FLAG_NONE, NULL, "how many pages there are of each kind"},
        {"limit", 'l', MT_FLAG_NUMBER, "COUNT", "at most so many rows (100); 0: all"},
        MT_FLAG_FORMAT,
        MT_FLAGS_END,
};

const struct mt_command mt_cmd_pages = {
        .name = "pages",
        .usage = "[OPTION...] PID [ADDRESS|START-END]",
        .sentence = "from addresses of a process to page frames: present, swapped, whose, where",
        .prose = "A row for each run of pages that are alike: whether they are there, anonymous or "
                 "of a "
                 "file,\n"
                 "mapped by this process alone, soft-dirty; and for root the frame, how many times "
                 "it is "
                 "mapped,\n"
                 "its flags (Documentation/admin-guide/mm/pagemap.rst of Linux), node and range of "
                 "/proc/iomem.\n",
        .flags = flags,
        .min_operands = 1,
        .max_operands = 2,
        .run = run,
};
