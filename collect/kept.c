/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * kept.c - see kept.h.
 */
#include "collect/kept.h"

#include "base/array.h"
#include "collect/lifecycle.h"
#include "collect/resident.h"
#include "collect/snapshots.h"
#include "wire/moments.h"

#include <stdlib.h>
#include <string.h>

/* An ending process does not wait for its pages longer than this. They go into the file all the same when they come. */
#define WAIT_NS 3000000000ull

static void note(struct mt_ledger *ledger, uint32_t process, const char *why)
{
	mt_notes_add(&ledger->notes, process, mt_stamp_ns(&ledger->stamps, ledger->cut_stamp),
	             "snapshot", 1, "what was resident at the end was not found out: %s", why);
}

bool mt_kept_has_room(const struct mt_ledger *ledger, const struct mt_process *process)
{
	uint64_t bytes = process->live.entries
	                         ? (process->live.mask + 1) * sizeof(*process->live.entries)
	                         : 0;

	return !ledger->is_full && bytes <= ledger->bytes_max / 4;
}

/* The one that the session was begun for: it is what somebody wants to know of, however small. */
#define FIRST_ROW 1u

static bool is_wanted_at_end(const struct mt_ledger *ledger, const struct mt_process *process,
                             uint64_t stamp)
{
	uint64_t age_ns = mt_stamp_ns(&ledger->stamps, stamp) - process->started_ns;

	if (!ledger->snapshots || !process->id || process->estimate)
		return false;
	return ledger->moments & MT_MOMENT_EXIT ||
	       (ledger->moments & MT_MOMENT_AUTO &&
	        (process->id == FIRST_ROW || mt_kept_is_worth(age_ns, process->totals.peak_bytes)));
}

void mt_kept_exit(struct mt_ledger *ledger, struct mt_process *process, uint64_t stamp)
{
	struct mt_resident *resident;

	/* A peak may be just before the end. */
	if (process->looks_under_way)
		process->pages_until_ns = mt_stamp_monotonic_ns() + WAIT_NS;
	if (!is_wanted_at_end(ledger, process, stamp))
		return;
	if (!mt_kept_has_room(ledger, process)) {
		note(ledger, process->id, "too many blocks are live");
		return;
	}
	resident = mt_resident_new(ledger->collector, process->slot, process->generation,
	                           process->pid, MT_RESIDENT_EXIT);
	if (!resident || mt_resident_copy_end(ledger, process, resident) < 0) {
		note(ledger, process->id, "the collector has no memory for it");
		if (resident)
			mt_resident_free(resident);
		return;
	}
	process->snapshot_id = resident->snapshot.id;
	process->is_end_looked_at = true;
	process->pages_until_ns = mt_stamp_monotonic_ns() + WAIT_NS;
	mt_snapshots_add(ledger->snapshots, resident);
}

bool mt_kept_waits(struct mt_ledger *ledger, struct mt_process *process)
{
	if (!process->pages_until_ns)
		return false;
	if (ledger->now_ns < process->pages_until_ns)
		return true;
	process->pages_until_ns = 0;
	ledger->is_urgent = true;
	return false;
}

void mt_kept_stop(struct mt_ledger *ledger)
{
	for (struct mt_process *process = ledger->first; process; process = process->next)
		process->pages_until_ns = 0;
}

/* Takes a snapshot back that is not yet on its way to the file. False: it is. */
static bool withdraw(struct mt_ledger *ledger, uint32_t snapshot)
{
	for (struct mt_resident **at = &ledger->residents; *at; at = &(*at)->next) {
		struct mt_resident *resident = *at;

		if (resident->snapshot.id != snapshot)
			continue;
		*at = resident->next;
		mt_resident_free(resident);
		return true;
	}
	return false;
}

static void drop(struct mt_ledger *ledger, uint32_t snapshot)
{
	if (!snapshot || withdraw(ledger, snapshot))
		return;
	/* Without memory it stays: one more than there should be. */
	if (MT_ARRAY_RESERVE(ledger->dropped, ledger->dropped_capacity,
	                     ledger->dropped_count + 1) == 0)
		ledger->dropped[ledger->dropped_count++] = snapshot;
}

/* A larger one takes the place of the last; one that came too late for the peak is of no use. */
static bool keep_peak(struct mt_ledger *ledger, struct mt_process *process,
                      const struct mt_resident *resident)
{
	if (resident->owners.resident_bytes <= process->peak_resident_bytes)
		return false;
	drop(ledger, process->peak_snapshot);
	process->peak_snapshot = resident->snapshot.id;
	process->peak_resident_bytes = resident->owners.resident_bytes;
	return true;
}

static bool keep_periodic(struct mt_ledger *ledger, struct mt_process *process,
                          const struct mt_resident *resident)
{
	uint32_t kept = 0;

	if (!process->periodic)
		process->periodic = calloc(MT_PROCESS_PERIODIC_MAX, sizeof(*process->periodic));
	if (!process->periodic)
		return false;
	if (process->periodic_count == MT_PROCESS_PERIODIC_MAX) {
		for (uint32_t i = 0; i < MT_PROCESS_PERIODIC_MAX; i++)
			if (i % 2)
				drop(ledger, process->periodic[i]);
			else
				process->periodic[kept++] = process->periodic[i];
		process->periodic_count = kept;
	}
	process->periodic[process->periodic_count++] = resident->snapshot.id;
	return true;
}

/* The end's own point of the timeline was made before its pages were looked at. */
static void keep_end(struct mt_ledger *ledger, struct mt_process *process,
                     const struct mt_resident *resident)
{
	ledger->is_urgent = true;
	process->pages_until_ns = 0;
	process->is_end_looked_at = false;
	if (resident->status)
		note(ledger, process->id, resident->message);
	else if (process->point_count)
		process->points[process->point_count - 1].usage = resident->usage;
}

/* The last look at a peak has come, and nothing else is waited for. */
static void end_look(struct mt_ledger *ledger, struct mt_process *process)
{
	if (--process->looks_under_way || process->is_end_looked_at || !process->pages_until_ns)
		return;
	process->pages_until_ns = 0;
	ledger->is_urgent = true;
}

static bool is_kept(struct mt_ledger *ledger, const struct mt_resident *resident)
{
	struct mt_process *process = ledger->by_slot[resident->slot];

	if (process && process->generation != resident->generation)
		process = NULL;
	/* Its end is in the file, or on its way: nothing is put behind that but what was asked for. */
	if (process && process->has_ended && !process->snapshot_reason &&
	    resident->reason != MT_RESIDENT_EXIT)
		process = NULL;
	switch (resident->reason) {
	case MT_RESIDENT_ASKED: return true;
	case MT_RESIDENT_EXIT:
		if (process)
			keep_end(ledger, process, resident);
		return resident->status == 0;
	case MT_RESIDENT_PEAK:
		if (process && resident->state == MT_COPY_DONE)
			end_look(ledger, process);
		return process && resident->status == 0 && keep_peak(ledger, process, resident);
	case MT_RESIDENT_PERIODIC:
		return process && resident->status == 0 && keep_periodic(ledger, process, resident);
	}
	return false;
}

void mt_kept_arrived(struct mt_ledger *ledger, struct mt_resident *resident)
{
	if (!is_kept(ledger, resident)) {
		mt_resident_free(resident);
		return;
	}
	resident->next = ledger->residents;
	ledger->residents = resident;
	/* Somebody waits for these; the others go with the next batch. */
	if (resident->reason == MT_RESIDENT_ASKED || resident->reason == MT_RESIDENT_EXIT)
		ledger->is_urgent = true;
}

void mt_kept_usage(struct mt_ledger *ledger, const struct mt_mail *mail)
{
	struct mt_process *process = ledger->by_slot[mail->slot];
	uint64_t stamp = ledger->cut_stamp;

	if (!process || process->generation != mail->generation || process->has_ended ||
	    !process->id || stamp < process->usage_stamp)
		return;
	mt_process_point(process, mt_stamp_ns(&ledger->stamps, stamp), &mail->usage);
	process->usage_stamp = stamp + process->point_ticks * 3 / 4;
	/* Points of events alone fill in where the probe is late. */
	process->point_stamp = stamp + process->point_ticks * 3 / 2;
}
