/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * writer.h - the one place that writes a memtrace file.
 *
 * Called by the collector's writer thread alone, one transaction a batch:
 *
 *	mt_writer_create -> { mt_writer_begin, rows ..., mt_writer_commit } ... -> mt_writer_close
 *
 * A struct is a row of the table of its name in schema.sql, whose comments say what each column means;
 * here only what differs is said. NULL strings and MT_WRITER_NULL become NULL. All strings are borrowed
 * until the call returns. Every function returns 0 or -errno; mt_writer_error() has the sentence. After
 * an error the transaction has to be rolled back.
 *
 * The file is in WAL mode and nothing here waits for the disk: a program waits for the commit of its end,
 * and some ten syncs would be a tenth of a second of it on a spinning one. So the file stands the death of
 * every process at any moment, but not that of the machine; the collector syncs it once, at the very end.
 */
#ifndef MT_STORE_WRITER_H
#define MT_STORE_WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/smaps.h"
#include "base/usage.h"
#include "wire/event.h"

#define MT_WRITER_NULL INT64_MIN

struct mt_writer;

struct mt_writer_session {
	const char *memtrace;
	int64_t origin_utc_ns;
	const char *clock;
	const char *host;
	const char *kernel;
	const char *machine;
	int64_t page_bytes;
	int64_t collector_pid;
	int64_t collector_start;
	const char *options;
	uint64_t sample_bytes;
};

struct mt_writer_note {
	uint32_t id; /* the same id again replaces the row: counts grow */
	uint32_t process;
	uint64_t time_ns;
	const char *kind;
	uint64_t count;
	const char *text;
};

struct mt_writer_process {
	uint32_t id;
	bool known; /* the row is there already: pid, parent, end and figures are updated */
	int64_t pid;
	uint32_t parent; /* 0: NULL */
	const char *origin;
	const char *command;
	const char *arguments;
	const char *executable;
	uint64_t started_ns;
	int64_t ended_ns;
	const char *end_reason;
	int64_t exit_status;
	int64_t exit_signal;
	uint64_t allocations;
	uint64_t frees;
	uint64_t bytes_allocated;
	uint64_t bytes_freed;
	uint64_t live_blocks;
	uint64_t live_bytes;
	uint64_t peak_bytes;
	uint64_t peak_blocks;
	int64_t peak_ns;
	uint64_t temporary;
	uint64_t own_allocations;
	uint64_t own_frees;
	uint64_t own_bytes;
	uint64_t inherited_blocks;
	uint64_t inherited_bytes;
	uint64_t inherited_frees;
	uint64_t unmatched_frees;
	uint64_t dropped_events;
	uint64_t events;
	uint64_t stacks;
	uint64_t stacks_cut;
	/* the row of table walk; none while walks is 0 */
	uint64_t walks;
	uint64_t frames_stepped;
	uint64_t frames_kept;
	uint64_t walks_libunwind;
	uint64_t walks_verified;
	uint64_t walks_different;
	/* the row of table tracing */
	uint64_t rings;
	uint64_t ring_bytes;
	uint64_t stack_table_bytes;
	uint64_t unknown_frees;
	uint64_t late_events;
	uint64_t mismatched_frees;
};

struct mt_writer_pause {
	uint32_t process;
	uint64_t started_ns; /* the same again replaces the row */
	int64_t ended_ns;
};

/* References that are 0 are NULL. */
struct mt_writer_bad_free {
	uint32_t process;
	uint32_t number; /* the same again replaces the row */
	const char *problem;
	uint64_t time_ns;
	uint32_t thread;
	uint64_t addr;
	uint32_t call;
	uint32_t stack;
	uint32_t allocated_by;
	uint32_t allocated_stack;
	uint32_t freed_stack;
	int64_t size_bytes;
};

struct mt_writer_thread {
	uint32_t id;
	uint32_t process;
	int64_t tid;
	char name[MT_EVENT_NAME_MAX + 1]; /* empty: not known */
	uint64_t started_ns;
	int64_t ended_ns;
};

struct mt_writer_module {
	uint32_t id;
	const char *path;
	const char *build_id;
};

struct mt_writer_frame {
	uint32_t id;
	uint32_t module; /* 0: NULL */
	uint64_t offset;
};

/*
 * Rows of the four large tables go into the file as packs of so many (pack.h). A pack has a number, from 0; the same
 * number again replaces the pack of stacks or totals.
 */
#define MT_WRITER_STACKS_PACK 4096u /* ids number * 4096 + 1 and following */
#define MT_WRITER_TOTALS_PACK 256u
#define MT_WRITER_BLOCKS_PACK 4096u
#define MT_WRITER_OWNERS_PACK 4096u

struct mt_writer_stack {
	uint32_t parent; /* 0: NULL */
	uint32_t frame;
	const char *cut;
};

struct mt_writer_total {
	uint32_t stack;
	uint32_t kind;
	uint64_t allocations;
	uint64_t frees;
	uint64_t bytes_allocated;
	uint64_t bytes_freed;
	uint64_t peak_blocks;
	uint64_t peak_bytes;
	uint64_t temporary;
};

struct mt_writer_sample {
	uint32_t process;
	uint32_t stack;
	uint32_t kind;
	uint64_t allocations;
	uint64_t frees;
	double allocations_variance;
	double bytes_allocated_variance;
	double live_blocks_variance;
	double live_bytes_variance;
	double peak_blocks_variance;
	double peak_bytes_variance;
	double temporary_variance;
};

struct mt_writer_growth {
	uint32_t process;
	uint32_t number; /* the same again replaces the row */
	const char *kind;
	uint32_t stack; /* 0: NULL */
	uint64_t calls;
	uint64_t grown_bytes;
	int64_t returned_bytes;
};

struct mt_writer_weight {
	uint64_t size_bytes; /* one that is there already stays as it is */
	double blocks;
	uint64_t bytes;
	double blocks_variance;
	double bytes_variance;
};

struct mt_writer_snapshot {
	uint32_t id;
	uint32_t process;
	const char *reason;
	uint64_t time_ns;
	uint64_t live_blocks;
	uint64_t live_bytes;
};

struct mt_writer_block {
	uint64_t addr;
	uint64_t size_bytes;
	uint64_t born_ns;
	uint32_t stack;
	uint32_t kind;
	uint32_t thread; /* 0: NULL */
};

struct mt_writer_resident {
	uint32_t snapshot;
	const char *source;
	bool is_frozen;
	uint64_t stopped_ns;
	uint32_t tries;
	uint64_t smaps_rss_bytes;
	uint64_t resident_bytes;
	uint64_t unexplained_bytes;
	uint64_t pss_bytes;
	uint64_t uss_bytes;
	uint64_t swap_bytes;
	uint64_t hugetlb_bytes;
	uint64_t page_table_bytes;
	uint64_t peak_rss_bytes;
	uint64_t purgeable_bytes;
	uint64_t trim_step_bytes;
};

struct mt_writer_mapping {
	uint32_t snapshot;
	uint64_t start;
	uint64_t end;
	const char *mode;
	uint64_t offset_bytes;
	uint32_t device_major;
	uint32_t device_minor;
	uint64_t inode;
	const char *kind;
	const char *path;
	const char *owner;
	const char *flags;
	uint64_t resident_bytes;
	int64_t fields[MT_SMAPS_KNOWN]; /* by base/smaps.h */
};

/* What all rows of a pack of owners have in common. */
struct mt_writer_owners {
	uint32_t snapshot;
	const char *kind;
	int64_t mapping; /* its start */
	uint32_t number; /* among those of this snapshot, kind and mapping */
};

struct mt_writer_owner {
	uint32_t stack;  /* 0: NULL */
	uint32_t thread; /* 0: NULL */
	uint64_t bytes;
	uint64_t pinned_bytes;
	uint64_t returned_bytes;
};

struct mt_writer_anonymous {
	uint32_t snapshot;
	const char *kind;
	uint32_t stack; /* 0: NULL */
	uint64_t resident_bytes;
	uint64_t swapped_bytes;
};

struct mt_writer_pin {
	uint32_t snapshot;
	const char *kind;
	uint64_t start;
	uint64_t end;
	uint64_t addr;
	uint64_t size_bytes;
	uint32_t stack; /* 0: NULL */
	uint64_t above_bytes;
};

struct mt_writer_timeline {
	uint32_t process;
	uint64_t time_ns;
	uint64_t live_blocks;
	uint64_t live_bytes;
	uint64_t allocations;
	struct mt_usage usage;
};

/* Of a snapshot. */
struct mt_writer_meminfo {
	uint32_t snapshot;
	const char *source;
	const char *name;
	int64_t value;
};

/*
 * Writes the schema and the session's row into the empty file at `path`, which the caller has made. Any thread: the
 * traced program waits for it. Gives *ret_writer; state is 'recording'.
 */
int mt_writer_create(const char *path, const struct mt_writer_session *session,
                     struct mt_error *ret_error, struct mt_writer **ret_writer);

/* Has SQLite open the file. mt_writer_begin() would do it, but then somebody may wait. */
int mt_writer_open(struct mt_writer *writer);

/* Makes what rows are written with, if the file is open. What cannot be made says so when a row is. */
void mt_writer_prepare(struct mt_writer *writer);

int mt_writer_begin(struct mt_writer *writer);
int mt_writer_commit(struct mt_writer *writer);
/*
 * Commits, and leaves a single complete file behind, as mt_writer_close() would: state 'complete', no write-ahead log.
 * Nothing more is expected; a later mt_writer_begin() takes it back.
 */
int mt_writer_commit_last(struct mt_writer *writer);
/* Moves the log into the file, so that the log's space can be used again: where the file system gives no more. */
void mt_writer_make_room(struct mt_writer *writer);

void mt_writer_rollback(struct mt_writer *writer);

int mt_writer_note(struct mt_writer *writer, const struct mt_writer_note *row);
int mt_writer_process(struct mt_writer *writer, const struct mt_writer_process *row);
int mt_writer_thread(struct mt_writer *writer, const struct mt_writer_thread *row);
int mt_writer_module(struct mt_writer *writer, const struct mt_writer_module *row);
int mt_writer_frame(struct mt_writer *writer, const struct mt_writer_frame *row);
/* A pack: all that its number stands for as far as there is any, at most as many rows as it may have. */
int mt_writer_stacks(struct mt_writer *writer, uint32_t number, const struct mt_writer_stack *rows,
                     size_t count);
int mt_writer_totals(struct mt_writer *writer, uint32_t process, uint32_t number,
                     const struct mt_writer_total *rows, size_t count);
int mt_writer_sample(struct mt_writer *writer, const struct mt_writer_sample *row);
int mt_writer_growth(struct mt_writer *writer, const struct mt_writer_growth *row);
int mt_writer_weight(struct mt_writer *writer, const struct mt_writer_weight *row);
int mt_writer_pause(struct mt_writer *writer, const struct mt_writer_pause *row);
int mt_writer_bad_free(struct mt_writer *writer, const struct mt_writer_bad_free *row);
int mt_writer_snapshot(struct mt_writer *writer, const struct mt_writer_snapshot *row);
/* A pack, in the order of their addresses, or nothing where there are none. */
int mt_writer_blocks(struct mt_writer *writer, uint32_t snapshot, uint32_t number,
                     const struct mt_writer_block *rows, size_t count);
int mt_writer_resident(struct mt_writer *writer, const struct mt_writer_resident *row);
int mt_writer_mapping(struct mt_writer *writer, const struct mt_writer_mapping *row);
int mt_writer_owners(struct mt_writer *writer, const struct mt_writer_owners *key,
                     const struct mt_writer_owner *rows, size_t count);
int mt_writer_anonymous(struct mt_writer *writer, const struct mt_writer_anonymous *row);
int mt_writer_pin(struct mt_writer *writer, const struct mt_writer_pin *row);
int mt_writer_meminfo(struct mt_writer *writer, const struct mt_writer_meminfo *row);
int mt_writer_timeline(struct mt_writer *writer, const struct mt_writer_timeline *row);

/* Gives up every second point of a process; the last one stays. */
int mt_writer_thin_timeline(struct mt_writer *writer, uint32_t process);

/* Takes a snapshot of pages out again. */
int mt_writer_drop_snapshot(struct mt_writer *writer, uint32_t snapshot);

/* The last error in SQLite's words. Borrowed until the next call. */
const char *mt_writer_error(const struct mt_writer *writer);

/*
 * Sets session.state, folds the log into the file so that one file is left, closes and frees. `state`
 * NULL leaves it as it is. The file is closed and the writer freed whatever is returned.
 */
int mt_writer_close(struct mt_writer *writer, const char *state, struct mt_error *ret_error);

#endif
