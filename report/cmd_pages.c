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
#include "host/lines.h"
#include "report/commands.h"
#include "report/control.h"
#include "report/file.h"
#include "report/pages.h"
#include "report/pid.h"
#include "report/say.h"

#define LIMIT_DEFAULT 100

/* ---- What is asked for ---- */

/* "7f00", "0x7f00", "7f00-7fff" */
static int parse_range(const char *text, uint64_t page_bytes, uint64_t *ret_start,
                       uint64_t *ret_end)
{
	char *end;
	uint64_t start, last;

	errno = 0;
	start = strtoull(text, &end, 16);
	if (*text == '-' || end == text || errno || start > UINT64_MAX - page_bytes)
		return -EINVAL;
	last = start + 1;
	if (*end == '-') {
		const char *second = end + 1;

		last = strtoull(second, &end, 16);
		if (*second == '-' || end == second || last > UINT64_MAX - page_bytes)
			return -EINVAL;
	}
	if (*end || errno || last <= start)
		return -EINVAL;
	*ret_start = start / page_bytes * page_bytes;
	*ret_end = (last + page_bytes - 1) / page_bytes * page_bytes;
	return 0;
}

static int add_mapped(struct mt_pages *pages, uint64_t start, uint64_t end)
{
	uint64_t next;
	int r = mt_frames_add("", pages->pid, start, end, pages->page_bytes, pages->limit,
	                      &pages->frames, &next);

	if (r == 0 && next < end && pages->frames.count == pages->limit)
		pages->is_cut = true;
	return r;
}

/* The mappings in a range, and what is between them. */
static int add_range(struct mt_pages *pages, uint64_t start, uint64_t end)
{
	int r = 0;

	for (size_t i = 0; i < pages->smaps.count && r == 0 && start < end; i++) {
		const struct mt_vma *vma = &pages->smaps.vmas[i];
		uint64_t from = vma->start > start ? vma->start : start;
		uint64_t to = vma->end < end ? vma->end : end;

		if (from >= to)
			continue;
		r = mt_frames_add_unmapped(start, from, pages->page_bytes, pages->limit,
		                           &pages->frames);
		if (r == 0)
			r = add_mapped(pages, from, to);
		start = to;
	}
	return r < 0 ? r
	             : mt_frames_add_unmapped(start, end, pages->page_bytes, pages->limit,
	                                      &pages->frames);
}

static int say_why(const struct mt_pages *pages, int error)
{
	if (error == -ENOENT || error == -ESRCH)
		mt_say("process %d has just ended", (int)pages->pid);
	else
		mt_say("/proc/%d/pagemap: %s", (int)pages->pid, strerror(-error));
	return MT_EXIT_CANNOT;
}

static int add_address(struct mt_pages *pages, const char *text)
{
	uint64_t start, end;
	int r;

	if (parse_range(text, pages->page_bytes, &start, &end) < 0) {
		mt_say("%s: an address is hexadecimal, a range START-END", text);
		return MT_EXIT_USAGE;
	}
	r = add_range(pages, start, end);
	return r < 0 ? say_why(pages, r) : MT_EXIT_FINE;
}

/* The mappings whose name is the pattern: "[heap]", "*libc.so*", and "" those without one. */
static int add_mappings(struct mt_pages *pages, const char *pattern)
{
	bool is_found = false;
	int r = 0;

	for (size_t i = 0; i < pages->smaps.count && r == 0; i++) {
		const struct mt_vma *vma = &pages->smaps.vmas[i];

		/* "[" is not the start of a set: the kernel's names have it */
		if (!strstr(vma->path, pattern) && fnmatch(pattern, vma->path, 0) != 0)
			continue;
		is_found = true;
		r = add_mapped(pages, vma->start, vma->end);
	}
	if (r < 0)
		return say_why(pages, r);
	if (is_found)
		return MT_EXIT_FINE;
	mt_say("--vma=%s: process %d has no such mapping; memtrace maps %d lists them", pattern,
	       (int)pages->pid, (int)pages->pid);
	return MT_EXIT_CANNOT;
}

/* ---- The blocks of a call site ---- */

/* Of the last snapshot that has any of them. */
static const char blocks_sql[] =
        "SELECT addr, size_bytes FROM block WHERE stack = ?1 AND snapshot ="
        " (SELECT max(snapshot.id) FROM snapshot JOIN process ON process.id = snapshot.process"
        " WHERE process.pid = ?2 AND snapshot.reason = 'asked') ORDER BY addr";

/* Pages that two blocks share are listed once. */
static int add_blocks(struct mt_pages *pages, struct mt_rows *rows, size_t *ret_count)
{
	uint64_t page_bytes = pages->page_bytes, done = 0;
	int next;

	while ((next = mt_rows_next(rows)) == 1) {
		uint64_t addr = (uint64_t)mt_rows_integer(rows, 0);
		uint64_t bytes = (uint64_t)mt_rows_integer(rows, 1), start, end;
		int r;

		++*ret_count;
		if (addr > UINT64_MAX / 2 || bytes > UINT64_MAX / 4)
			continue;
		start = addr / page_bytes * page_bytes;
		end = (addr + (bytes ? bytes : 1) + page_bytes - 1) / page_bytes * page_bytes;
		if (start < done)
			start = done;
		if (start >= end)
			continue;
		r = add_range(pages, start, end);
		if (r < 0)
			return r;
		done = end;
	}
	return next;
}

static int add_site(struct mt_pages *pages, const char *site)
{
	struct mt_answer answer;
	char *operands[] = {answer.output, NULL};
	struct mt_call call = {.operands = operands, .operand_count = 1};
	static const struct mt_flag none[] = {MT_FLAGS_END};
	const struct mt_command command = {.name = "pages", .flags = none};
	struct mt_file file;
	struct mt_rows *rows;
	size_t count = 0;
	char *end;
	long long number = strtoll(site, &end, 10);
	int r, status;

	if (*end || end == site || number <= 0 || number > UINT32_MAX) {
		mt_say("--site=%s: give the number of a site, as \"site\" in memtrace rss "
		       "--format=json",
		       site);
		return MT_EXIT_USAGE;
	}
	status = mt_control_ask(pages->pid, MT_CONTROL_BLOCKS, site, &answer);
	if (status != MT_EXIT_FINE)
		return status;
	call.command = &command;
	status = mt_file_open(&call, &file);
	if (status != MT_EXIT_FINE)
		return status;
	r = mt_rows_open(file.reader, blocks_sql, &rows, NULL);
	if (r == 0) {
		mt_rows_bind(rows, 1, number);
		mt_rows_bind(rows, 2, pages->pid);
		r = add_blocks(pages, rows, &count);
		mt_rows_close(rows);
	}
	if (r < 0) {
		status = mt_file_say_error(&file, r);
	} else if (count == 0) {
		mt_say("--site=%s: process %d has no live blocks of such a site", site,
		       (int)pages->pid);
		status = MT_EXIT_CANNOT;
	}
	mt_file_close(&file);
	return status;
}

/* ---- The command ---- */

static int find(const struct mt_call *call, struct mt_pages *pages)
{
	const char *pattern = mt_arguments_value(call, "vma");
	const char *site = mt_arguments_value(call, "site");

	if (pattern)
		return add_mappings(pages, pattern);
	return site ? add_site(pages, site) : add_address(pages, call->operands[1]);
}

static int run(const struct mt_call *call)
{
	bool is_summary = mt_arguments_has(call, "summary");
	bool is_text = mt_arguments_format(call) == MT_FORMAT_TEXT;
	struct mt_pages pages = {.page_bytes = (uint64_t)sysconf(_SC_PAGESIZE)};
	int64_t limit =
	        mt_arguments_number(call, "limit", is_text && !is_summary ? LIMIT_DEFAULT : 0);
	MT_CLEANUP_FREE char *command = NULL;
	int status = mt_pid_parse(call->operands[0], &pages.pid);

	if (status != MT_EXIT_FINE)
		return status;
	if ((call->operand_count == 2) + mt_arguments_has(call, "vma") +
	            mt_arguments_has(call, "site") !=
	    1) {
		mt_say("give an address, a range START-END of them, --vma=PATTERN or --site=ID");
		return MT_EXIT_USAGE;
	}
	pages.limit = limit > 0 ? (size_t)limit : SIZE_MAX;
	status = mt_pid_read_smaps(pages.pid, &pages.smaps, &command);
	if (status != MT_EXIT_FINE)
		return status;
	if (mt_lines_read("", "/proc/iomem", &pages.iomem) < 0)
		pages.iomem = NULL;
	status = find(call, &pages);
	if (status == MT_EXIT_FINE)
		mt_pages_print(&pages, mt_arguments_format(call), is_summary,
		               mt_arguments_has(call, "wide"));
	mt_smaps_free(&pages.smaps);
	mt_frames_free(&pages.frames);
	free(pages.iomem);
	return status;
}

static const struct mt_flag flags[] = {
        {"vma", 0, MT_FLAG_TEXT, "PATTERN",
         "all mappings with that in their name: heap, libc.so; or '/usr/*.so*'"},
        {"site", 0, MT_FLAG_TEXT, "ID",
         "the live blocks of a call site of a traced process; ID: \"site\" of rss --format=json"},
        {"summary", 0, MT_FLAG_NONE, NULL, "how many pages there are of each kind"},
        {"wide", 0, MT_FLAG_NONE, NULL, "also the flags of frames, and where they are"},
        {"limit", 'l', MT_FLAG_NUMBER, "COUNT", "at most so many rows (100); 0: all"},
        MT_FLAG_FORMAT,
        MT_FLAGS_END,
};

const struct mt_command mt_cmd_pages = {
        .name = "pages",
        .usage = "[OPTION...] PID [ADDRESS|START-END]",
        .sentence = "from addresses of a process to page frames: present, swapped, whose, where",
        .prose = "A row for each run of pages that are alike: whether they are there, anonymous or "
                 "of a file,\n"
                 "mapped by this process alone, soft-dirty; and for root the frame, how many times "
                 "it is mapped,\n"
                 "its flags (Documentation/admin-guide/mm/pagemap.rst of Linux), node and range of "
                 "/proc/iomem.\n",
        .flags = flags,
        .min_operands = 1,
        .max_operands = 2,
        .run = run,
};
