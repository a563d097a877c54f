/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * pages.c - see pages.h.
 */
#include "collect/pages.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

/* Mappings of huge pages (hugetlb) are no part of Rss, nor are frames that no page stands behind ("pf": vvar, devices). */
static bool is_counted(const struct mt_vma *vma, uint64_t page_bytes)
{
	return vma->fields[MT_SMAPS_KERNEL_PAGE_SIZE] <= page_bytes && !strstr(vma->flags, "pf ") &&
	       strcmp(vma->path, "[vsyscall]") != 0;
}

/* Before Linux 6.7 pages are read mapping by mapping, so these have to be known first. */
static int read_each(int fd, uint64_t page_bytes, struct mt_memory *memory)
{
	char *text = memory->text;
	int r;

	memory->text = NULL;
	r = mt_smaps_parse(text, &memory->smaps);
	for (size_t i = 0; i < memory->smaps.count && r == 0; i++) {
		const struct mt_vma *vma = &memory->smaps.vmas[i];

		if (!is_counted(vma, page_bytes))
			continue;
		r = mt_pagemap_add(fd, vma->start, vma->end, &memory->pages);
		/* It was unmapped meanwhile; a process that stands still has none of this. */
		if (r == -EFAULT || r == -ENOMEM)
			r = 0;
	}
	return r;
}

int mt_memory_read(pid_t pid, uint64_t page_bytes, struct mt_memory *memory)
{
	MT_CLEANUP_CLOSE int fd = mt_pagemap_open("", pid);
	int r = fd < 0 ? fd : mt_smaps_read_text("", pid, &memory->text);

	if (r == 0)
		r = mt_pagemap_add_all(fd, &memory->pages);
	return r == -ENOTTY ? read_each(fd, page_bytes, memory) : r;
}

int mt_memory_sort(uint64_t page_bytes, struct mt_memory *memory)
{
	char *text = memory->text;
	int r = 0;

	memory->text = NULL;
	if (text)
		r = mt_smaps_parse(text, &memory->smaps);
	for (size_t i = 0; i < memory->smaps.count && r == 0; i++) {
		const struct mt_vma *vma = &memory->smaps.vmas[i];

		if (!is_counted(vma, page_bytes))
			r = mt_pages_remove(&memory->pages, vma->start, vma->end);
	}
	return r;
}

bool mt_memory_agrees(const struct mt_memory *memory)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < memory->pages.count; i++)
		if (memory->pages.runs[i].bits & MT_PAGE_RESIDENT)
			sum += memory->pages.runs[i].end - memory->pages.runs[i].start;
	return sum == mt_smaps_sum(&memory->smaps, MT_SMAPS_RSS);
}

void mt_memory_free(struct mt_memory *memory)
{
	free(memory->text);
	mt_smaps_free(&memory->smaps);
	mt_pages_free(&memory->pages);
	memory->text = NULL;
}
