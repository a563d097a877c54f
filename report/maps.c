/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * maps.c - see maps.h.
 */
#include "report/maps.h"

#include <string.h>

#include "base/units.h"

/* ---- Figures of a mapping ---- */

#define FIELD(key, title, brief, field)                                               \
	{                                                                             \
		key, title, brief, MT_COLUMN_BYTES, MT_FIGURE_FIELD, MT_SMAPS_##field \
	}
const struct mt_figure mt_figures[MT_FIGURES] = {
        FIELD("size_bytes", "Size", "size", SIZE),
        FIELD("rss_bytes", "Rss", "rss", RSS),
        FIELD("pss_bytes", "Pss", "pss", PSS),
        {"uss_bytes", "Uss", NULL, MT_COLUMN_BYTES, MT_FIGURE_UNIQUE, MT_SMAPS_PRIVATE_DIRTY},
        {"dirty_bytes", "Dirty", "dirty", MT_COLUMN_BYTES, MT_FIGURE_DIRTY, MT_SMAPS_PRIVATE_DIRTY},
        FIELD("anonymous_bytes", "Anonymous", "anon", ANONYMOUS),
        FIELD("swap_bytes", "Swap", "swap", SWAP),
        FIELD("swap_pss_bytes", "SwapPss", NULL, SWAP_PSS),
        FIELD("pss_dirty_bytes", "Pss_Dirty", NULL, PSS_DIRTY),
        FIELD("shared_clean_bytes", "Shared_Clean", NULL, SHARED_CLEAN),
        FIELD("shared_dirty_bytes", "Shared_Dirty", NULL, SHARED_DIRTY),
        FIELD("private_clean_bytes", "Private_Clean", NULL, PRIVATE_CLEAN),
        FIELD("private_dirty_bytes", "Private_Dirty", NULL, PRIVATE_DIRTY),
        FIELD("referenced_bytes", "Referenced", NULL, REFERENCED),
        FIELD("ksm_bytes", "KSM", NULL, KSM),
        FIELD("lazy_free_bytes", "LazyFree", NULL, LAZY_FREE),
        FIELD("anon_huge_bytes", "AnonHugePages", NULL, ANON_HUGE),
        FIELD("shmem_pmd_bytes", "ShmemPmdMapped", NULL, SHMEM_PMD),
        FIELD("file_pmd_bytes", "FilePmdMapped", NULL, FILE_PMD),
        FIELD("shared_hugetlb_bytes", "Shared_Hugetlb", NULL, SHARED_HUGETLB),
        FIELD("private_hugetlb_bytes", "Private_Hugetlb", NULL, PRIVATE_HUGETLB),
        FIELD("locked_bytes", "Locked", NULL, LOCKED),
        FIELD("kernel_page_bytes", "KernelPageSize", NULL, KERNEL_PAGE_SIZE),
        FIELD("mmu_page_bytes", "MMUPageSize", NULL, MMU_PAGE_SIZE),
        {"thp_eligible", "THPeligible", NULL, MT_COLUMN_NUMBER, MT_FIGURE_FIELD,
         MT_SMAPS_THP_ELIGIBLE},
        {"protection_key", "ProtectionKey", NULL, MT_COLUMN_NUMBER, MT_FIGURE_FIELD,
         MT_SMAPS_PROTECTION_KEY},
};
#undef FIELD

uint64_t mt_figure_of(const struct mt_figure *figure, const struct mt_vma *vma)
{
	switch (figure->from) {
	case MT_FIGURE_DIRTY: return mt_vma_dirty(vma);
	case MT_FIGURE_UNIQUE: return mt_vma_unique(vma);
	case MT_FIGURE_FIELD: break;
	}
	return vma->fields[figure->field];
}

const struct mt_figure *mt_figure_find(const char *word)
{
	for (size_t i = 0; i < MT_FIGURES; i++) {
		const struct mt_figure *figure = &mt_figures[i];
		size_t length = strlen(word);

		if ((figure->brief && strcmp(figure->brief, word) == 0) ||
		    strcasecmp(figure->title, word) == 0 ||
		    (strncmp(figure->key, word, length) == 0 &&
		     (figure->key[length] == '\0' || strcmp(figure->key + length, "_bytes") == 0)))
			return figure;
	}
	return NULL;
}

/* ---- Sums ---- */

static void add(struct mt_maps_sum *sum, const struct mt_vma *vma)
{
	sum->mappings++;
	for (size_t i = 0; i < MT_FIGURES; i++)
		sum->figures[i] += mt_figure_of(&mt_figures[i], vma);
	if (vma->permissions[3] == 's')
		sum->shared_bytes += vma->end - vma->start;
	else if (vma->permissions[1] == 'w')
		sum->writable_private_bytes += vma->end - vma->start;
}

void mt_maps_sum(const struct mt_maps *maps, struct mt_maps_sum sums[MT_VMA_KIND_COUNT + 1])
{
	memset(sums, 0, (MT_VMA_KIND_COUNT + 1) * sizeof(*sums));
	for (size_t i = 0; i < MT_VMA_KIND_COUNT; i++)
		sums[i].name = mt_vma_kinds[i];
	sums[MT_VMA_KIND_COUNT].name = "total";
	for (size_t i = 0; i < maps->smaps.count; i++) {
		add(&sums[maps->smaps.vmas[i].kind], &maps->smaps.vmas[i]);
		add(&sums[MT_VMA_KIND_COUNT], &maps->smaps.vmas[i]);
	}
}

/* ---- Owners ---- */

#define OWNERS_SHOWN 2u

const char *mt_maps_owners_text(struct mt_arena *arena, const struct mt_maps *maps,
                                const struct mt_vma *vma)
{
	const struct mt_maps_owners *owners;
	const char *text = "";
	uint64_t sum = 0;

	if (!maps->owners)
		return NULL;
	owners = &maps->owners[vma - maps->smaps.vmas];
	if (owners->count == 1 && strcmp(owners->rows[0].kind, mt_vma_kinds[vma->kind]) == 0 &&
	    !owners->rows[0].whose)
		return NULL;
	for (size_t i = 0; i < owners->count; i++)
		sum += owners->rows[i].bytes;
	for (size_t i = 0; i < owners->count && i < OWNERS_SHOWN; i++) {
		const struct mt_maps_owner *owner = &owners->rows[i];
		struct mt_units share = mt_units_share((int64_t)owner->bytes, (int64_t)sum);

		text = mt_arena_print(arena, "%s%s%s%s%s%s%s", text, i > 0 ? "; " : "", owner->kind,
		                      owners->count > 1 ? " " : "",
		                      owners->count > 1 ? share.text : "", owner->whose ? ", " : "",
		                      owner->whose ? owner->whose : "");
	}
	return text;
}
