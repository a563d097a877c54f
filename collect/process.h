/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * process.h - all that is known of one traced process (one image: an exec makes a new one).
 *
 * Owned by the drain thread, from its slot's first sight until it is gone and in the file.
 */
#ifndef MT_COLLECT_PROCESS_H
#define MT_COLLECT_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/usage.h"
#include "collect/estimate.h"
#include "collect/frees.h"
#include "collect/growth.h"
#include "collect/live.h"
#include "collect/mail.h"
#include "collect/modules.h"
#include "collect/regions.h"
#include "collect/past.h"
#include "collect/totals.h"

struct mt_drain;

/*
 * Threads of which all are kept. Beyond, one that has ended and owns no live block gives its place to the
 * next: a server that makes a thread for each request would fill memory and file with them.
 */
#define MT_PROCESS_THREADS_KEPT 4096u

/* Points of the timeline that may wait for the writer, and that a process has in the file; then every second one is given up. */
#define MT_PROCESS_POINTS_MAX 4096u
/* The same of periodic snapshots of pages. */
#define MT_PROCESS_PERIODIC_MAX 128u

/* What an MT_EVENT_REALLOC took out, as long as the call may still fail. */
enum mt_realloc_kind { MT_REALLOC_NONE, MT_REALLOC_BLOCK, MT_REALLOC_UNMATCHED };

struct mt_realloc {
	enum mt_realloc_kind kind;
	bool was_temporary;
	struct mt_live_entry block; /* of UNMATCHED only the address */
	struct mt_live_entry chunk; /* that was mapped for it; addr 0: none was */
};

/* A signal handler may call realloc() while the thread is in it: the last few are kept. */
#define MT_THREAD_REALLOCS 8u

struct mt_thread_reallocs {
	uint32_t next;
	struct mt_realloc last[MT_THREAD_REALLOCS];
};

struct mt_thread {
	uint32_t id; /* in the file; 0: it is not there yet */
	uint32_t tid;
	uint32_t rings;       /* it writes to now: a signal handler has one of its own */
	uint64_t last_alloc;  /* address of its last allocation, until it is freed; 0: none */
	uint64_t live_blocks; /* that it allocated */
	uint64_t started_ns;
	uint64_t ended_ns;
	bool has_ended;
	bool is_dirty;
	char name[MT_EVENT_NAME_MAX + 1];    /* empty: not known */
	struct mt_thread_reallocs *reallocs; /* NULL: it has called none */
};

struct mt_point {
	uint64_t time_ns;
	uint64_t live_blocks;
	uint64_t live_bytes;
	uint64_t allocations;
	struct mt_usage usage;
};

/* Tracing was off. */
struct mt_pause {
	uint64_t started_ns;
	int64_t ended_ns; /* MT_MAIL_UNKNOWN: it is off still */
	bool is_dirty;
};

/* Why an event has to leave the quick path. */
enum mt_attention {
	MT_ATTEND_QUIET = 1,    /* a forked child that has done nothing: it has no row yet */
	MT_ATTEND_EXEC = 2,     /* about to exec */
	MT_ATTEND_ENDED = 4,    /* what comes now is late */
	MT_ATTEND_LEFT_OUT = 8, /* with QUIET: by follow=; it stays without a row */
	MT_ATTEND_FULL = 16,    /* there is no room for more */
};

struct mt_process {
	struct mt_process *next;
	uint32_t id; /* row; 0 while MT_ATTEND_QUIET */
	uint32_t slot;
	uint32_t generation;
	int32_t pid;
	uint32_t parent;    /* row of the process it came from; 0: not traced */
	const char *origin; /* 'start', 'fork', 'exec' */
	struct mt_identity identity;
	uint64_t started_ns;
	uint32_t attention;

	struct mt_live live;
	struct mt_past *
	        inherited; /* live at the fork that made it, but for what stands in `live`; or NULL */
	struct mt_source *source; /* what its children have inherited; NULL: nobody has */
	struct mt_totals totals;
	struct mt_estimate *estimate; /* NULL: everything is recorded */
	struct mt_frees frees;
	struct mt_ranges ranges;
	struct mt_regions
	        regions; /* its own mappings, and those from before the fork; keys are stacks */
	struct mt_growth growth; /* what libc's allocator took */
	bool lost_growth;        /* of heaps; it is noted */
	struct mt_thread *threads;
	size_t thread_count;
	size_t thread_capacity;
	bool has_dirty_threads;
	uint32_t *idle_threads; /* have ended and owned nothing when they were put here */
	size_t idle_count;
	size_t idle_capacity;
	uint64_t replaced_threads;
	struct mt_map
	        thread_index; /* (tid, 0) -> the last thread with it; also of some that are no more */

	uint64_t events;
	uint64_t late_events;
	uint64_t unmatched_frees;
	uint64_t unknown_frees; /* the same, once tracing has been off */
	uint64_t own_allocations;
	uint64_t own_frees;
	uint64_t own_bytes;
	uint64_t inherited_blocks;
	uint64_t inherited_bytes;
	uint64_t inherited_frees;
	uint64_t inherited_freed_bytes;
	uint64_t overwritten;    /* allocations of an address that was still live */
	uint64_t out_of_memory;  /* events that the collector had no memory for */
	uint64_t lost_stacks;    /* stack ids in use whose frames have not come */
	uint64_t broken_rings;   /* rings of this process that were left alone */
	uint64_t samples_lost;   /* sampled blocks that its set had no room for */
	uint64_t dropped_events; /* with the slot's counters, as last looked at */
	uint64_t stacks_cut;
	/* how its stacks were walked, as the slot has it */
	uint64_t walks;
	uint64_t frames_stepped;
	uint64_t frames_kept;
	uint64_t walks_libunwind;
	uint64_t walks_verified;
	uint64_t walks_different;
	uint64_t rings;
	uint64_t ring_bytes;
	uint64_t stack_table_bytes;

	uint64_t point_stamp;  /* the next point of the timeline is due at this stamp */
	uint64_t point_ticks;  /* between two of them */
	uint64_t usage_stamp;  /* what /proc says is taken from this stamp on */
	uint64_t point_events; /* `events` at the last point */
	struct mt_point *points;
	size_t point_count;
	size_t point_capacity;
	size_t points_written; /* into the file, less those that were given up there */

	struct mt_pause *pauses; /* in order */
	size_t pause_count;
	size_t pause_capacity;
	bool was_off; /* here, or where it was forked from: blocks may live that are not known */

	bool is_told_untraced; /* what it execs next cannot be traced, and that is noted */
	const struct mt_drain *exec_drain; /* the ring of the thread that is about to exec */
	uint32_t exec_thread;
	uint64_t
	        exec_round_ns; /* the ledger's awake_ns when the EXEC was read, or last asked about */

	bool lost_inheritance; /* a forked child whose inheritance is not known */
	bool has_ended;        /* its figures are final */
	bool is_gone;          /* nothing of it runs any more */
	bool is_settled;       /* and all that it published was read */
	uint32_t gone_round;   /* in which that was learnt: the next one reads the rest */
	const char *gone_reason;
	int64_t gone_status;
	int64_t gone_signal;
	uint64_t gone_stamp;
	const char *end_reason;
	int64_t exit_status; /* these three: MT_MAIL_UNKNOWN */
	int64_t exit_signal;
	int64_t ended_ns;

	bool is_dirty; /* beyond what `events` tells: the row has to be written again */
	bool is_known; /* the row is in the file, or in a batch on its way */
	const char *snapshot_reason; /* its live blocks have to go into the file; NULL: not now */
	uint64_t snapshot_ns;
	uint32_t snapshot_id; /* that its pages at the end have already; 0: none */
	uint64_t
	        pages_until_ns; /* its end waits for them, until this time at most; 0: it does not */
	bool is_end_looked_at;  /* for those of the end itself, not for a peak's alone */
	uint32_t looks_under_way;     /* at peaks: copied, and not heard of since */
	uint32_t peak_snapshot;       /* of its pages, that is kept; 0: none */
	uint64_t peak_resident_bytes; /* in it */
	uint32_t *periodic;           /* snapshots of its pages that are kept, by age */
	uint32_t periodic_count;
	bool is_counted; /* the snapshot's rows were counted: these are the live figures */
	uint64_t counted_blocks;
	uint64_t counted_bytes;
	bool is_in_batch;  /* a batch on its way commits its end */
	bool is_committed; /* all up to its end is in the file */
	uint64_t events_written;
};

/* A new one for a slot; it owns nothing yet. NULL: out of memory. */
struct mt_process *mt_process_new(uint32_t slot, uint32_t generation, int32_t pid);

void mt_process_free(struct mt_process *process);

/*
 * The thread `tid`, a new one or the one that is there: a signal handler writes to a ring of its own, and
 * a thread that frees something after its destructors comes back for one event. *ret_index is valid for
 * the process's life. 0 or -ENOMEM.
 */
int mt_process_thread(struct mt_process *process, uint32_t tid, uint64_t now_ns,
                      uint32_t *ret_index);

/* The thread has ended and owns no live block. */
void mt_process_idle(struct mt_process *process, uint32_t thread);

/* Tracing is off, or on, from now on. */
void mt_process_stop(struct mt_process *process, uint64_t now_ns);
void mt_process_start(struct mt_process *process, uint64_t now_ns);

/* Does the file lack something of its row? */
bool mt_process_is_owed(const struct mt_process *process);

/* Notes the figures of the moment for the timeline; usage: what /proc said, NULL: it was not asked. */
void mt_process_point(struct mt_process *process, uint64_t time_ns, const struct mt_usage *usage);

#endif
