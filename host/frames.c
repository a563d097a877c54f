/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * frames.c - see frames.h.
 */
#include "host/frames.h"

#include "base/array.h"
#include "base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define BATCH 512u
#define BITS                                                                            \
	(MT_PAGEMAP_PRESENT | MT_PAGEMAP_SWAPPED | MT_PAGEMAP_FILE | MT_PAGEMAP_GUARD | \
	 MT_PAGEMAP_WRITE_PROTECTED | MT_PAGEMAP_EXCLUSIVE | MT_PAGEMAP_SOFT_DIRTY)

static const char *const flag_names[64] = {
        [0] = "locked",         [1] = "error",         [2] = "referenced",   [3] = "uptodate",
        [4] = "dirty",          [5] = "lru",           [6] = "active",       [7] = "slab",
        [8] = "writeback",      [9] = "reclaim",       [10] = "buddy",       [11] = "mmap",
        [12] = "anon",          [13] = "swapcache",    [14] = "swapbacked",  [15] = "compound_head",
        [16] = "compound_tail", [17] = "huge",         [18] = "unevictable", [19] = "hwpoison",
        [20] = "nopage",        [21] = "ksm",          [22] = "thp",         [23] = "offline",
        [24] = "zero_page",     [25] = "idle",         [26] = "page_table",  [32] = "reserved",
        [33] = "mlocked",       [34] = "mappedtodisk", [35] = "private",     [36] = "private_2",
        [37] = "owner_private", [38] = "arch",         [39] = "uncached",    [40] = "softdirty",
        [41] = "arch_2",
};

struct files {
	int pagemap;
	int counts;
	int flags;
};

static int open_file(const char *root, const char *path)
{
	MT_CLEANUP_FREE char *whole = NULL;
	int fd;

	if (asprintf(&whole, "%s%s", root, path) < 0) {
		whole = NULL;
		return -ENOMEM;
	}
	fd = open(whole, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	return fd < 0 ? -errno : fd;
}

/* A word of a file of words; MT_FRAME_UNKNOWN where there is none. */
static uint64_t word_at(int fd, uint64_t index)
{
	uint64_t word;

	if (fd < 0 || index > INT64_MAX / sizeof(word) ||
	    pread(fd, &word, sizeof(word), (off_t)(index * sizeof(word))) != sizeof(word))
		return MT_FRAME_UNKNOWN;
	return word;
}

static struct mt_frame_run page_of(struct mt_frames *frames, const struct files *files,
                                   uint64_t addr, uint64_t entry, int node)
{
	struct mt_frame_run page = {.start = addr,
	                            .pages = 1,
	                            .bits = entry & BITS,
	                            .frame = MT_FRAME_UNKNOWN,
	                            .mapped = MT_FRAME_UNKNOWN,
	                            .node = node};
	uint64_t low = entry & MT_PAGEMAP_FRAME, flags;

	if (entry & MT_PAGEMAP_SWAPPED) {
		page.swap_type = low & 31;
		page.swap_offset = low >> 5;
		return page;
	}
	if (!(entry & MT_PAGEMAP_PRESENT))
		return page;
	if (low == 0) {
		frames->frames_hidden = true;
		return page;
	}
	page.frame = low;
	page.mapped = word_at(files->counts, low);
	flags = word_at(files->flags, low);
	page.has_flags = flags != MT_FRAME_UNKNOWN;
	page.flags = page.has_flags ? flags : 0;
	return page;
}

static bool continues(const struct mt_frame_run *run, const struct mt_frame_run *page,
                      uint64_t page_bytes)
{
	if (run->start + run->pages * page_bytes != page->start || run->bits != page->bits ||
	    run->flags != page->flags || run->has_flags != page->has_flags ||
	    run->mapped != page->mapped || run->node != page->node)
		return false;
	if (page->bits & MT_PAGEMAP_SWAPPED)
		return run->swap_type == page->swap_type &&
		       run->swap_offset + run->pages == page->swap_offset;
	return run->frame == MT_FRAME_UNKNOWN ? page->frame == MT_FRAME_UNKNOWN
	                                      : run->frame + run->pages == page->frame;
}

/* The nodes of resident pages; the kernel is asked for all of them at once. */
static void find_nodes(struct mt_frames *frames, pid_t pid, uint64_t start, uint64_t page_bytes,
                       const uint64_t *entries, size_t count, int *nodes)
{
	void *pages[BATCH];

	for (size_t i = 0; i < count; i++) {
		pages[i] = (void *)(uintptr_t)(start + i * page_bytes);
		nodes[i] = MT_NODE_UNKNOWN;
	}
	if (frames->nodes_error)
		return;
	if (syscall(SYS_move_pages, pid, count, pages, NULL, nodes, 0) < 0)
		frames->nodes_error = -errno;
	for (size_t i = 0; i < count; i++)
		if (frames->nodes_error || nodes[i] < 0 || !(entries[i] & MT_PAGEMAP_PRESENT))
			nodes[i] = MT_NODE_UNKNOWN;
}

static int add_page(struct mt_frames *frames, const struct mt_frame_run *page, uint64_t page_bytes,
                    size_t limit)
{
	struct mt_frame_run *last = frames->count ? &frames->runs[frames->count - 1] : NULL;

	if (last && continues(last, page, page_bytes)) {
		last->pages++;
		return 0;
	}
	if (frames->count == limit)
		return -E2BIG;
	if (MT_ARRAY_RESERVE(frames->runs, frames->capacity, frames->count + 1) < 0)
		return -ENOMEM;
	frames->runs[frames->count++] = *page;
	return 0;
}

static int add_range(const struct files *files, bool is_live, pid_t pid, uint64_t start,
                     uint64_t end, uint64_t page_bytes, size_t limit, struct mt_frames *frames,
                     uint64_t *ret_next)
{
	uint64_t entries[BATCH];
	int nodes[BATCH];

	*ret_next = start;
	while (*ret_next < end) {
		uint64_t left = (end - *ret_next) / page_bytes, at = *ret_next;
		size_t wanted = left < BATCH ? (size_t)left : BATCH;
		ssize_t got = pread(files->pagemap, entries, wanted * sizeof(*entries),
		                    (off_t)(at / page_bytes * sizeof(*entries)));
		size_t count = got > 0 ? (size_t)got / sizeof(*entries) : 0;

		if (got < 0)
			return -errno;
		if (count == 0)
			return 0; /* the end of what there can be */
		if (!is_live)
			frames->nodes_error = -ENOTSUP;
		find_nodes(frames, pid, at, page_bytes, entries, count, nodes);
		for (size_t i = 0; i < count; i++) {
			struct mt_frame_run page =
			        page_of(frames, files, *ret_next, entries[i], nodes[i]);
			int r = add_page(frames, &page, page_bytes, limit);

			if (r < 0)
				return r == -E2BIG ? 0 : r;
			*ret_next += page_bytes;
		}
	}
	return 0;
}

int mt_frames_add(const char *root, pid_t pid, uint64_t start, uint64_t end, uint64_t page_bytes,
                  size_t limit, struct mt_frames *frames, uint64_t *ret_next)
{
	struct files files;
	char path[32];
	int r;

	snprintf(path, sizeof(path), "/proc/%d/pagemap", (int)pid);
	*ret_next = start;
	files.pagemap = open_file(root, path);
	if (files.pagemap < 0)
		return files.pagemap;
	files.counts = open_file(root, "/proc/kpagecount");
	files.flags = open_file(root, "/proc/kpageflags");
	frames->counts_error = files.counts < 0 ? files.counts : 0;
	frames->flags_error = files.flags < 0 ? files.flags : 0;
	r = add_range(&files, !*root, pid, start, end, page_bytes, limit, frames, ret_next);
	close(files.pagemap);
	if (files.counts >= 0)
		close(files.counts);
	if (files.flags >= 0)
		close(files.flags);
	return r;
}

int mt_frames_add_unmapped(uint64_t start, uint64_t end, uint64_t page_bytes, size_t limit,
                           struct mt_frames *frames)
{
	struct mt_frame_run *run;

	if (frames->count == limit || start >= end)
		return 0;
	if (MT_ARRAY_RESERVE(frames->runs, frames->capacity, frames->count + 1) < 0)
		return -ENOMEM;
	run = &frames->runs[frames->count++];
	*run = (struct mt_frame_run){.start = start,
	                             .pages = (end - start) / page_bytes,
	                             .bits = MT_PAGEMAP_UNMAPPED,
	                             .frame = MT_FRAME_UNKNOWN,
	                             .mapped = MT_FRAME_UNKNOWN,
	                             .node = MT_NODE_UNKNOWN};
	return 0;
}

void mt_frames_free(struct mt_frames *frames)
{
	free(frames->runs);
	memset(frames, 0, sizeof(*frames));
}

void mt_frame_flags_text(uint64_t flags, char *text, size_t bytes)
{
	size_t used = 0;

	*text = '\0';
	for (unsigned int i = 0; i < 64; i++) {
		char number[16];
		const char *name = flag_names[i];

		if (!(flags >> i & 1))
			continue;
		if (!name) {
			snprintf(number, sizeof(number), "bit%u", i);
			name = number;
		}
		if (used + strlen(name) + 2 > bytes)
			return;
		used += (size_t)snprintf(text + used, bytes - used, "%s%s", used ? " " : "", name);
	}
}

void mt_frame_range_name(const char *iomem, uint64_t address, char *name, size_t bytes)
{
	const char *line = iomem;

	*name = '\0';
	while (line && *line) {
		const char *end = strchr(line, '\n');
		uint64_t first, last;
		int length = 0;

		/* "00100000-bfffffff : System RAM"; what lies inside a range is indented, and comes after it */
		if (sscanf(line, " %" SCNx64 "-%" SCNx64 " : %n", &first, &last, &length) >= 2 &&
		    length > 0 && address >= first && address <= last && last > 0)
			snprintf(name, bytes, "%.*s", (int)strcspn(line + length, "\n"),
			         line + length);
		line = end ? end + 1 : NULL;
	}
}
