/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libc.c - see libc.h.
 */
#include "collect/libc.h"

#include <string.h>
#include <sys/uio.h>

#define ARENA_ALIGNMENT (64ull << 20)
/* Where the arena may stand behind the header of its first heap. */
#define ARENA_OFFSET_MAX 256u
/* So far from the end of a mapping a thread's block is looked for: behind it are 2 kB, or all that the loader had to keep. */
#define BLOCK_WITHIN_BYTES 16384u
#define BLOCK_ALIGNMENT    16u

/* The start of malloc's struct heap_info. */
struct heap_head {
	uint64_t arena;
	uint64_t previous; /* heap of the same arena; 0: this is the first */
	uint64_t size_bytes;
	uint64_t writable_bytes;
};

static bool is_resident(const struct mt_pages *pages, uint64_t addr)
{
	size_t low = 0, high = pages->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (pages->runs[middle].end <= addr)
			low = middle + 1;
		else
			high = middle;
	}
	return low < pages->count && pages->runs[low].start <= addr &&
	       pages->runs[low].bits & MT_PAGE_RESIDENT;
}

/*
 * Reads what is resident; the rest is 0. A page that nobody has touched is not read: the kernel would map one for it, and
 * the process be larger for having been looked at. False: it cannot be read.
 */
static bool peek(pid_t pid, const struct mt_owner_input *input, uint64_t addr, void *buffer,
                 size_t bytes)
{
	memset(buffer, 0, bytes);
	for (size_t done = 0, part; done < bytes; done += part) {
		uint64_t at = addr + done;
		struct iovec here = {(char *)buffer + done, 0}, there = {(void *)(uintptr_t)at, 0};

		part = (size_t)(input->page_bytes - at % input->page_bytes);
		if (part > bytes - done)
			part = bytes - done;
		here.iov_len = there.iov_len = part;
		if (is_resident(input->pages, at) &&
		    process_vm_readv(pid, &here, 1, &there, 1, 0) != (ssize_t)part)
			return false;
	}
	return true;
}

static bool is_heap(pid_t pid, const struct mt_owner_input *input, const struct mt_vma *vma)
{
	struct heap_head head;

	if (vma->start % ARENA_ALIGNMENT || vma->end - vma->start < sizeof(head) ||
	    !peek(pid, input, vma->start, &head, sizeof(head)))
		return false;
	if (head.size_bytes < sizeof(head) || head.size_bytes > head.writable_bytes ||
	    head.writable_bytes > vma->end - vma->start ||
	    head.arena % ARENA_ALIGNMENT < sizeof(head) ||
	    head.arena % ARENA_ALIGNMENT > ARENA_OFFSET_MAX)
		return false;
	if (!head.previous)
		return head.arena - head.arena % ARENA_ALIGNMENT == vma->start;
	return head.previous % ARENA_ALIGNMENT == 0 && head.previous != vma->start;
}

/* The thread pointer of whose block lies at the end of the mapping; 0: there is none. */
static uint64_t find_thread(pid_t pid, const struct mt_owner_input *input, const struct mt_vma *vma)
{
	uint64_t words[BLOCK_WITHIN_BYTES / sizeof(uint64_t)];
	uint64_t bytes = vma->end - vma->start;
	size_t step = BLOCK_ALIGNMENT / sizeof(words[0]);

	if (bytes > sizeof(words))
		bytes = sizeof(words);
	if (!peek(pid, input, vma->end - bytes, words, bytes))
		return 0;
	for (size_t i = bytes / sizeof(words[0]); i >= step; i -= step) {
		uint64_t addr = vma->end - bytes + (i - step) * sizeof(words[0]);

		if (words[i - step] == addr && i < bytes / sizeof(words[0]) && words[i] == addr)
			return addr;
	}
	return 0;
}

/* Below a stack that pthread_create() has made lies a page that nobody may touch. */
static bool has_guard(const struct mt_smaps *smaps, size_t index)
{
	const struct mt_vma *before = index > 0 ? &smaps->vmas[index - 1] : NULL;

	return before && before->end == smaps->vmas[index].start && before->path[0] == '\0' &&
	       strcmp(before->permissions, "---p") == 0;
}

static bool has_block(const struct mt_owner_input *input, const struct mt_vma *vma)
{
	size_t low = 0, high = input->block_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (input->blocks[middle].addr < vma->start)
			low = middle + 1;
		else
			high = middle;
	}
	return low < input->block_count && input->blocks[low].addr < vma->end;
}

void mt_libc_find(pid_t pid, const struct mt_owner_input *input, struct mt_regions *regions)
{
	const struct mt_smaps *smaps = input->smaps;

	for (size_t i = 0; i < smaps->count; i++) {
		const struct mt_vma *vma = &smaps->vmas[i];
		uint64_t bytes = vma->end - vma->start, thread;

		if (vma->kind != MT_VMA_ANONYMOUS || !vma->fields[MT_SMAPS_RSS] ||
		    mt_regions_has(regions, vma->start, vma->end) || has_block(input, vma))
			continue;
		if (is_heap(pid, input, vma)) {
			mt_regions_put(regions, vma->start, bytes, MT_REGION_ALLOCATOR, 0,
			               input->page_bytes);
			continue;
		}
		thread = find_thread(pid, input, vma);
		if (!thread)
			continue;
		if (thread + MT_LIBC_ABOVE_THREAD_POINTER < vma->end)
			bytes = thread + MT_LIBC_ABOVE_THREAD_POINTER - vma->start;
		if (has_guard(smaps, i))
			mt_regions_put(regions, vma->start, bytes, MT_REGION_STACK,
			               MT_OWNER_NO_THREAD, input->page_bytes);
		else
			mt_regions_put(regions, vma->start, bytes, MT_REGION_LOADER, 0,
			               input->page_bytes);
	}
}
