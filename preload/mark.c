/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * mark.c - see mark.h.
 *
 * Runs in the constructor, with one thread. Nothing of glibc's insides is taken for granted: two blocks are
 * allocated, freed, allocated and freed again, and only if every word is as mark.h says the mark is believed.
 */
#include "preload/mark.h"

#include "preload/module.h"
#include "preload/real.h"

#define BLOCK_BYTES 24u
/* Chunks of up to 1040 bytes, with their flags; what is larger is never marked. */
#define CHUNK_LIMIT (1040u + 8u - MT_MARK_CHUNK_MIN)
#define CHUNK_FLAGS 7u

void mt_mark_init(void)
{
	volatile uint64_t *one, *two, *again;
	bool is_so;
	uint64_t mark;

	if (sizeof(size_t) != 8 || !mt_module_has_libcs_malloc())
		return;
	one = mt_real.malloc(BLOCK_BYTES);
	two = mt_real.malloc(BLOCK_BYTES);
	if (!one || !two)
		return;
	is_so = (one[-1] & ~(uint64_t)CHUNK_FLAGS) == MT_MARK_CHUNK_MIN;
	mt_real.free((void *)one);
	mt_real.free((void *)two);
	mark = one[1];
	is_so = is_so && mark && two[1] == mark;
	again = mt_real.malloc(BLOCK_BYTES);
	is_so = is_so && again == two && !again[1] && one[1] == mark;
	if (again)
		mt_real.free((void *)again);
	if (!is_so)
		return;
	mt_process.mark = mark;
	mt_process.mark_limit_bytes = CHUNK_LIMIT;
}
