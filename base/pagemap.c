/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * pagemap.c - see pagemap.h.
 */
#include "base/pagemap.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/array.h"

/*
 * linux/fs.h of Linux 6.7; older headers have none of it. The kernel takes the struct's size from its first field, so
 * that later ones understand this, too.
 */
struct page_region {
	uint64_t start;
	uint64_t end;
	uint64_t categories;
};

struct pm_scan_arg {
	uint64_t size;
	uint64_t flags;
	uint64_t start;
	uint64_t end;
	uint64_t walk_end;
	uint64_t vec;
	uint64_t vec_len;
	uint64_t max_pages;
	uint64_t category_inverted;
	uint64_t category_mask;
	uint64_t category_anyof_mask;
	uint64_t return_mask;
};

#define SCAN_IOCTL      _IOWR('f', 16, struct pm_scan_arg)
#define SCAN_IS_FILE    (1u << 2)
#define SCAN_IS_PRESENT (1u << 3)
#define SCAN_IS_SWAPPED (1u << 4)
#define SCAN_IS_PFNZERO (1u << 5)
#define SCAN_IS_HUGE    (1u << 6)
static_assert(sizeof(struct pm_scan_arg) == 96, "as the kernel has it");

/* Processes have addresses of so many bits: 56 with five levels of page tables, 47 or 48 with four, 46 and less elsewhere. */
#define ADDRESS_BITS_MAX 56u
#define ADDRESS_BITS_MIN 36u

/* Of an entry of pagemap. */
#define ENTRY_PRESENT (1ull << 63)
#define ENTRY_SWAPPED (1ull << 62)
#define ENTRY_FILE    (1ull << 61)

int mt_pagemap_open(const char *root, pid_t pid)
{
	char path[PATH_MAX];
	int length = snprintf(path, sizeof(path), "%s/proc/%d/pagemap", root, (int)pid);
	int fd;

	if (length < 0 || (size_t)length >= sizeof(path))
		return -ENAMETOOLONG;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static int add_run(struct mt_pages *pages, uint64_t start, uint64_t end, uint32_t bits)
{
	struct mt_page_run *last = pages->count > 0 ? &pages->runs[pages->count - 1] : NULL;
	int r;

	if (last && last->end == start && last->bits == bits) {
		last->end = end;
		return 0;
	}
	r = MT_ARRAY_RESERVE(pages->runs, pages->capacity, pages->count + 1);
	if (r < 0)
		return r;
	pages->runs[pages->count++] = (struct mt_page_run){start, end, bits};
	return 0;
}

/* ---- PAGEMAP_SCAN ---- */

static int add_region(struct mt_pages *pages, const struct page_region *region)
{
	uint64_t categories = region->categories;
	uint32_t bits = 0;

	if (categories & SCAN_IS_SWAPPED)
		bits = MT_PAGE_SWAPPED;
	else if ((categories & SCAN_IS_PRESENT) && !(categories & SCAN_IS_PFNZERO))
		bits = MT_PAGE_RESIDENT;
	if (!bits)
		return 0;
	if (categories & SCAN_IS_FILE)
		bits |= MT_PAGE_FILE;
	if (categories & SCAN_IS_HUGE)
		bits |= MT_PAGE_HUGE;
	return add_run(pages, region->start, region->end, bits);
}

static int scan(int fd, uint64_t start, uint64_t end, struct mt_pages *pages)
{
	struct page_region regions[256];
	struct pm_scan_arg arg = {
	        .size = sizeof(arg),
	        .end = end,
	        .vec = (uintptr_t)regions,
	        .vec_len = sizeof(regions) / sizeof(regions[0]),
	        .category_anyof_mask = SCAN_IS_PRESENT | SCAN_IS_SWAPPED,
	        .return_mask = SCAN_IS_PRESENT | SCAN_IS_SWAPPED | SCAN_IS_FILE | SCAN_IS_PFNZERO |
	                       SCAN_IS_HUGE,
	};

	for (uint64_t at = start; at < end; at = arg.walk_end) {
		int count;

		arg.start = at;
		count = ioctl(fd, SCAN_IOCTL, &arg);
		if (count < 0 && errno == EINTR)
			continue;
		if (count < 0)
			return -errno;
		for (int i = 0; i < count; i++) {
			int r = add_region(pages, &regions[i]);

			if (r < 0)
				return r;
		}
		if (arg.walk_end <= at)
			break;
	}
	return 0;
}

/* ---- /proc/PID/pagemap ---- */

static uint32_t bits_of(uint64_t entry)
{
	uint32_t bits = entry & ENTRY_FILE ? MT_PAGE_FILE : 0;

	if (entry & ENTRY_PRESENT)
		return bits | MT_PAGE_RESIDENT;
	if (entry & ENTRY_SWAPPED)
		return bits | MT_PAGE_SWAPPED;
	return 0;
}

static int read_entries(int fd, uint64_t start, uint64_t end, struct mt_pages *pages)
{
	uint64_t page_bytes = (uint64_t)sysconf(_SC_PAGESIZE);
	uint64_t entries[512];
	uint64_t at = start;

	while (at < end) {
		uint64_t wanted = (end - at) / page_bytes * sizeof(entries[0]);
		ssize_t got;

		if (wanted > sizeof(entries))
			wanted = sizeof(entries);
		got = pread(fd, entries, wanted, (off_t)(at / page_bytes * sizeof(entries[0])));
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		if (got < (ssize_t)sizeof(entries[0]))
			return 0; /* beyond what the process can map */
		for (size_t i = 0; i < (size_t)got / sizeof(entries[0]); i++, at += page_bytes) {
			uint32_t bits = bits_of(entries[i]);
			int r = bits ? add_run(pages, at, at + page_bytes, bits) : 0;

			if (r < 0)
				return r;
		}
	}
	return 0;
}

int mt_pagemap_add(int fd, uint64_t start, uint64_t end, struct mt_pages *pages)
{
	if (pages->source != MT_PAGEMAP_READ) {
		size_t count = pages->count;
		int r = scan(fd, start, end, pages);

		if (r == 0)
			pages->source = MT_PAGEMAP_SCAN;
		if (r != -ENOTTY && r != -EINVAL)
			return r;
		if (pages->source == MT_PAGEMAP_SCAN || pages->count != count)
			return r;
		pages->source = MT_PAGEMAP_READ; /* an older kernel */
	}
	return read_entries(fd, start, end, pages);
}

int mt_pagemap_add_all(int fd, struct mt_pages *pages)
{
	uint64_t page_bytes = (uint64_t)sysconf(_SC_PAGESIZE);
	int r = -EFAULT;

	/* Where a process's addresses end, only the kernel knows: what is beyond is refused before anything is read. */
	for (unsigned int bits = ADDRESS_BITS_MAX; r == -EFAULT && bits >= ADDRESS_BITS_MIN; bits--)
		r = scan(fd, 0, (1ull << bits) - page_bytes, pages);
	if (r == 0)
		pages->source = MT_PAGEMAP_SCAN;
	return r == -EINVAL ? -ENOTTY : r;
}

int mt_pages_remove(struct mt_pages *pages, uint64_t start, uint64_t end)
{
	size_t first = 0, last;
	int r = MT_ARRAY_RESERVE(pages->runs, pages->capacity, pages->count + 1);

	if (r < 0)
		return r;
	while (first < pages->count && pages->runs[first].end <= start)
		first++;
	if (first < pages->count && pages->runs[first].start < start) {
		struct mt_page_run *run = &pages->runs[first];

		/* It may reach over both ends: neighbouring mappings can have pages of one kind. */
		memmove(run + 1, run, (pages->count++ - first) * sizeof(*run));
		run[0].end = start;
		run[1].start = start;
		first++;
	}
	for (last = first; last < pages->count && pages->runs[last].end <= end; last++)
		;
	if (last < pages->count && pages->runs[last].start < end)
		pages->runs[last].start = end;
	memmove(&pages->runs[first], &pages->runs[last],
	        (pages->count - last) * sizeof(*pages->runs));
	pages->count -= last - first;
	return 0;
}

void mt_pages_free(struct mt_pages *pages)
{
	free(pages->runs);
	memset(pages, 0, sizeof(*pages));
}

const char *mt_pagemap_source_name(enum mt_pagemap_source source)
{
	switch (source) {
	case MT_PAGEMAP_SCAN: return "PAGEMAP_SCAN";
	case MT_PAGEMAP_READ: return "pagemap";
	case MT_PAGEMAP_NONE: break;
	}
	return "none";
}
