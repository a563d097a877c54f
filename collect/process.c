/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * process.c - see process.h.
 */
#include "collect/process.h"

#include "base/array.h"

#include <errno.h>
#include <stdlib.h>

/* A tid that comes back within this time is the same thread at its very end; tids are used in turn. */
#define SAME_THREAD_NS 1000000000ull

struct mt_process *mt_process_new(uint32_t slot, uint32_t generation, int32_t pid)
{
	struct mt_process *process = calloc(1, sizeof(*process));

	if (!process)
		return NULL;
	process->slot = slot;
	process->generation = generation;
	process->pid = pid;
	process->exit_status = MT_MAIL_UNKNOWN;
	process->exit_signal = MT_MAIL_UNKNOWN;
	process->ended_ns = MT_MAIL_UNKNOWN;
	mt_growth_init(&process->growth);
	process->is_dirty = true;
	return process;
}

void mt_process_free(struct mt_process *process)
{
	mt_identity_free(&process->identity);
	mt_past_end(process, true);
	mt_live_free(&process->live);
	mt_totals_free(&process->totals);
	mt_estimate_free(process->estimate);
	mt_frees_free(&process->frees);
	free(process->pauses);
	mt_ranges_free(&process->ranges);
	mt_regions_free(&process->regions);
	mt_growth_free(&process->growth);
	for (size_t i = 0; i < process->thread_count; i++)
		free(process->threads[i].reallocs);
	free(process->threads);
	free(process->idle_threads);
	mt_map_free(&process->thread_index);
	free(process->points);
	free(process->periodic);
	free(process);
}

void mt_process_idle(struct mt_process *process, uint32_t thread)
{
	if (process->thread_count < MT_PROCESS_THREADS_KEPT ||
	    MT_ARRAY_RESERVE(process->idle_threads, process->idle_capacity,
	                     process->idle_count + 1) < 0)
		return;
	process->idle_threads[process->idle_count++] = thread;
}

/* Takes the tids of threads that are no more out of the index: as many again may come before it is done again. */
static int forget_tids(struct mt_process *process)
{
	struct mt_map index = {0};

	for (size_t i = 0; i < process->thread_count; i++) {
		const struct mt_thread *thread = &process->threads[i];
		uint32_t last;
		int r;

		if (mt_map_find(&index, thread->tid, 0, &last) &&
		    process->threads[last].started_ns >= thread->started_ns)
			continue;
		r = mt_map_set(&index, thread->tid, 0, (uint32_t)i);
		if (r < 0) {
			mt_map_free(&index);
			return r;
		}
	}
	mt_map_free(&process->thread_index);
	process->thread_index = index;
	return 0;
}

/* A place that may be given to another thread, or thread_count: there is none. */
static size_t find_place(struct mt_process *process)
{
	while (process->idle_count) {
		uint32_t index = process->idle_threads[--process->idle_count];
		struct mt_thread *thread = &process->threads[index];

		/* It may have come back since. */
		if (!thread->has_ended || thread->live_blocks)
			continue;
		process->replaced_threads++;
		return index;
	}
	return process->thread_count;
}

int mt_process_thread(struct mt_process *process, uint32_t tid, uint64_t now_ns,
                      uint32_t *ret_index)
{
	struct mt_thread *thread;
	uint32_t id = 0;
	size_t place;

	if (mt_map_find(&process->thread_index, tid, 0, ret_index)) {
		thread = &process->threads[*ret_index];
		if (thread->tid == tid &&
		    (!thread->has_ended || now_ns - thread->ended_ns < SAME_THREAD_NS)) {
			thread->has_ended = false;
			thread->rings++;
			return 0;
		}
	}
	place = find_place(process);
	if (process->thread_index.count >= 2 * (process->thread_count + MT_PROCESS_THREADS_KEPT) &&
	    forget_tids(process) < 0)
		return -ENOMEM;
	if (MT_ARRAY_RESERVE(process->threads, process->thread_capacity, place + 1) < 0 ||
	    mt_map_set(&process->thread_index, tid, 0, (uint32_t)place) < 0)
		return -ENOMEM;
	thread = &process->threads[place];
	if (place == process->thread_count) {
		process->thread_count++;
	} else {
		id = thread->id;
		free(thread->reallocs);
	}
	*thread = (struct mt_thread){
	        .id = id, .tid = tid, .rings = 1, .started_ns = now_ns, .is_dirty = true};
	process->has_dirty_threads = true;
	*ret_index = (uint32_t)place;
	return 0;
}

static bool is_stopped(const struct mt_process *process)
{
	return process->pause_count &&
	       process->pauses[process->pause_count - 1].ended_ns == MT_MAIL_UNKNOWN;
}

void mt_process_stop(struct mt_process *process, uint64_t now_ns)
{
	process->was_off = true;
	if (is_stopped(process))
		return;
	if (MT_ARRAY_RESERVE(process->pauses, process->pause_capacity, process->pause_count + 1) <
	    0) {
		process->out_of_memory++;
		return;
	}
	process->pauses[process->pause_count++] = (struct mt_pause){
	        .started_ns = now_ns, .ended_ns = MT_MAIL_UNKNOWN, .is_dirty = true};
	process->is_dirty = true;
}

void mt_process_start(struct mt_process *process, uint64_t now_ns)
{
	struct mt_pause *last;

	if (!is_stopped(process))
		return;
	last = &process->pauses[process->pause_count - 1];
	last->ended_ns = (int64_t)now_ns;
	last->is_dirty = true;
	process->is_dirty = true;
}

bool mt_process_is_owed(const struct mt_process *process)
{
	return process->id && (process->is_dirty || process->snapshot_reason ||
	                       process->point_count || process->events != process->events_written);
}

void mt_process_point(struct mt_process *process, uint64_t time_ns, const struct mt_usage *usage)
{
	struct mt_point *point;
	size_t kept = 0;

	process->point_events = process->events;
	if (process->point_count >= MT_PROCESS_POINTS_MAX) {
		for (size_t i = 0; i < process->point_count; i += 2)
			process->points[kept++] = process->points[i];
		process->point_count = kept;
	}
	if (MT_ARRAY_RESERVE(process->points, process->point_capacity, process->point_count + 1) <
	    0)
		return;
	point = &process->points[process->point_count++];
	point->time_ns = time_ns;
	point->live_blocks = process->totals.live_blocks;
	point->live_bytes = process->totals.live_bytes;
	point->allocations = process->totals.allocations;
	point->usage = usage ? *usage : mt_usage_nothing();
	if (process->estimate) {
		point->live_blocks = mt_estimate_live_blocks(process->estimate);
		point->allocations = mt_estimate_allocations(process->estimate);
	}
}
