/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * doctor_trace.c - doctor's first half: a small program is traced for real, and the file looked at.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/units.h"
#include "report/doctor.h"
#include "report/locate.h"
#include "report/program.h"
#include "report/spawn.h"
#include "store/reader.h"

#define SUMMARY_MS 15000

/* Exits 0, allocates a little (the shell's own data), and is there wherever memtrace is. */
static char *const program[] = {(char[]){"/bin/sh"}, (char[]){"-c"}, (char[]){":"}, NULL};

static const char walk_sql[] =
        "WITH RECURSIVE walk(node, depth) AS ("
        "  SELECT stack, 1 FROM total"
        "  UNION SELECT stack.parent, walk.depth + 1 FROM walk JOIN stack ON stack.id = walk.node"
        "  WHERE stack.parent IS NOT NULL AND walk.depth < 64)"
        " SELECT max(depth) FROM walk";

struct trial {
	struct mt_table *table;
	struct mt_location location;
	struct mt_spawn spawn;
	char folder[PATH_MAX];
	char output[PATH_MAX];
};

static int64_t deepest_stack(const char *path)
{
	struct mt_reader *reader = NULL;
	struct mt_rows *rows = NULL;
	enum mt_reader_fault fault;
	int64_t depth = 0;

	if (mt_reader_open(path, &reader, &fault) < 0)
		return 0;
	if (mt_rows_open(reader, walk_sql, &rows, NULL) == 0 && mt_rows_next(rows) == 1)
		depth = mt_rows_integer(rows, 0);
	mt_rows_close(rows);
	mt_reader_close(reader);
	return depth;
}

static bool check_parts(struct trial *trial)
{
	bool is_there = mt_locate(&trial->location) == 0;
	struct mt_arena *arena = &trial->table->arena;
	const char *found;
	char why[256];

	found = mt_arena_print(arena, "%s, %s", trial->location.library, trial->location.collector);
	mt_doctor_add(
	        trial->table, "parts", true, is_there, found,
	        "nothing can be traced: the library or the collector is not where it belongs; "
	        "build or install memtrace again");
	if (!is_there)
		return false;
	if (strpbrk(trial->location.library, ": \t")) {
		mt_doctor_add(
		        trial->table, "library", true, false, trial->location.library,
		        "LD_PRELOAD cannot hold a path with a space or a colon: move memtrace");
		return false;
	}
	if (mt_program_check(program[0], why) != MT_PROGRAM_FINE) {
		mt_doctor_add(trial->table, "library", true, false, why,
		              "/bin/sh cannot be traced; other programs may be");
		return false;
	}
	return true;
}

static const char *start_collector(struct trial *trial, struct mt_welcome *welcome)
{
	char options[PATH_MAX + 32], folder[PATH_MAX + 16], pid[32];
	char *argv[] = {trial->location.collector,    options, folder,
	                (char[]){"--command=doctor"}, pid,     NULL};
	int error;

	snprintf(options, sizeof(options), "--options=output=%s/doctor.db", trial->folder);
	snprintf(folder, sizeof(folder), "--folder=%s", trial->folder);
	snprintf(pid, sizeof(pid), "--pid=%d", (int)trial->spawn.child);
	error = mt_spawn_collector(&trial->spawn, argv, welcome);
	if (error < 0)
		return strerror(-error);
	if (welcome->status < 0)
		return *welcome->message ? welcome->message : strerror(-welcome->status);
	return NULL;
}

/* What came of the traced program. */
static void check_summary(struct trial *trial, int wait_status)
{
	struct mt_summary summary;
	struct mt_arena *arena = &trial->table->arena;
	const char *found;
	int error = mt_spawn_summary(&trial->spawn, SUMMARY_MS, &summary);
	int64_t depth;
	bool is_traced = error == 0 && summary.status == 0 && summary.allocations > 0 &&
	                 WIFEXITED(wait_status) && WEXITSTATUS(wait_status) == 0;

	if (error < 0)
		found = mt_arena_print(arena, "no answer from the collector: %s", strerror(-error));
	else if (summary.status < 0)
		found = mt_arena_print(arena, "%s was not recorded: %s", program[0],
		                       *summary.message ? summary.message
		                                        : strerror(-summary.status));
	else
		found = mt_arena_print(
		        arena, "%s traced: %s, %s lost", program[0],
		        mt_units_of((int64_t)summary.allocations, "allocation", "allocations").text,
		        mt_units_of((int64_t)summary.dropped_events, "event", "events").text);
	mt_doctor_add(trial->table, "tracing", true, is_traced, found,
	              "nothing can be traced: the library does not load into programs, or cannot "
	              "reach the collector");
	if (!is_traced)
		return;
	depth = deepest_stack(summary.output);
	found = mt_arena_print(arena, "stacks of up to %" PRId64 " frames in it", depth);
	mt_doctor_add(
	        trial->table, "unwinding", false, depth > 1, found,
	        "sites are the calling function alone, without its callers: is libunwind.so.8 "
	        "installed?");
}

static void trace_program(struct trial *trial)
{
	const struct mt_spawn_environment environment = {trial->location.library, ""};
	struct mt_welcome welcome;
	int error = mt_spawn_program(program, &environment, &trial->spawn);
	const char *why;
	int wait_status;

	if (error < 0) {
		mt_doctor_add(trial->table, "tracing", true, false, strerror(-error),
		              "no process can be started");
		return;
	}
	why = start_collector(trial, &welcome);
	mt_doctor_add(trial->table, "collector", true, why == NULL,
	              why ? why : "starts and writes a file", "nothing can be recorded");
	mt_spawn_go(&trial->spawn, why ? NULL : welcome.session);
	wait_status = mt_spawn_wait(&trial->spawn);
	if (!why)
		check_summary(trial, wait_status);
	mt_spawn_close(&trial->spawn);
}

static void remove_folder(const struct trial *trial)
{
	static const char *const names[] = {"doctor.db", "doctor.db-wal", "doctor.db-shm",
	                                    "doctor.db-journal"};
	char path[PATH_MAX + 32];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", trial->folder, names[i]);
		unlink(path);
	}
	rmdir(trial->folder);
}

void mt_doctor_check_tracing(struct mt_table *table)
{
	struct trial trial = {.table = table};
	const char *temporary = getenv("TMPDIR");

	if (!check_parts(&trial))
		return;
	/* The option's value must not hold a colon. */
	if (!temporary || !*temporary || strchr(temporary, ':'))
		temporary = "/tmp";
	snprintf(trial.folder, sizeof(trial.folder), "%s/memtrace-doctor-XXXXXX", temporary);
	if (!mkdtemp(trial.folder)) {
		mt_doctor_add(
		        table, "tracing", true, false, strerror(errno),
		        "not tried: no temporary folder can be made; set TMPDIR to one that can "
		        "be written");
		return;
	}
	trace_program(&trial);
	remove_folder(&trial);
}
