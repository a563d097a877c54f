/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * batch.c - see batch.h.
 *
 * Room for every list is made before the first row is taken, so that running out of memory leaves the
 * ledger as it was.
 */
#include "collect/batch.h"

#include "base/array.h"
#include "collect/kept.h"
#include "collect/lifecycle.h"
#include "collect/packs.h"
#include "collect/resident.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define RESERVE(batch, list, wanted) MT_BATCH_RESERVE(batch, list, wanted)
#define APPEND(batch, list)          MT_BATCH_APPEND(batch, list)

static void free_batch(struct mt_batch *batch)
{
	for (size_t i = 0; i < batch->snapshots_count; i++)
		mt_snapshot_free(&batch->snapshots[i]);
	while (batch->residents) {
		struct mt_resident *next = batch->residents->next;

		mt_resident_free(batch->residents);
		batch->residents = next;
	}
	free(batch->modules);
	free(batch->frames);
	free(batch->stacks);
	free(batch->stack_packs);
	free(batch->processes);
	free(batch->threads);
	free(batch->totals);
	free(batch->total_packs);
	free(batch->samples);
	free(batch->growths);
	free(batch->pauses);
	free(batch->bad_frees);
	free(batch->timeline);
	free(batch->thinned);
	free(batch->dropped);
	free(batch->notes);
	free(batch->snapshots);
	free(batch->members);
	free(batch->marks);
	free(batch);
}

/* --- what all processes share ------------------------------------------------------------------------ */

static size_t not_written(size_t count, size_t *written)
{
	/* Row 0 of these arrays is not used. */
	if (!*written)
		*written = 1;
	return count > *written ? count - *written : 0;
}

static int reserve_code(struct mt_batch *batch, struct mt_ledger *ledger)
{
	struct mt_stacks *stacks = &ledger->stacks;

	if (RESERVE(batch, modules, not_written(ledger->modules.count, &ledger->modules.written)) <
	            0 ||
	    RESERVE(batch, frames, not_written(stacks->frame_count, &stacks->frames_written)) < 0 ||
	    mt_packs_reserve_stacks(batch, stacks) < 0)
		return -ENOMEM;
	return 0;
}

static void take_code(struct mt_batch *batch, struct mt_ledger *ledger)
{
	struct mt_modules *modules = &ledger->modules;
	struct mt_stacks *stacks = &ledger->stacks;

	for (; modules->written < modules->count; modules->written++) {
		const struct mt_module *module = &modules->rows[modules->written];

		*APPEND(batch, modules) = (struct mt_writer_module){
		        .id = (uint32_t)modules->written,
		        .path = module->path,
		        .build_id = *module->build_id ? module->build_id : NULL};
	}
	for (; stacks->frames_written < stacks->frame_count; stacks->frames_written++) {
		const struct mt_frame *frame = &stacks->frames[stacks->frames_written];

		*APPEND(batch, frames) =
		        (struct mt_writer_frame){.id = (uint32_t)stacks->frames_written,
		                                 .module = frame->module,
		                                 .offset = frame->offset};
	}
	mt_packs_take_stacks(batch, stacks);
}

static void take_notes(struct mt_batch *batch, struct mt_notes *notes)
{
	for (size_t i = 0; notes->is_dirty && i < notes->count; i++) {
		struct mt_note *note = &notes->rows[i];

		if (!note->is_dirty)
			continue;
		note->is_dirty = false;
		*APPEND(batch, notes) = (struct mt_writer_note){.id = (uint32_t)i + 1,
		                                                .process = note->process,
		                                                .time_ns = note->time_ns,
		                                                .kind = note->kind,
		                                                .count = note->count,
		                                                .text = note->text};
	}
	notes->is_dirty = false;
}

/* --- one process ------------------------------------------------------------------------------------- */

static const char *text_or(const char *text, const char *otherwise)
{
	return text ? text : otherwise;
}

static int64_t or_null(int64_t value)
{
	return value == MT_MAIL_UNKNOWN ? MT_WRITER_NULL : value;
}

/* Where a sample was recorded, the counts of totals.h are of sampled blocks. */
static void weight_row(struct mt_writer_process *row, const struct mt_process *process)
{
	struct mt_estimate_figures figures;

	mt_estimate_all(process->estimate, &process->totals, &figures);
	row->allocations = figures.allocations;
	row->frees = figures.frees;
	row->peak_blocks = figures.peak_blocks;
	row->temporary = figures.temporary;
	if (!process->is_counted)
		row->live_blocks = figures.live_blocks;
}

static void take_row(struct mt_batch *batch, struct mt_process *process)
{
	const struct mt_totals *totals = &process->totals;

	struct mt_writer_process *row = APPEND(batch, processes);

	*row = (struct mt_writer_process){
	        .id = process->id,
	        .known = process->is_known,
	        .pid = process->pid,
	        .parent = process->parent,
	        .origin = process->origin,
	        .command = text_or(process->identity.command, ""),
	        .arguments = text_or(process->identity.arguments, ""),
	        .executable = text_or(process->identity.executable, ""),
	        .started_ns = process->started_ns,
	        .ended_ns = or_null(process->ended_ns),
	        .end_reason = process->end_reason,
	        .exit_status = or_null(process->exit_status),
	        .exit_signal = or_null(process->exit_signal),
	        .allocations = totals->allocations,
	        .frees = totals->frees,
	        .bytes_allocated = totals->bytes_allocated,
	        .bytes_freed = totals->bytes_freed,
	        .live_blocks = process->is_counted ? process->counted_blocks : totals->live_blocks,
	        .live_bytes = process->is_counted ? process->counted_bytes : totals->live_bytes,
	        .peak_bytes = totals->peak_bytes,
	        .peak_blocks = totals->peak_blocks,
	        .peak_ns = totals->peak_bytes ? (int64_t)totals->peak_ns : MT_WRITER_NULL,
	        .temporary = totals->temporary,
	        .own_allocations = process->own_allocations,
	        .own_frees = process->own_frees,
	        .own_bytes = process->own_bytes,
	        .inherited_blocks = process->inherited_blocks,
	        .inherited_bytes = process->inherited_bytes,
	        .inherited_frees = process->inherited_frees,
	        .unmatched_frees = process->unmatched_frees,
	        .dropped_events = process->dropped_events,
	        .events = process->events,
	        .stacks = totals->stack_count,
	        .stacks_cut = process->stacks_cut,
	        .walks = process->walks,
	        .frames_stepped = process->frames_stepped,
	        .frames_kept = process->frames_kept,
	        .walks_libunwind = process->walks_libunwind,
	        .walks_verified = process->walks_verified,
	        .walks_different = process->walks_different,
	        .rings = process->rings,
	        .ring_bytes = process->ring_bytes,
	        .stack_table_bytes = process->stack_table_bytes,
	        .unknown_frees = process->unknown_frees,
	        .late_events = process->late_events,
	        .mismatched_frees = process->frees.mismatched,
	};
	if (process->estimate)
		weight_row(row, process);
	process->is_known = true;
	process->is_dirty = false;
	process->events_written = process->events;
}

static void take_growth(struct mt_batch *batch, struct mt_process *process)
{
	struct mt_growth *growth = &process->growth;

	for (size_t i = 0; i < growth->dirty_count; i++) {
		const struct mt_growth_sum *sum = &growth->sums[growth->dirty[i]];
		bool is_unknown = process->estimate && sum->kind == MT_GROWTH_CHUNK;

		*APPEND(batch, growths) = (struct mt_writer_growth){
		        .process = process->id,
		        .number = growth->dirty[i] + 1,
		        .kind = mt_growth_kinds[sum->kind],
		        .stack = sum->node,
		        .calls = sum->calls,
		        .grown_bytes = sum->grown_bytes,
		        .returned_bytes =
		                is_unknown ? MT_WRITER_NULL : (int64_t)sum->returned_bytes};
	}
	mt_growth_clean(growth);
}

static void take_threads(struct mt_batch *batch, struct mt_ledger *ledger,
                         struct mt_process *process)
{
	for (size_t i = 0; process->has_dirty_threads && i < process->thread_count; i++) {
		struct mt_thread *thread = &process->threads[i];
		struct mt_writer_thread *row;

		if (!thread->is_dirty)
			continue;
		thread->is_dirty = false;
		mt_ledger_number_thread(ledger, process, thread);
		row = APPEND(batch, threads);
		*row = (struct mt_writer_thread){
		        .id = thread->id,
		        .process = process->id,
		        .tid = thread->tid,
		        .started_ns = thread->started_ns,
		        .ended_ns = thread->has_ended ? (int64_t)thread->ended_ns : MT_WRITER_NULL};
		memcpy(row->name, thread->name, sizeof(row->name));
	}
	process->has_dirty_threads = false;
}

static void take_points(struct mt_batch *batch, struct mt_process *process)
{
	for (size_t i = 0; i < process->point_count; i++) {
		const struct mt_point *point = &process->points[i];

		*APPEND(batch, timeline) =
		        (struct mt_writer_timeline){.process = process->id,
		                                    .time_ns = point->time_ns,
		                                    .live_blocks = point->live_blocks,
		                                    .live_bytes = point->live_bytes,
		                                    .allocations = point->allocations,
		                                    .usage = point->usage};
	}
	process->points_written += process->point_count;
	process->point_count = 0;
	if (process->points_written < MT_PROCESS_POINTS_MAX)
		return;
	*APPEND(batch, thinned) = process->id;
	process->points_written /= 2;
	process->point_ticks *= 2;
}

static void take_pauses(struct mt_batch *batch, struct mt_process *process)
{
	for (size_t i = 0; i < process->pause_count; i++) {
		struct mt_pause *pause = &process->pauses[i];

		if (!pause->is_dirty)
			continue;
		pause->is_dirty = false;
		*APPEND(batch, pauses) =
		        (struct mt_writer_pause){.process = process->id,
		                                 .started_ns = pause->started_ns,
		                                 .ended_ns = or_null(pause->ended_ns)};
	}
}

static void take_bad_frees(struct mt_batch *batch, struct mt_process *process)
{
	static const char *const problems[] = {[MT_FREE_DOUBLE] = "double",
	                                       [MT_FREE_UNKNOWN] = "unknown",
	                                       [MT_FREE_MISMATCHED] = "mismatched"};
	struct mt_frees *frees = &process->frees;

	for (uint32_t i = 0; frees->is_dirty && i < frees->count; i++) {
		struct mt_bad_free *row = &frees->rows[i];

		if (!row->is_dirty)
			continue;
		row->is_dirty = false;
		*APPEND(batch, bad_frees) = (struct mt_writer_bad_free){
		        .process = process->id,
		        .number = i + 1,
		        .problem = problems[row->problem],
		        .time_ns = row->time_ns,
		        .thread = process->threads[row->thread].id,
		        .addr = row->addr,
		        .call = row->kind,
		        .stack = row->node,
		        .allocated_by = row->alloc_kind,
		        .allocated_stack = row->alloc_node,
		        .freed_stack = row->freed_node,
		        .size_bytes = row->problem == MT_FREE_MISMATCHED ? (int64_t)row->size_bytes
		                                                         : MT_WRITER_NULL};
	}
	frees->is_dirty = false;
}

static int reserve_process(struct mt_batch *batch, const struct mt_process *process)
{
	if (RESERVE(batch, processes, 1) < 0 || RESERVE(batch, members, 1) < 0 ||
	    mt_packs_reserve_totals(batch, process) < 0 ||
	    (process->estimate && RESERVE(batch, samples, process->totals.dirty_count) < 0) ||
	    RESERVE(batch, growths, process->growth.dirty_count) < 0 ||
	    RESERVE(batch, pauses, process->pause_count) < 0 ||
	    RESERVE(batch, bad_frees, process->frees.count) < 0 ||
	    RESERVE(batch, threads, process->thread_count) < 0 ||
	    RESERVE(batch, timeline, process->point_count) < 0 || RESERVE(batch, thinned, 1) < 0 ||
	    RESERVE(batch, snapshots, process->snapshot_reason != NULL) < 0)
		return -ENOMEM;
	return 0;
}

/* 0, or -ENOMEM: it is left for the next batch. */
static int take_process(struct mt_batch *batch, struct mt_ledger *ledger,
                        struct mt_process *process)
{
	struct mt_batch_member *member;

	if (!process->has_ended) {
		/* A point that is due while nothing happens: all before it has been applied. */
		if (process->events != process->point_events &&
		    ledger->cut_stamp >= process->point_stamp) {
			mt_process_point(process,
			                 mt_stamp_ns(&ledger->stamps, process->point_stamp), NULL);
			process->point_stamp +=
			        ((ledger->cut_stamp - process->point_stamp) / process->point_ticks +
			         1) *
			        process->point_ticks;
		}
		mt_lifecycle_measure(ledger, process);
	}
	if (!mt_process_is_owed(process) || mt_kept_waits(ledger, process))
		return 0;
	mt_totals_follow_peak(&process->totals);
	if (reserve_process(batch, process) < 0)
		return -ENOMEM;
	take_threads(batch, ledger, process);
	member = &batch->members[batch->members_count];
	*member = (struct mt_batch_member){.process = process,
	                                   .slot = process->slot,
	                                   .generation = process->generation,
	                                   .pid = process->pid,
	                                   .row = batch->processes_count};
	if (process->snapshot_reason) {
		member->is_end = true;
		member->snapshot = batch->snapshots_count;
		if (!process->snapshot_id)
			process->snapshot_id = ++ledger->snapshot_ids;
		if (mt_snapshot_take(process, process->snapshot_id,
		                     &batch->snapshots[batch->snapshots_count]) < 0)
			return -ENOMEM;
		batch->snapshots_count++;
	}
	batch->members_count++;
	take_row(batch, process);
	mt_packs_take_totals(batch, process);
	take_growth(batch, process);
	take_pauses(batch, process);
	take_bad_frees(batch, process);
	take_points(batch, process);
	process->is_in_batch = true;
	return 0;
}

struct mt_batch *mt_batch_build(struct mt_ledger *ledger)
{
	struct mt_batch *batch = calloc(1, sizeof(*batch));

	if (!batch)
		return NULL;
	if (reserve_code(batch, ledger) < 0 || RESERVE(batch, notes, ledger->notes.count) < 0) {
		free_batch(batch);
		return NULL;
	}
	take_code(batch, ledger);
	take_notes(batch, &ledger->notes);
	for (struct mt_process *process = ledger->first; process; process = process->next)
		if (process->id && take_process(batch, ledger, process) < 0)
			break;
	batch->residents = ledger->residents;
	ledger->residents = NULL;
	batch->dropped = ledger->dropped;
	batch->dropped_count = ledger->dropped_count;
	ledger->dropped = NULL;
	ledger->dropped_count = ledger->dropped_capacity = 0;
	return batch;
}

bool mt_batch_is_empty(const struct mt_batch *batch)
{
	return !(batch->modules_count || batch->frames_count || batch->stack_packs_count ||
	         batch->processes_count || batch->threads_count || batch->total_packs_count ||
	         batch->samples_count || batch->pauses_count || batch->bad_frees_count ||
	         batch->timeline_count || batch->notes_count || batch->snapshots_count ||
	         batch->dropped_count || batch->residents);
}

void mt_batch_settle(struct mt_batch *batch)
{
	for (size_t i = 0; i < batch->members_count; i++) {
		const struct mt_batch_member *member = &batch->members[i];
		struct mt_process *process = member->process;

		process->is_in_batch = false;
		if (!member->is_end)
			continue;
		process->is_committed = true;
		process->is_counted = true;
		process->counted_blocks = batch->snapshots[member->snapshot].live_blocks;
		process->counted_bytes = batch->snapshots[member->snapshot].live_bytes;
	}
	free_batch(batch);
}
