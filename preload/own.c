/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * own.c - see own.h.
 *
 * Runs in the constructor, before or after the process has its slot, by one thread.
 */
#include "preload/own.h"

#include <stdint.h>
#include <sys/mman.h>

#include "preload/real.h"

static struct mt_slot_range ranges[MT_SLOT_RANGES];
static size_t count;
static struct mt_slot *told; /* the process's slot, once it has one */

void *mt_own_map(size_t bytes, bool is_wiped)
{
	void *memory = mt_real.mmap(NULL, bytes, PROT_READ | PROT_WRITE,
	                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (memory == MAP_FAILED || (is_wiped && madvise(memory, bytes, MADV_WIPEONFORK) != 0))
		return NULL;
	if (count < MT_SLOT_RANGES)
		ranges[count++] = (struct mt_slot_range){(uintptr_t)memory, bytes};
	if (told)
		mt_own_tell(told);
	return memory;
}

void mt_own_tell(struct mt_slot *slot)
{
	told = slot;
	for (size_t i = 0; i < count; i++)
		slot->own[i] = ranges[i];
}
