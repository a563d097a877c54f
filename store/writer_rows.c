/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * writer_rows.c - see writer.h: rows of the session, its processes and their code.
 */
#include "store/sql.h"
#include "store/writer.h"

int mt_writer_note(struct mt_writer *writer, const struct mt_writer_note *row)
{
	return mt_sql_run(writer, MT_SQL_NOTE, "rrusus", row->id, row->process, row->time_ns,
	                  row->kind, row->count, row->text);
}

int mt_writer_process(struct mt_writer *writer, const struct mt_writer_process *row)
{
	int r = mt_sql_run(writer, row->known ? MT_SQL_PROCESS_CHANGED : MT_SQL_PROCESS_NEW,
	                   row->known ? "rrisiiuuuuuuuuiuuuuuuuuuuuuuuui"
	                              : "rrisiiuuuuuuuuiuuuuuuuuuuuuuuuissssu",
	                   row->id, row->parent, row->ended_ns, row->end_reason, row->exit_status,
	                   row->exit_signal, row->allocations, row->frees, row->bytes_allocated,
	                   row->bytes_freed, row->live_blocks, row->live_bytes, row->peak_bytes,
	                   row->peak_blocks, row->peak_ns, row->temporary, row->own_allocations,
	                   row->own_frees, row->own_bytes, row->inherited_blocks,
	                   row->inherited_bytes, row->inherited_frees, row->unmatched_frees,
	                   row->dropped_events, row->events, row->stacks, row->stacks_cut,
	                   row->unknown_frees, row->late_events, row->mismatched_frees, row->pid,
	                   row->origin, row->command, row->arguments, row->executable,
	                   row->started_ns);

	if (r == 0 && row->walks)
		r = mt_sql_run(writer, MT_SQL_WALK, "ruuuuuu", row->id, row->walks,
		               row->frames_stepped, row->frames_kept, row->walks_libunwind,
		               row->walks_verified, row->walks_different);
	if (r == 0)
		r = mt_sql_run(writer, MT_SQL_TRACING, "ruuu", row->id, row->rings, row->ring_bytes,
		               row->stack_table_bytes);
	return r;
}

int mt_writer_thread(struct mt_writer *writer, const struct mt_writer_thread *row)
{
	return mt_sql_run(writer, MT_SQL_THREAD, "rrisui", row->id, row->process, row->tid,
	                  row->name[0] ? row->name : NULL, row->started_ns, row->ended_ns);
}

int mt_writer_module(struct mt_writer *writer, const struct mt_writer_module *row)
{
	return mt_sql_run(writer, MT_SQL_MODULE, "rss", row->id, row->path, row->build_id);
}

int mt_writer_frame(struct mt_writer *writer, const struct mt_writer_frame *row)
{
	return mt_sql_run(writer, MT_SQL_FRAME, "rra", row->id, row->module, row->offset);
}

int mt_writer_sample(struct mt_writer *writer, const struct mt_writer_sample *row)
{
	return mt_sql_run(
	        writer, MT_SQL_SAMPLE, "rruuuddddddd", row->process, row->stack,
	        (uint64_t)row->kind, row->allocations, row->frees, row->allocations_variance,
	        row->bytes_allocated_variance, row->live_blocks_variance, row->live_bytes_variance,
	        row->peak_blocks_variance, row->peak_bytes_variance, row->temporary_variance);
}

int mt_writer_weight(struct mt_writer *writer, const struct mt_writer_weight *row)
{
	return mt_sql_run(writer, MT_SQL_WEIGHT, "ududd", row->size_bytes, row->blocks, row->bytes,
	                  row->blocks_variance, row->bytes_variance);
}

int mt_writer_pause(struct mt_writer *writer, const struct mt_writer_pause *row)
{
	return mt_sql_run(writer, MT_SQL_PAUSE, "rui", row->process, row->started_ns,
	                  row->ended_ns);
}

int mt_writer_growth(struct mt_writer *writer, const struct mt_writer_growth *row)
{
	return mt_sql_run(writer, MT_SQL_GROWTH, "rusruui", row->process, (uint64_t)row->number,
	                  row->kind, row->stack, row->calls, row->grown_bytes, row->returned_bytes);
}

int mt_writer_bad_free(struct mt_writer *writer, const struct mt_writer_bad_free *row)
{
	return mt_sql_run(writer, MT_SQL_BAD_FREE, "rusuruurrrri", row->process,
	                  (uint64_t)row->number, row->problem, row->time_ns, row->thread, row->addr,
	                  (uint64_t)row->call, row->stack, row->allocated_by, row->allocated_stack,
	                  row->freed_stack, row->size_bytes);
}

int mt_writer_timeline(struct mt_writer *writer, const struct mt_writer_timeline *row)
{
	const struct mt_usage *usage = &row->usage;

	return mt_sql_run(writer, MT_SQL_TIMELINE, "ruuuuiiiiiiiii", row->process, row->time_ns,
	                  row->live_blocks, row->live_bytes, row->allocations,
	                  usage->rss_anon_bytes, usage->rss_file_bytes, usage->rss_shmem_bytes,
	                  usage->swap_bytes, usage->mapped_bytes, usage->peak_rss_bytes,
	                  usage->break_bytes, usage->minor_faults, usage->major_faults);
}

int mt_writer_thin_timeline(struct mt_writer *writer, uint32_t process)
{
	return mt_sql_run(writer, MT_SQL_THIN_TIMELINE, "r", process);
}
