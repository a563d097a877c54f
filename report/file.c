/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * file.c - see file.h.
 */
#include "report/file.h"

#include <ctype.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "config.h"
#include "report/arguments.h"
#include "report/say.h"
#include "report/text.h"

#define WAIT_MAX_MS  10000
#define WAIT_STEP_MS 20

static const char session_sql[] =
        "SELECT state, collector_pid, collector_start, origin_utc_ns, sample_bytes FROM session";

static const char owed_sql[] = "SELECT pid FROM process WHERE ended_ns IS NULL";

static const char processes_sql[] =
        "SELECT process.id, pid, command, process.ended_ns, end_reason, exit_status, exit_signal,"
        "       process.started_ns, process.live_blocks, process.live_bytes, process.peak_bytes,"
        "       process.allocations, dropped_events, unmatched_frees, stacks, stacks_cut,"
        "       EXISTS (SELECT 1 FROM snapshot"
        "               WHERE snapshot.process = process.id AND snapshot.reason = 'exit'),"
        "       unknown_frees, (SELECT count(*) FROM pause WHERE pause.process = process.id),"
        /* One that did not end: until the last that is known of the process. */
        "       (SELECT sum(coalesce(pause.ended_ns, process.ended_ns,"
        "                            (SELECT max(time_ns) FROM timeline"
        "                             WHERE timeline.process = process.id), pause.started_ns)"
        "                   - pause.started_ns)"
        "        FROM pause WHERE pause.process = process.id),"
        "       samples, variance.allocations, variance.live_blocks, variance.live_bytes,"
        "       variance.peak_bytes,"
        "       EXISTS (SELECT 1 FROM note WHERE note.process = process.id AND note.kind = "
        "'unseen')"
        " FROM process LEFT JOIN process_variance AS variance ON variance.process = process.id"
        " ORDER BY process.id";

static int say_fault(const char *path, enum mt_reader_fault fault, int error)
{
	switch (fault) {
	case MT_READER_MISSING:
		if (*path && strspn(path, "0123456789") == strlen(path))
			mt_say("there is no file '%s', and a running process cannot be read by its "
			       "pid "
			       "yet: give the file that memtrace run has named",
			       path);
		else
			mt_say("there is no file '%s'", path);
		break;
	case MT_READER_UNREADABLE: mt_say("cannot read '%s': %s", path, strerror(-error)); break;
	case MT_READER_NOT_A_FILE:
		mt_say("'%s' is not a file but %s; give the file that memtrace run has named", path,
		       error == -EISDIR ? "a folder" : "something else");
		break;
	case MT_READER_EMPTY: mt_say("'%s' is empty: nothing was recorded in it", path); break;
	case MT_READER_NO_SQLITE:
		mt_say("'%s' is not a memtrace file (nor any SQLite database)", path);
		break;
	case MT_READER_FOREIGN:
		mt_say("'%s' is a database, but not one that memtrace wrote", path);
		break;
	case MT_READER_NEWER:
		mt_say("'%s' was written by a newer memtrace, in a format that this one (" VERSION
		       ") does not know: use that one to read it",
		       path);
		break;
	case MT_READER_OLDER:
		mt_say("'%s' was written by an older memtrace (format 1); this one (" VERSION
		       ") reads format 2: record it again, or read it with that version",
		       path);
		break;
	case MT_READER_JOURNAL:
		mt_say("'%s' has a journal beside it that cannot be used without write permission "
		       "there: copy both to a folder where you can write",
		       path);
		break;
	case MT_READER_BUSY:
		mt_say("'%s' is locked by another program; try again when that has finished", path);
		break;
	case MT_READER_PLANTED:
		mt_say("'%s' has a journal beside it (-wal, -shm or -journal) that is another "
		       "user's, who "
		       "could make the file say anything: copy the file alone to a folder of your "
		       "own, or "
		       "have the journal removed",
		       path);
		break;
	case MT_READER_SHAPE:
		mt_say("'%s' is not as memtrace makes its files: somebody has changed its tables. "
		       "What "
		       "it holds can be looked at with sqlite3",
		       path);
		break;
	case MT_READER_DAMAGED:
	case MT_READER_FINE:
		mt_say("'%s' is damaged or was cut short; sqlite3's .recover may save a part of it",
		       path);
		break;
	}
	return MT_EXIT_CANNOT;
}

int mt_file_say_error(const struct mt_file *file, int error)
{
	if (error == -EBADMSG || error == -EINVAL)
		return say_fault(file->path, MT_READER_DAMAGED, error);
	if (error == -EBUSY)
		return say_fault(file->path, MT_READER_BUSY, error);
	if (error == -EFBIG || error == -EOVERFLOW) {
		mt_say("'%s' is damaged or made up: %s", file->path,
		       error == -EFBIG ? "it holds a value of more than 16 MiB"
		                       : "its tables go on far beyond its size");
		return MT_EXIT_CANNOT;
	}
	return say_fault(file->path, MT_READER_UNREADABLE, error);
}

/*
 * The process's state and start time of /proc/PID/stat. The command in it may hold anything, so
 * what follows is counted from its last bracket.
 */
static bool read_stat(int64_t pid, char *ret_state, int64_t *ret_start)
{
	char path[64], text[1024];
	char *at;
	size_t bytes;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%lld/stat", (long long)pid);
	file = fopen(path, "re");
	if (!file)
		return false;
	bytes = fread(text, 1, sizeof(text) - 1, file);
	fclose(file);
	text[bytes] = '\0';
	at = strrchr(text, ')');
	if (!at || sscanf(at + 1, " %c", ret_state) != 1)
		return false;
	at++;
	for (unsigned int field = 3; field < 22; field++) {
		at += strspn(at, " ");
		at += strcspn(at, " ");
	}
	*ret_start = strtoll(at, NULL, 10);
	return true;
}

static bool is_running(int64_t pid)
{
	char state;
	int64_t start;

	return read_stat(pid, &state, &start) && state != 'Z' && state != 'X';
}

/* The state of the session, and whether the file is still owed the end of a process. */
static int look(struct mt_file *file, bool *ret_is_owed)
{
	struct mt_rows *rows = NULL;
	int64_t pid = 0, start = 0, actual = 0;
	char letter;
	int next = mt_rows_open(file->reader, session_sql, &rows, NULL);

	*ret_is_owed = false;
	if (next == 0)
		next = mt_rows_next(rows);
	if (next != 1) {
		mt_rows_close(rows);
		return next < 0 ? next : -EBADMSG;
	}
	if (strcmp(mt_rows_text(rows, 0), "complete") == 0)
		file->state = MT_FILE_COMPLETE;
	else if (strcmp(mt_rows_text(rows, 0), "recording") == 0)
		file->state = MT_FILE_RECORDING;
	else
		file->state = MT_FILE_INCOMPLETE;
	pid = mt_rows_integer(rows, 1);
	start = mt_rows_integer(rows, 2);
	file->origin_utc_ns = mt_rows_integer(rows, 3);
	file->sample_bytes = mt_rows_integer(rows, 4);
	mt_rows_close(rows);
	if (file->state != MT_FILE_RECORDING)
		return 0;
	if (!read_stat(pid, &letter, &actual) || actual != start || letter == 'Z' ||
	    letter == 'X') {
		file->state = MT_FILE_ABANDONED;
		return 0;
	}
	/*
	 * Where nothing runs the session ends now; a process may even have ended before its row was
	 * written.
	 */
	*ret_is_owed = true;
	next = mt_rows_open(file->reader, owed_sql, &rows, NULL);
	while (next >= 0 && (next = mt_rows_next(rows)) == 1) {
		*ret_is_owed = !is_running(mt_rows_integer(rows, 0));
		if (*ret_is_owed)
			break;
	}
	if (next >= 0)
		mt_rows_close(rows);
	return next;
}

static int wait_for_collector(struct mt_file *file)
{
	const struct timespec step = {.tv_nsec = WAIT_STEP_MS * 1000000L};
	bool is_owed;

	for (unsigned int ms = 0;; ms += WAIT_STEP_MS) {
		int error = look(file, &is_owed);

		if (error < 0 || !is_owed || ms >= WAIT_MAX_MS)
			return error;
		nanosleep(&step, NULL);
	}
}

static void read_process(struct mt_file *file, struct mt_rows *rows, struct mt_process *process)
{
	*process = (struct mt_process){
	        .id = mt_rows_integer(rows, 0),
	        .pid = mt_rows_integer(rows, 1),
	        .command = mt_arena_text(&file->arena, mt_rows_text(rows, 2)),
	        .has_ended = !mt_rows_is_null(rows, 3),
	        .ended_ns = mt_rows_integer(rows, 3),
	        .has_exit_status = !mt_rows_is_null(rows, 5),
	        .exit_status = mt_rows_integer(rows, 5),
	        .has_exit_signal = !mt_rows_is_null(rows, 6),
	        .exit_signal = mt_rows_integer(rows, 6),
	        .started_ns = mt_rows_integer(rows, 7),
	        .live_blocks = mt_rows_integer(rows, 8),
	        .live_bytes = mt_rows_integer(rows, 9),
	        .peak_bytes = mt_rows_integer(rows, 10),
	        .allocations = mt_rows_integer(rows, 11),
	        .dropped_events = mt_rows_integer(rows, 12),
	        .unmatched_frees = mt_rows_integer(rows, 13),
	        .stacks = mt_rows_integer(rows, 14),
	        .stacks_cut = mt_rows_integer(rows, 15),
	        .has_snapshot = mt_rows_integer(rows, 16) != 0,
	        .unknown_frees = mt_rows_integer(rows, 17),
	        .pauses = mt_rows_integer(rows, 18),
	        .off_ns = mt_rows_integer(rows, 19),
	        .samples = mt_rows_integer(rows, 20),
	        .allocations_variance = mt_rows_real(rows, 21),
	        .live_blocks_variance = mt_rows_real(rows, 22),
	        .live_bytes_variance = mt_rows_real(rows, 23),
	        .peak_bytes_variance = mt_rows_real(rows, 24),
	        .has_unseen = mt_rows_integer(rows, 25) != 0,
	};
	if (!mt_rows_is_null(rows, 4))
		process->end_reason = mt_arena_text(&file->arena, mt_rows_text(rows, 4));
}

static int read_processes(struct mt_file *file, bool is_one, int64_t pid)
{
	struct mt_rows *rows = NULL;
	size_t capacity = 0;
	int next = mt_rows_open(file->reader, processes_sql, &rows, NULL);

	if (next < 0)
		return next;
	while ((next = mt_rows_next(rows)) == 1) {
		file->processes_in_file++;
		if (is_one && mt_rows_integer(rows, 1) != pid)
			continue;
		file->processes = mt_memory_grow(file->processes, file->process_count, &capacity,
		                                 sizeof(*file->processes));
		read_process(file, rows, &file->processes[file->process_count++]);
	}
	mt_rows_close(rows);
	return next;
}

static bool takes_process(const struct mt_command *command)
{
	for (const struct mt_flag *flag = command->flags; flag && flag->sentence; flag++)
		if (strcmp(flag->name, "process") == 0)
			return true;
	return false;
}

int mt_file_open(const struct mt_call *call, struct mt_file *ret_file)
{
	struct mt_file file = {.path = call->operands[0]};
	bool is_one = takes_process(call->command) && mt_arguments_has(call, "process");
	int64_t pid = is_one ? mt_arguments_number(call, "process", 0) : 0;
	enum mt_reader_fault fault;
	int error = mt_reader_open(file.path, &file.reader, &fault);

	if (error < 0)
		return say_fault(file.path, fault, error);
	file.shown = mt_text_shell(&file.arena, mt_text_clean(&file.arena, file.path));
	error = wait_for_collector(&file);
	if (error >= 0)
		error = read_processes(&file, is_one, pid);
	if (error < 0) {
		mt_file_say_error(&file, error);
		mt_file_close(&file);
		return MT_EXIT_CANNOT;
	}
	if (is_one && file.process_count == 0) {
		mt_say("there is no process %lld in '%s'; memtrace info %s lists them",
		       (long long)pid, file.path, file.shown);
		mt_file_close(&file);
		return MT_EXIT_CANNOT;
	}
	*ret_file = file;
	return MT_EXIT_FINE;
}

void mt_file_close(struct mt_file *file)
{
	mt_reader_close(file->reader);
	free(file->processes);
	mt_arena_free(&file->arena);
}

int64_t mt_file_duration_ns(const struct mt_process *process)
{
	int64_t duration_ns;

	if (!__builtin_sub_overflow(process->ended_ns, process->started_ns, &duration_ns))
		return duration_ns;
	return process->ended_ns < 0 ? INT64_MIN : INT64_MAX;
}

const char *mt_file_end(struct mt_file *file, const struct mt_process *process)
{
	const char *reason = process->end_reason ? process->end_reason : "";

	if (strcmp(reason, "oom") == 0)
		return "killed, likely out of memory: its control group counted such a kill";
	if (process->has_exit_signal) {
		const char *name = process->exit_signal > 0 && process->exit_signal < NSIG
		                           ? sigabbrev_np((int)process->exit_signal)
		                           : NULL;

		if (name)
			return mt_arena_print(&file->arena, "killed by SIG%s", name);
		return mt_arena_print(&file->arena, "killed by signal %lld",
		                      (long long)process->exit_signal);
	}
	if (process->has_exit_status)
		return mt_arena_print(&file->arena, "exit status %lld",
		                      (long long)process->exit_status);
	if (strcmp(reason, "exec") == 0)
		return "became another program by exec";
	if (strcmp(reason, "exec-untraced") == 0)
		return "became a program by exec that could not be traced";
	if (process->has_ended)
		return "ended, how is not known";
	if (file->state == MT_FILE_RECORDING)
		return "still running";
	return "its end was not recorded";
}
