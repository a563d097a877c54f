/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * heapend.c - see heapend.h.
 */
#include "collect/heapend.h"

#include <string.h>

struct mt_heapend mt_heapend_find(const struct mt_smaps *smaps, uint64_t page_bytes,
                                  uint64_t huge_bytes)
{
	struct mt_heapend heapend = {.step_bytes = page_bytes};

	/* The kernel shows the break as one mapping, or as several side by side. */
	for (size_t i = 0; i < smaps->count; i++) {
		const struct mt_vma *vma = &smaps->vmas[i];

		if (vma->kind != MT_VMA_HEAP)
			continue;
		heapend.break_end = vma->end;
		/* What lies between two large parts may be too small to ask for huge pages; it is cut by them all the same. */
		if (strstr(vma->flags, "hg "))
			heapend.step_bytes = huge_bytes;
	}
	return heapend;
}

uint64_t mt_heapend_cut(const struct mt_heapend *heapend, uint64_t start)
{
	if (start >= heapend->break_end)
		return start;
	return heapend->break_end -
	       (heapend->break_end - start) / heapend->step_bytes * heapend->step_bytes;
}
