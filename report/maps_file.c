/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * maps_file.c - see maps_file.h.
 */
#include "report/maps_file.h"

#include <errno.h>
#include <string.h>

static const char last_sql[] =
        "SELECT snapshot.id, snapshot.process FROM snapshot JOIN resident ON resident.snapshot ="
        " snapshot.id WHERE ?1 IN (0, snapshot.id) ORDER BY snapshot.id DESC";
#define FIELDS_AT 11
/* From FIELDS_AT on: MT_SMAPS_FIELDS, in its order. */
static const char mappings_sql[] =
        "SELECT start, end, mode, offset_bytes, device_major, device_minor, inode, kind, path, "
        "owner,"
        " flags, size_bytes, kernel_page_bytes, mmu_page_bytes, rss_bytes, pss_bytes,"
        " pss_dirty_bytes, shared_clean_bytes, shared_dirty_bytes, private_clean_bytes,"
        " private_dirty_bytes, referenced_bytes, anonymous_bytes, ksm_bytes, lazy_free_bytes,"
        " anon_huge_bytes, shmem_pmd_bytes, file_pmd_bytes, shared_hugetlb_bytes,"
        " private_hugetlb_bytes, swap_bytes, swap_pss_bytes, locked_bytes, thp_eligible,"
        " protection_key FROM mapping WHERE snapshot = ?1"
        /* a start is a signed number: [vsyscall] comes last */
        " ORDER BY start < 0, start";

static const struct mt_process *process_of(const struct mt_file *file, int64_t id)
{
	for (size_t i = 0; i < file->process_count; i++)
		if (file->processes[i].id == id)
			return &file->processes[i];
	return NULL;
}

/* The snapshot that is meant, of the processes that were asked for. */
static int find_snapshot(struct mt_file *file, int64_t at, int64_t *ret_id,
                         const struct mt_process **ret_process)
{
	const struct mt_process *process = NULL;
	struct mt_rows *rows;
	int next = mt_rows_open(file->reader, last_sql, &rows, NULL);

	if (next < 0)
		return next;
	mt_rows_bind(rows, 1, at);
	while (!process && (next = mt_rows_next(rows)) == 1) {
		*ret_id = mt_rows_integer(rows, 0);
		process = process_of(file, mt_rows_integer(rows, 1));
	}
	mt_rows_close(rows);
	if (next < 0)
		return next;
	*ret_process = process;
	return process ? 0 : -ENOENT;
}

static const char *text_at(struct mt_file *file, struct mt_rows *rows, int column)
{
	return mt_arena_text(&file->arena, mt_rows_text(rows, column));
}

static enum mt_vma_kind kind_of(const char *word)
{
	for (unsigned int i = 0; i < MT_VMA_KIND_COUNT; i++)
		if (strcmp(mt_vma_kinds[i], word) == 0)
			return (enum mt_vma_kind)i;
	return MT_VMA_ANONYMOUS;
}

static void read_vma(struct mt_file *file, struct mt_rows *rows, struct mt_smaps *smaps,
                     struct mt_vma *vma)
{
	*vma = (struct mt_vma){
	        .start = (uint64_t)mt_rows_integer(rows, 0),
	        .end = (uint64_t)mt_rows_integer(rows, 1),
	        .offset_bytes = (uint64_t)mt_rows_integer(rows, 3),
	        .device_major = (uint32_t)mt_rows_integer(rows, 4),
	        .device_minor = (uint32_t)mt_rows_integer(rows, 5),
	        .inode = (uint64_t)mt_rows_integer(rows, 6),
	        .kind = kind_of(mt_rows_text(rows, 7)),
	        .path = text_at(file, rows, 8),
	        .owner = text_at(file, rows, 9),
	        .flags = text_at(file, rows, 10),
	};
	strncpy(vma->permissions, mt_rows_text(rows, 2), sizeof(vma->permissions) - 1);
	for (unsigned int i = 0; i < MT_SMAPS_KNOWN; i++) {
		if (mt_rows_is_null(rows, FIELDS_AT + (int)i))
			continue;
		vma->fields[i] = (uint64_t)mt_rows_integer(rows, FIELDS_AT + (int)i);
		smaps->known |= 1ull << i;
	}
}

int mt_maps_file_read(struct mt_file *file, int64_t at, struct mt_smaps *ret_smaps,
                      const struct mt_process **ret_process)
{
	struct mt_smaps smaps = {0};
	struct mt_rows *rows;
	int64_t id = 0;
	int next = find_snapshot(file, at, &id, ret_process);

	if (next < 0)
		return next;
	next = mt_rows_open(file->reader, mappings_sql, &rows, NULL);
	if (next < 0)
		return next;
	mt_rows_bind(rows, 1, id);
	while ((next = mt_rows_next(rows)) == 1) {
		smaps.vmas = mt_memory_grow(smaps.vmas, smaps.count, &smaps.capacity,
		                            sizeof(*smaps.vmas));
		read_vma(file, rows, &smaps, &smaps.vmas[smaps.count++]);
	}
	mt_rows_close(rows);
	if (next < 0) {
		mt_smaps_free(&smaps);
		return next;
	}
	*ret_smaps = smaps;
	return 0;
}
