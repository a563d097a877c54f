/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * ledger.c - see ledger.h.
 */
#include "collect/ledger.h"

#include "collect/resident.h"

#include <string.h>
#include <unistd.h>

void mt_ledger_init(struct mt_ledger *ledger, struct mt_segment *segment, enum mt_clock clock,
                    uint32_t point_ms, struct mt_mailbox *to_service)
{
	ledger->segment = segment;
	ledger->sample_bytes = segment->sample_bytes;
	ledger->wants_free_stacks = segment->first_gate & MT_GATE_FREE_STACKS;
	ledger->to_service = to_service;
	mt_stamp_start(&ledger->stamps, clock);
	ledger->now_ns = mt_stamp_monotonic_ns();
	ledger->bytes_max = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE) / 2;
	ledger->forks.bytes_max = ledger->bytes_max / 2;
	ledger->point_ticks = mt_stamp_ticks(&ledger->stamps, (uint64_t)point_ms * 1000000u);
	ledger->page_bytes = (uint64_t)sysconf(_SC_PAGESIZE);
	if (!ledger->point_ticks)
		ledger->point_ticks = 1;
}

static uint64_t map_bytes(const struct mt_map *map)
{
	return map->capacity * sizeof(*map->entries);
}

static uint64_t past_bytes(const struct mt_past *past)
{
	return past ? mt_live_bytes(&past->changed) + mt_live_bytes(&past->claimed) : 0;
}

static uint64_t process_bytes(const struct mt_process *process)
{
	const struct mt_totals *totals = &process->totals;

	return sizeof(*process) + mt_live_bytes(&process->live) + past_bytes(process->inherited) +
	       totals->capacity * sizeof(*totals->rows) + totals->id_count * sizeof(*totals->ids) +
	       totals->dirty_capacity * sizeof(*totals->dirty) + map_bytes(&totals->index) +
	       (process->estimate ? process->estimate->capacity * sizeof(*process->estimate->rows)
	                          : 0) +
	       process->ranges.capacity * sizeof(*process->ranges.rows) +
	       process->thread_capacity * sizeof(*process->threads) +
	       process->idle_capacity * sizeof(*process->idle_threads) +
	       map_bytes(&process->thread_index) +
	       process->point_capacity * sizeof(*process->points);
}

void mt_ledger_weigh(struct mt_ledger *ledger)
{
	const struct mt_stacks *stacks = &ledger->stacks;
	uint64_t bytes = ledger->forks.bytes + stacks->node_capacity * sizeof(*stacks->nodes) +
	                 stacks->frame_capacity * sizeof(*stacks->frames) +
	                 map_bytes(&stacks->node_index) + map_bytes(&stacks->frame_index);

	if (ledger->is_full)
		return;
	for (const struct mt_fork *fork = ledger->forks.first; fork; fork = fork->next)
		bytes += past_bytes(fork->past);
	for (const struct mt_process *process = ledger->first; process; process = process->next)
		bytes += process_bytes(process);
	if (bytes <= ledger->bytes_max)
		return;
	ledger->is_full = true;
	for (struct mt_process *process = ledger->first; process; process = process->next)
		process->attention |= MT_ATTEND_FULL;
	mt_notes_add(
	        &ledger->notes, 0, mt_stamp_ns(&ledger->stamps, ledger->cut_stamp), "limit", 1,
	        "the collector's books have reached their limit, half of the machine's memory: "
	        "what is allocated from here on is not recorded");
}

void mt_ledger_free(struct mt_ledger *ledger)
{
	while (ledger->residents) {
		struct mt_resident *next = ledger->residents->next;

		mt_resident_free(ledger->residents);
		ledger->residents = next;
	}
	while (ledger->first) {
		struct mt_process *next = ledger->first->next;

		mt_process_free(ledger->first);
		ledger->first = next;
	}
	free(ledger->dropped);
	mt_forks_free(&ledger->forks);
	mt_notes_free(&ledger->notes);
	mt_stacks_free(&ledger->stacks);
	mt_modules_free(&ledger->modules);
}

void mt_ledger_post(struct mt_ledger *ledger, const struct mt_mail *mail)
{
	mt_mailbox_post(ledger->to_service, mail);
	ledger->service_has_mail = true;
}

void mt_ledger_number_thread(struct mt_ledger *ledger, const struct mt_process *process,
                             struct mt_thread *thread)
{
	if (thread->id)
		return;
	thread->id = ++ledger->thread_ids;
	if (!thread->has_ended && !process->has_ended)
		mt_ledger_post(ledger, &(struct mt_mail){.type = MT_MAIL_NAME,
		                                         .slot = process->slot,
		                                         .generation = process->generation,
		                                         .pid = process->pid,
		                                         .tid = (int32_t)thread->tid});
}
