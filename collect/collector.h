/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * collector.h - the drain thread: wait, drain every ring, hand over a batch, notice the end.
 *
 * It never waits for a traced process, a file or /proc: what needs those is asked of the service thread
 * (session.c) or handed to the writer thread (commit.c). Tests call the single steps.
 */
#ifndef MT_COLLECT_COLLECTOR_H
#define MT_COLLECT_COLLECTOR_H

#include "collect/commit.h"
#include "collect/ledger.h"
#include "collect/merge.h"
#include "collect/probe.h"
#include "collect/snapshots.h"

struct mt_collector {
	struct mt_ledger ledger;
	struct mt_drain drains[MT_RINGS];
	struct mt_merge_entry entries[MT_RINGS + 1]; /* one more: see merge.h */
	struct mt_drain_areas areas;
	uint32_t drain_count;
	struct mt_mailbox mail; /* from the service thread */
	struct mt_mail *unread; /* taken out of it, waits for the events before it */
	struct mt_mailbox *to_service;
	int service_event_fd;     /* an eventfd that wakes the service thread; -1: none */
	struct mt_commit *commit; /* NULL: nothing is written (tests) */
	uint64_t segment_inode;   /* of the memfd: who has that mapped is of the session */
	struct mt_snapshots snapshots;
	struct mt_probe probe;
	uint32_t slot_claims; /* as last looked at */
	uint64_t begun_ns;
	uint64_t last_batch_ns;
	uint64_t last_tick_ns;
	uint64_t last_scan_ns;
	uint64_t last_event_ns;
	bool has_changes;   /* since the last batch was built */
	bool is_stopping;   /* MT_MAIL_STOP came: one more round, then everything ends */
	bool wants_rest;    /* MT_MAIL_REST came: to be answered after this round */
	bool is_backlogged; /* a ring was rather full: do not sleep */
};

/* *collector is zeroed memory, of which most is never touched: few sessions have many rings. */
void mt_collector_init(struct mt_collector *collector, struct mt_segment *segment,
                       enum mt_clock clock, uint32_t point_ms, struct mt_mailbox *to_service,
                       int service_event_fd, struct mt_commit *commit);
void mt_collector_free(struct mt_collector *collector);

/* Reads all that is published and applies it. How many events that were. */
uint64_t mt_collector_round(struct mt_collector *collector);

/* The life of the drain thread: a struct mt_collector. Ends after MT_MAIL_STOP. */
void *mt_collector_run(void *collector);

/* Makes the drain thread look, from another thread. */
void mt_collector_wake(struct mt_collector *collector);

#endif
