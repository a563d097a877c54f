/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * process.c - see process.h.
 */
#include "collect/process.h"

#include "base/array.h"

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
	process->is_dirty = true;
	return process;
}

void mt_process_free(struct mt_process *process)
{
	mt_identity_free(&process->identity);
	mt_live_free(&process->live);
	mt_totals_free(&process->totals);
	mt_ranges_free(&process->ranges);
	for (size_t i = 0; i < process->thread_count; i++)
		free(process->threads[i].name);
	free(process->threads);
	mt_map_free(&process->thread_index);
	free(process->points);
	free(process);
}

int mt_process_thread(struct mt_process *process, uint32_t tid, uint64_t now_ns,
                      uint32_t *ret_index)
{
	struct mt_thread *thread;
	int r;

	if (mt_map_find(&process->thread_index, tid, 0, ret_index)) {
		thread = &process->threads[*ret_index];
		if (!thread->has_ended || now_ns - thread->ended_ns < SAME_THREAD_NS) {
			thread->has_ended = false;
			thread->rings++;
			return 0;
		}
	}
	r = MT_ARRAY_RESERVE(process->threads, process->thread_capacity, process->thread_count + 1);
	if (r == 0)
		r = mt_map_set(&process->thread_index, tid, 0, (uint32_t)process->thread_count);
	if (r < 0)
		return r;
	*ret_index = (uint32_t)process->thread_count++;
	thread = &process->threads[*ret_index];
	process->has_dirty_threads = true;
	*thread =
	        (struct mt_thread){.tid = tid, .rings = 1, .started_ns = now_ns, .is_dirty = true};
	return 0;
}

bool mt_process_is_owed(const struct mt_process *process)
{
	return process->id && (process->is_dirty || process->snapshot_reason ||
	                       process->point_count || process->events != process->events_written);
}

void mt_process_point(struct mt_process *process, uint64_t time_ns)
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
}
