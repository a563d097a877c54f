/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * ledger.h - everything that events are applied to: the books of a session.
 *
 * Owned by the drain thread. apply.c writes events into it, lifecycle.c lets processes come and go,
 * batch.c copies out what the file does not have yet.
 */
#ifndef MT_COLLECT_LEDGER_H
#define MT_COLLECT_LEDGER_H

#include "collect/drain.h"
#include "collect/forks.h"
#include "collect/mail.h"
#include "collect/modules.h"
#include "collect/notes.h"
#include "collect/process.h"
#include "collect/stacks.h"
#include "collect/stamp.h"

struct mt_snapshots;

struct mt_ledger {
	struct mt_segment *segment; /* not NULL */
	uint64_t sample_bytes;      /* the segment's, as it was before anybody joined */
	bool wants_free_stacks;     /* of all processes; likewise */
	struct mt_stamps stamps;
	struct mt_modules modules;
	struct mt_stacks stacks;
	struct mt_notes notes;
	struct mt_forks forks;
	struct mt_process *first; /* all that are not released */
	struct mt_process *by_slot[MT_SLOTS];
	uint32_t slot_count; /* that there are to look at */
	struct mt_mailbox *to_service;
	bool service_has_mail; /* wake it at the end of the round */
	uint64_t now_ns;       /* CLOCK_MONOTONIC at the start of the round */
	uint64_t
	        awake_ns; /* a clock that stands still while we are kept from running: for how long others keep us waiting */
	uint32_t round;
	uint64_t cut_stamp;   /* of the round: all that was stamped before it is applied */
	uint64_t point_ticks; /* between two points of the timeline */
	uint32_t process_ids; /* rows given out */
	uint32_t thread_ids;
	uint32_t snapshot_ids;
	struct mt_resident *residents; /* snapshots of pages that wait for a batch */
	uint32_t *dropped;             /* of those in the file, which are to be taken out */
	size_t dropped_count;
	size_t dropped_capacity;
	uint64_t moments;               /* wire/moments.h: when pages are looked at unasked */
	struct mt_snapshots *snapshots; /* takes them; NULL: nobody does */
	struct mt_collector *collector;
	uint64_t page_bytes;
	uint64_t orphans;   /* events before anybody said whose they are */
	bool wants_round;   /* the next round has something to do already: do not sleep */
	bool is_unsettled;  /* some process is on its way out: mt_lifecycle_settle() has to look */
	bool is_urgent;     /* a process has ended: commit without waiting for the second to pass */
	uint64_t bytes_max; /* what the books may take: half of the machine's memory */
	bool is_full; /* they take it: from now on only what makes them no larger is applied */
	unsigned char payload[MT_EVENT_PAYLOAD_MAX + 1];
};

/* A sign of life, and the threads read the clock again. */
static inline void mt_ledger_beat(struct mt_segment *segment)
{
	uint64_t beat = atomic_fetch_add_explicit(&segment->heartbeat, 1, memory_order_relaxed) + 1;

	atomic_store_explicit(&segment->tick, (uint32_t)beat, memory_order_relaxed);
}

/*
 * Now and then: how large the books are, and whether that is too much. Who writes to a ring decides what stands
 * in them, so they must have a limit that does not depend on him.
 */
void mt_ledger_weigh(struct mt_ledger *ledger);

/* *ledger is zeroed memory. point_ms: milliseconds between two points of the timeline. */
void mt_ledger_init(struct mt_ledger *ledger, struct mt_segment *segment, enum mt_clock clock,
                    uint32_t point_ms, struct mt_mailbox *to_service);
void mt_ledger_free(struct mt_ledger *ledger);

/* Asks the service thread for something. */
void mt_ledger_post(struct mt_ledger *ledger, const struct mt_mail *mail);

/* The thread's row in the file has a number from now on, and its name is asked for. */
void mt_ledger_number_thread(struct mt_ledger *ledger, const struct mt_process *process,
                             struct mt_thread *thread);

#endif
