/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * frames.h - from a process's addresses to the machine's page frames.
 *
 * /proc/PID/pagemap says of each page whether it is there and, to root, in which frame; /proc/kpagecount and
 * /proc/kpageflags say what that frame is, /proc/iomem where it lies, move_pages() on which node. What may not be read is
 * not known, and the rest still is.
 */
#ifndef MT_HOST_FRAMES_H
#define MT_HOST_FRAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Bits of /proc/PID/pagemap, by the kernel's Documentation/admin-guide/mm/pagemap.rst. */
#define MT_PAGEMAP_PRESENT         (1ull << 63)
#define MT_PAGEMAP_SWAPPED         (1ull << 62)
#define MT_PAGEMAP_FILE            (1ull << 61) /* or shared memory */
#define MT_PAGEMAP_UNMAPPED        (1ull << 60) /* ours, the kernel has none: in no mapping at all */
#define MT_PAGEMAP_GUARD           (1ull << 58)
#define MT_PAGEMAP_WRITE_PROTECTED (1ull << 57) /* by userfaultfd */
#define MT_PAGEMAP_EXCLUSIVE       (1ull << 56)
#define MT_PAGEMAP_SOFT_DIRTY      (1ull << 55)
#define MT_PAGEMAP_FRAME           ((1ull << 55) - 1)

#define MT_FRAME_UNKNOWN UINT64_MAX
#define MT_NODE_UNKNOWN  (-1)

/* Pages one after the other that are alike: in frames one after the other, where these are known. */
struct mt_frame_run {
	uint64_t start;
	uint64_t pages;
	uint64_t bits;   /* MT_PAGEMAP_*, without the frame */
	uint64_t frame;  /* of the first page; MT_FRAME_UNKNOWN */
	uint64_t mapped; /* how many times the frame is mapped; MT_FRAME_UNKNOWN */
	uint64_t flags;  /* of /proc/kpageflags; 0 where has_flags is false */
	bool has_flags;
	unsigned int swap_type; /* of swapped ones: which device, and where on it */
	uint64_t swap_offset;
	int node; /* MT_NODE_UNKNOWN */
};

/* Starts as {0}. Errors are 0 or -errno: why that file says nothing. */
struct mt_frames {
	struct mt_frame_run *runs;
	size_t count;
	size_t capacity;
	bool frames_hidden; /* pages are there, their frames are not told */
	int counts_error;
	int flags_error;
	int nodes_error;
};

/*
 * Adds the pages of [start, end), page-aligned; at most `limit` runs in all, and *ret_next is where it stopped. 0 or
 * -errno: the process is gone, or may not be looked at.
 */
int mt_frames_add(const char *root, pid_t pid, uint64_t start, uint64_t end, uint64_t page_bytes,
                  size_t limit, struct mt_frames *frames, uint64_t *ret_next);

/* Adds pages that are in no mapping. 0 or -ENOMEM. */
int mt_frames_add_unmapped(uint64_t start, uint64_t end, uint64_t page_bytes, size_t limit,
                           struct mt_frames *frames);

void mt_frames_free(struct mt_frames *frames);

/* The names of flags, "uptodate lru active anon", into `text`. */
void mt_frame_flags_text(uint64_t flags, char *text, size_t bytes);

/* "System RAM"; into `name`, "" where it is not known. `iomem` is the text of /proc/iomem. */
void mt_frame_range_name(const char *iomem, uint64_t address, char *name, size_t bytes);

#endif
