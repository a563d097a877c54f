/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * file.h - a memtrace file as a report starts from it: opened, waited for, its processes known.
 *
 * Used by every command that reads a file. Says by itself what is wrong with it.
 */
#ifndef MT_REPORT_FILE_H
#define MT_REPORT_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "report/command.h"
#include "report/memory.h"
#include "store/reader.h"

/* A row of the table process; what was not measured is marked by its own flag. */
struct mt_process {
	int64_t id;
	int64_t pid;
	const char *command;
	bool has_ended;
	const char *end_reason; /* NULL: not known */
	bool has_exit_status;
	int64_t exit_status;
	bool has_exit_signal;
	int64_t exit_signal;
	int64_t started_ns;
	int64_t ended_ns;
	bool has_snapshot; /* its blocks at its end are in the file */
	int64_t live_blocks;
	int64_t live_bytes;
	int64_t peak_bytes;
	int64_t allocations;
	int64_t dropped_events;
	int64_t unmatched_frees;
	int64_t unknown_frees;
	int64_t stacks;
	int64_t stacks_cut;
	int64_t pauses; /* times that tracing was off */
	int64_t off_ns; /* and how long in all */
	bool has_unseen; /* some of its code allocates past memtrace: see its notes */
	/* of a sampled session: how many blocks the figures rest on, and the variances */
	int64_t samples;
	double allocations_variance;
	double live_blocks_variance;
	double live_bytes_variance;
	double peak_bytes_variance;
};

enum mt_file_state {
	MT_FILE_COMPLETE,
	MT_FILE_RECORDING,  /* its collector is alive */
	MT_FILE_ABANDONED,  /* it is being written, says the file, but its collector is gone */
	MT_FILE_INCOMPLETE, /* the collector could not write all of it */
};

struct mt_file {
	struct mt_arena arena;
	struct mt_reader *reader;
	const char *path;  /* as given */
	const char *shown; /* as a person types it to a shell */
	enum mt_file_state state;
	int64_t origin_utc_ns;
	int64_t sample_bytes; /* figures of the heap are estimates, from a sample; 0: they are exact */
	struct mt_process
	        *processes; /* those that were asked for, in the order in which they started */
	size_t process_count;
	size_t processes_in_file;
};

/*
 * Opens the file of a call (its first operand) and reads its processes, those of --process if the
 * command has that flag. While a live collector owes the file the end of a process that is gone,
 * waits for it, 10 s at most. MT_EXIT_FINE, or the exit status after having said what is wrong.
 */
int mt_file_open(const struct mt_call *call, struct mt_file *ret_file);

void mt_file_close(struct mt_file *file);

/* Says that reading failed in the middle (-errno); returns MT_EXIT_CANNOT. */
int mt_file_say_error(const struct mt_file *file, int error);

/* From its start to its end; as near to that as can be said where the file makes no sense. */
int64_t mt_file_duration_ns(const struct mt_process *process);

/* How a process ended, as a clause: "exit status 0", "killed by SIGSEGV", "still running". */
const char *mt_file_end(struct mt_file *file, const struct mt_process *process);

#endif
