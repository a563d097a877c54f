/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * maps_file.c - see maps_file.h.
 */
#include "report/maps_file.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "report/stacks.h"
#include "report/stacktext.h"
#include "report/text.h"

#define NAME_WIDTH 40
#define KINDS_MAX  32u

static const char last_sql[] =
        "SELECT snapshot.id, snapshot.process FROM snapshot JOIN resident ON resident.snapshot ="
        " snapshot.id WHERE ?1 IN (0, snapshot.id) AND (?2 = 0 OR reason = 'asked')"
        " ORDER BY snapshot.id DESC";
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
/* Of each kind in a mapping, the stack or thread with the most: those of the row that max() is of. */
static const char owners_sql[] =
        "SELECT mapping, owner.kind, sum(bytes), stack, tid, name, max(bytes)"
        " FROM owner LEFT JOIN thread ON thread.id = owner.thread WHERE snapshot = ?1"
        " GROUP BY mapping, owner.kind ORDER BY mapping < 0, mapping, 3 DESC, 2";

static const struct mt_process *process_of(const struct mt_file *file, int64_t id)
{
	for (size_t i = 0; i < file->process_count; i++)
		if (file->processes[i].id == id)
			return &file->processes[i];
	return NULL;
}

/* The snapshot that is meant, of the processes that were asked for. */
static int find_snapshot(struct mt_file *file, int64_t at, int64_t pid, int64_t *ret_id,
                         const struct mt_process **ret_process)
{
	const struct mt_process *process = NULL;
	struct mt_rows *rows;
	int next = mt_rows_open(file->reader, last_sql, &rows, NULL);

	if (next < 0)
		return next;
	mt_rows_bind(rows, 1, at);
	/* Of a running process, the one that was just asked for. */
	mt_rows_bind(rows, 2, pid);
	while (!process && (next = mt_rows_next(rows)) == 1) {
		*ret_id = mt_rows_integer(rows, 0);
		process = process_of(file, mt_rows_integer(rows, 1));
		if (process && pid && process->pid != pid)
			process = NULL;
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

static int read_mappings(struct mt_file *file, int64_t snapshot, struct mt_smaps *smaps)
{
	struct mt_rows *rows;
	int next = mt_rows_open(file->reader, mappings_sql, &rows, NULL);

	if (next < 0)
		return next;
	mt_rows_bind(rows, 1, snapshot);
	while ((next = mt_rows_next(rows)) == 1) {
		smaps->vmas = mt_memory_grow(smaps->vmas, smaps->count, &smaps->capacity,
		                             sizeof(*smaps->vmas));
		read_vma(file, rows, smaps, &smaps->vmas[smaps->count++]);
	}
	mt_rows_close(rows);
	return next;
}

/* ---- Owners ---- */

/* The function of a stack's site, or a thread; NULL: neither. */
static int name_owner(struct mt_file *file, struct mt_stacks *stacks, struct mt_rows *rows,
                      const char **ret_name)
{
	struct mt_stack *stack;
	struct mt_trim trim;
	int error;

	*ret_name = NULL;
	if (!mt_rows_is_null(rows, 4))
		*ret_name = mt_arena_print(&file->arena, "thread %" PRId64 " %s",
		                           mt_rows_integer(rows, 4), mt_rows_text(rows, 5));
	if (mt_rows_is_null(rows, 3))
		return 0;
	error = mt_stacks_resolve(stacks, mt_rows_integer(rows, 3), &stack);
	if (error < 0)
		return error;
	trim = mt_trim_all(stack);
	/* as long as the file, longer than the stacks */
	*ret_name = mt_arena_text(&file->arena,
	                          mt_stacktext_function_at(&file->arena, &trim, 0, NAME_WIDTH));
	return 0;
}

static int read_owners(struct mt_file *file, struct mt_stacks *stacks, int64_t snapshot,
                       struct mt_maps *maps)
{
	size_t mapping = 0;
	struct mt_rows *rows;
	int next = mt_rows_open(file->reader, owners_sql, &rows, NULL);

	if (next < 0)
		return next;
	mt_rows_bind(rows, 1, snapshot);
	maps->owners = mt_arena_take(&file->arena, maps->smaps.count + 1, sizeof(*maps->owners));
	while ((next = mt_rows_next(rows)) == 1) {
		uint64_t start = (uint64_t)mt_rows_integer(rows, 0);
		struct mt_maps_owners *owners;
		struct mt_maps_owner *row;

		/* both come by address */
		while (mapping < maps->smaps.count && maps->smaps.vmas[mapping].start < start)
			mapping++;
		if (mapping == maps->smaps.count)
			break;
		owners = &maps->owners[mapping];
		if (maps->smaps.vmas[mapping].start != start || owners->count == KINDS_MAX)
			continue; /* only in a file that somebody made up */
		if (owners->count == 0)
			owners->rows = mt_arena_take(&file->arena, KINDS_MAX, sizeof(*row));
		row = &owners->rows[owners->count++];
		row->kind = text_at(file, rows, 1);
		row->bytes = (uint64_t)mt_rows_integer(rows, 2);
		next = name_owner(file, stacks, rows, &row->whose);
		if (next < 0)
			break;
	}
	mt_rows_close(rows);
	return next < 0 ? next : 0;
}

int mt_maps_file_read(struct mt_file *file, int64_t at, int64_t pid, struct mt_maps *maps)
{
	const struct mt_process *process;
	struct mt_stacks *stacks;
	int64_t id = 0;
	int error = find_snapshot(file, at, pid, &id, &process);

	if (error < 0)
		return error;
	maps->pid = (pid_t)process->pid;
	maps->command = process->command;
	error = read_mappings(file, id, &maps->smaps);
	if (error == 0) {
		stacks = mt_stacks_open(file);
		error = read_owners(file, stacks, id, maps);
		mt_stacks_close(stacks);
	}
	if (error < 0)
		mt_smaps_free(&maps->smaps);
	return error;
}
