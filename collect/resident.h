/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * resident.h - a snapshot of a process's pages: who owns what is resident.
 *
 * Taken in a thread of its own (snapshots.h), so that neither the service thread nor the drain thread waits:
 *
 *	service thread        snapshot thread                     drain thread           writer thread
 *	mt_snapshots_add ---> stops the process
 *	                      asks (MT_MAIL_COPY) --------------> copies live blocks
 *	                      reads smaps and pages               and regions
 *	                      lets it go on           <---------- (once it has begun)
 *	                      finds owners            <----------
 *	                      hands over (MT_MAIL_RESIDENT) ----> next batch ----------> rows
 *	answers <------------------------------------------------ MT_MAIL_WRITTEN
 *
 * At a process's end the drain thread asks, with the copy made already. What is taken of a process that goes on by itself (at
 * a peak, or periodically) does not stop it. Who holds the struct last frees it.
 */
#ifndef MT_COLLECT_RESIDENT_H
#define MT_COLLECT_RESIDENT_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/usage.h"
#include "collect/anonymous.h"
#include "collect/freeze.h"
#include "collect/owners.h"
#include "collect/pins.h"
#include "collect/pages.h"
#include "collect/snapshot.h"
#include "host/kept.h"
#include "wire/segment.h"

struct mt_collector;
struct mt_ledger;

enum mt_resident_reason {
	MT_RESIDENT_ASKED,
	MT_RESIDENT_EXIT,
	MT_RESIDENT_PEAK,
	MT_RESIDENT_PERIODIC,
};

enum mt_copy_state {
	MT_COPY_ASKED,
	MT_COPY_BEGUN, /* all up to the question is applied, and nothing behind it until the copy is made */
	MT_COPY_DONE,
	MT_COPY_REFUSED,
};

struct mt_resident_thread {
	int64_t tid;
	uint32_t row;
};

struct mt_resident {
	struct mt_resident *next; /* in a queue, a ledger or a batch */
	struct mt_collector *collector;
	uint32_t slot;
	uint32_t generation;
	pid_t pid;
	enum mt_resident_reason reason;
	uint64_t serial; /* of who waits for it; 0: nobody */
	uint64_t page_bytes;

	const struct mt_freeze *freeze; /* the threads that stand still; while it is taken */

	/* by the drain thread, under the mutex */
	pthread_mutex_t mutex;
	pthread_cond_t changed;
	enum mt_copy_state state;
	uint32_t asked_round; /* the round that saw the question; 0: none yet */
	struct mt_snapshot snapshot;
	struct mt_region *regions;
	size_t region_count;
	struct mt_growth_range *growth;
	size_t growth_count;
	uint32_t *region_modules;                 /* of each: mt_pools_modules() */
	struct mt_slot_range own[MT_SLOT_RANGES]; /* the library's, as the slot has them */
	struct mt_resident_thread *threads;
	size_t thread_count;

	uint32_t blocks_of; /* the stack whose blocks are to be kept, too; 0: of none */
	/* by the snapshot thread */
	struct mt_memory memory;
	struct mt_owners owners;
	struct mt_anonymous anonymous;
	struct mt_pins pins;
	bool is_frozen;
	uint64_t stopped_ns; /* for how long */
	uint64_t took_ns;    /* all of it */
	uint64_t cpu_ns;     /* of a processor, in the snapshot thread */
	uint32_t tries;
	uint64_t page_table_bytes;
	struct mt_usage usage;
	struct mt_kept kept;
	int status; /* 0, or -errno and why: */
	char message[256];
};

/* One that is yet to be taken. NULL: out of memory. */
struct mt_resident *mt_resident_new(struct mt_collector *collector, uint32_t slot,
                                    uint32_t generation, pid_t pid, enum mt_resident_reason reason);

/* Snapshot thread: finds out what is resident and whose; status says whether it could. */
void mt_resident_take(struct mt_resident *resident);

/* Drain thread, at the end of a process: copies before anything is given up. 0 or -ENOMEM. */
int mt_resident_copy_end(struct mt_ledger *ledger, struct mt_process *process,
                         struct mt_resident *resident);

/*
 * Drain thread: copies what was asked for. False: not in this round, as there may be events from before the question
 * that it has not read.
 */
bool mt_resident_copy(struct mt_ledger *ledger, struct mt_resident *resident);

/* The question will not be answered. */
void mt_resident_refuse(struct mt_resident *resident);

void mt_resident_free(struct mt_resident *resident);

#endif
