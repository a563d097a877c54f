/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test_writer.c - store/writer.h: what is written is what store/reader.h reads. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "collect/output.h"
#include "store/reader.h"
#include "store/store.h"
#include "store/writer.h"

static char folder[] = "/tmp/memtrace-test-XXXXXX";
static char path[256];
static struct mt_writer *writer;

static const struct mt_writer_session session = {
        .memtrace = "9.9",
        .origin_utc_ns = 1700000000000000001,
        .clock = "tsc",
        .host = "a host",
        .kernel = "6.1",
        .machine = "x86_64",
        .page_bytes = 4096,
        .collector_pid = 77,
        .collector_start = 88,
        .options = "depth=128",
};

static int make_folder(void **state)
{
	(void)state;
	snprintf(path, sizeof(path), "%s/file.db", mkdtemp(folder));
	return 0;
}

static int remove_folder(void **state)
{
	(void)state;
	snprintf(path, sizeof(path), "rm -rf %s", folder);
	return system(path);
}

static int open_writer(void **state)
{
	struct mt_error error;

	(void)state;
	unlink(path);
	close(open(path, O_CREAT | O_EXCL | O_RDWR, 0600));
	assert_int_equal(mt_writer_create(path, &session, &error, &writer), 0);
	return 0;
}

static void close_writer(const char *state_text)
{
	assert_int_equal(mt_writer_close(writer, state_text, NULL), 0);
}

static void rest(void)
{
	mt_writer_begin(writer);
	mt_writer_commit_last(writer);
}

/* The rows as "a|b|c" lines, NULL as "-". */
static void rows_are(const char *sql, const char *wanted)
{
	enum mt_reader_fault fault;
	struct mt_reader *reader;
	struct mt_rows *rows;
	char got[4096] = "";
	size_t used = 0;

	assert_int_equal(mt_reader_open(path, &reader, &fault), 0);
	assert_int_equal(mt_rows_open(reader, sql, &rows, NULL), 0);
	while (mt_rows_next(rows) == 1) {
		for (int i = 0; i < mt_rows_columns(rows); i++) {
			const char *text = mt_rows_is_null(rows, i) ? "-" : mt_rows_text(rows, i);

			used += (size_t)snprintf(got + used, sizeof(got) - used, "%s%s",
			                         i ? "|" : "", text);
		}
		used += (size_t)snprintf(got + used, sizeof(got) - used, "\n");
	}
	mt_rows_close(rows);
	mt_reader_close(reader);
	assert_string_equal(got, wanted);
}

static void every_figure_lands_in_the_column_of_its_name(void **state)
{
	struct mt_writer_process process = {
	        .id = 1,
	        .pid = 2,
	        .parent = 3,
	        .origin = "fork",
	        .command = "c",
	        .arguments = "a b",
	        .executable = "/c",
	        .started_ns = 4,
	        .ended_ns = 5,
	        .end_reason = "exit",
	        .exit_status = 6,
	        .exit_signal = 7,
	        .allocations = 8,
	        .frees = 9,
	        .bytes_allocated = 10,
	        .bytes_freed = 11,
	        .live_blocks = 12,
	        .live_bytes = 13,
	        .peak_bytes = 14,
	        .peak_blocks = 15,
	        .peak_ns = 16,
	        .temporary = 17,
	        .own_allocations = 18,
	        .own_frees = 19,
	        .own_bytes = 20,
	        .inherited_blocks = 21,
	        .inherited_bytes = 22,
	        .inherited_frees = 23,
	        .unmatched_frees = 24,
	        .dropped_events = 25,
	        .events = 26,
	        .stacks = 27,
	        .stacks_cut = 28,
	        .late_events = 29,
	};
	/* Named one by one: the order of the columns in the table must not matter. */
	static const char sql[] =
	        "SELECT id, pid, parent, origin, command, arguments, executable, started_ns,"
	        " ended_ns, end_reason, exit_status, exit_signal, allocations, frees,"
	        " bytes_allocated, bytes_freed, live_blocks, live_bytes, peak_bytes, peak_blocks,"
	        " peak_ns, temporary, own_allocations, own_frees, own_bytes, inherited_blocks,"
	        " inherited_bytes, inherited_frees, unmatched_frees, dropped_events, events,"
	        " stacks, stacks_cut, late_events FROM process";

	(void)state;
	assert_int_equal(mt_writer_begin(writer), 0);
	assert_int_equal(mt_writer_process(writer, &process), 0);
	assert_int_equal(mt_writer_commit(writer), 0);
	rows_are(sql, "1|2|3|fork|c|a b|/c|4|5|exit|6|7|8|9|10|11|12|13|14|15|16|17|18|19|20|21|22|"
	              "23|24|25|26|27|28|29\n");
	/* Again: figures and end change, who it is does not. */
	process.known = true;
	process.pid = 99;
	process.command = "other";
	process.parent = 0;
	process.ended_ns = process.exit_status = process.exit_signal = MT_WRITER_NULL;
	process.peak_ns = MT_WRITER_NULL;
	process.end_reason = NULL;
	process.allocations = 1000;
	process.late_events = 1001;
	process.stacks = 1002;
	assert_int_equal(mt_writer_begin(writer), 0);
	assert_int_equal(mt_writer_process(writer, &process), 0);
	assert_int_equal(mt_writer_commit(writer), 0);
	rows_are(sql, "1|99|-|fork|c|a b|/c|4|-|-|-|-|1000|9|10|11|12|13|14|15|-|17|18|19|20|21|22|"
	              "23|24|25|26|1002|28|1001\n");
	close_writer("complete");
}

static void the_other_tables_hold_what_was_written(void **state)
{
	static const struct mt_writer_block blocks[] = {{0x1000, 5, 11, 2, 5, 1},
	                                                {0x2000, 7, 12, 2, 0, 0}};
	static const struct mt_writer_stack promised = {0, 2, "lost"},
	                                    stacks[] = {{0, 2, "depth"}, {1, 1, NULL}};
	static const struct mt_writer_total first = {2, 5, 1, 2, 3, 4, 5, 6, 7},
	                                    totals[] = {{2, 5, 11, 12, 13, 14, 15, 16, 17},
	                                                {2, 0, 1, 1, 1, 1, 1, 1, 1}};
	static const struct mt_writer_owner owners[] = {
	        {2, 0, 4096, 1, 2}, {0, 0, 8192, 0, 0}, {1, 0, 5, 0, 0}, {0, 7, 9, 0, 0}};
	static const struct mt_writer_owners key = {1, "live", 0x1000, 0};

	(void)state;
	assert_int_equal(mt_writer_begin(writer), 0);
	mt_writer_module(writer, &(struct mt_writer_module){1, "/lib/a.so", "ab01"});
	mt_writer_module(writer, &(struct mt_writer_module){2, "/lib/b.so", NULL});
	mt_writer_frame(writer, &(struct mt_writer_frame){1, 2, 0x123});
	mt_writer_frame(writer, &(struct mt_writer_frame){2, 0, 0x456});
	mt_writer_stacks(writer, 0, &promised, 1);
	assert_int_equal(mt_writer_stacks(writer, 0, stacks, 2), 0);
	mt_writer_thread(writer, &(struct mt_writer_thread){1, 1, 500, "", 10, MT_WRITER_NULL});
	mt_writer_thread(writer, &(struct mt_writer_thread){1, 1, 500, "worker", 10, 20});
	mt_writer_totals(writer, 1, 0, &first, 1);
	assert_int_equal(mt_writer_totals(writer, 1, 0, totals, 2), 0);
	mt_writer_snapshot(writer, &(struct mt_writer_snapshot){1, 1, "exit", 30, 2, 12});
	assert_int_equal(mt_writer_blocks(writer, 1, 0, blocks, 2), 0);
	assert_int_equal(mt_writer_owners(writer, &key, owners, 4), 0);
	mt_writer_timeline(writer,
	                   &(struct mt_writer_timeline){1, 100, 1, 2, 3, mt_usage_nothing()});
	mt_writer_timeline(writer, &(struct mt_writer_timeline){
	                                   1, 200, 1, 2, 3, {11, 12, 13, 14, 15, 16, 17, 18, 19}});
	mt_writer_meminfo(writer,
	                  &(struct mt_writer_meminfo){1, "cgroup", "memory.max", INT64_MAX});
	mt_writer_note(writer, &(struct mt_writer_note){1, 0, 5, "option", 1, "a sentence"});
	mt_writer_note(writer, &(struct mt_writer_note){1, 0, 5, "option", 3, "a sentence"});
	assert_int_equal(mt_writer_commit(writer), 0);
	close_writer("complete");

	rows_are("SELECT id, path, build_id FROM module ORDER BY id",
	         "1|/lib/a.so|ab01\n2|/lib/b.so|-\n");
	rows_are("SELECT id, module, offset, symbolized FROM frame ORDER BY id",
	         "1|2|291|-\n2|-|1110|-\n");
	rows_are("SELECT id, parent, frame, cut FROM stack ORDER BY id", "1|-|2|depth\n2|1|1|-\n");
	rows_are("SELECT id, process, tid, name, started_ns, ended_ns FROM thread",
	         "1|1|500|worker|10|20\n");
	rows_are("SELECT process, stack, kind, allocations, frees, bytes_allocated, bytes_freed,"
	         " peak_blocks, peak_bytes, temporary FROM total ORDER BY kind",
	         "1|2|0|1|1|1|1|1|1|1\n1|2|5|11|12|13|14|15|16|17\n");
	rows_are("SELECT id, process, reason, time_ns, live_blocks, live_bytes FROM snapshot",
	         "1|1|exit|30|2|12\n");
	rows_are("SELECT snapshot, addr, size_bytes, born_ns, stack, kind, thread, class FROM block"
	         " ORDER BY addr",
	         "1|4096|5|11|2|5|1|unclassified\n1|8192|7|12|2|0|-|unclassified\n");
	rows_are("SELECT snapshot, kind, stack, thread, mapping, bytes, pinned_bytes,"
	         " returned_bytes FROM owner ORDER BY bytes",
	         "1|live|1|-|4096|5|0|0\n1|live|-|7|4096|9|0|0\n1|live|2|-|4096|4096|1|2\n"
	         "1|live|-|-|4096|8192|0|0\n");
	rows_are("SELECT process, time_ns, live_blocks, live_bytes, allocations FROM timeline",
	         "1|100|1|2|3\n1|200|1|2|3\n");
	rows_are("SELECT rss_anon_bytes, rss_file_bytes, rss_shmem_bytes, swap_bytes, mapped_bytes,"
	         " peak_rss_bytes, break_bytes, minor_faults, major_faults FROM timeline ORDER BY"
	         " time_ns",
	         "-|-|-|-|-|-|-|-|-\n11|12|13|14|15|16|17|18|19\n");
	rows_are("SELECT snapshot, source, name, value FROM meminfo",
	         "1|cgroup|memory.max|9223372036854775807\n");
	rows_are("SELECT id, process, time_ns, kind, count, text FROM note",
	         "1|-|5|option|3|a sentence\n");
}

static void the_session_and_the_words_of_kinds_are_there_from_the_start(void **state)
{
	(void)state;
	rows_are(
	        "SELECT id, memtrace, origin_utc_ns, clock, host, kernel, machine, page_bytes,"
	        " collector_pid, collector_start, state, options FROM session",
	        "1|9.9|1700000000000000001|tsc|a host|6.1|x86_64|4096|77|88|recording|depth=128\n");
	rows_are("SELECT name, heap FROM kind WHERE id IN (1, 6, 7, 12) ORDER BY id",
	         "malloc|1\nnew[]|1\nmmap|0\nfree|0\n");
	close_writer("incomplete");
	rows_are("SELECT state FROM session", "incomplete\n");
}

static void any_number_of_blocks_is_written_whole(void **state)
{
	static struct mt_writer_block blocks[MT_WRITER_BLOCKS_PACK];
	uint64_t addr = 0, sum = 0;
	size_t all = 0;

	(void)state;
	mt_writer_begin(writer);
	for (size_t turn = 0; turn < 43; turn++) {
		size_t count = turn < 40 ? turn : MT_WRITER_BLOCKS_PACK - (turn - 40);

		for (size_t i = 0; i < count; i++) {
			blocks[i] = (struct mt_writer_block){addr += 16, count + i,      0, 1,
			                                     1,          (uint32_t)i % 2};
			sum += count + i;
		}
		assert_int_equal(mt_writer_blocks(writer, 3, (uint32_t)turn, blocks, count), 0);
		all += count;
	}
	mt_writer_commit(writer);
	close_writer("complete");
	{
		char wanted[100];

		snprintf(wanted, sizeof(wanted), "%zu|%zu|%llu|%zu\n", all, all,
		         (unsigned long long)sum, (size_t)addr);
		rows_are("SELECT count(*), count(DISTINCT addr), sum(size_bytes), max(addr) FROM "
		         "block",
		         wanted);
	}
}

static void a_snapshot_is_taken_out_with_all_its_packs(void **state)
{
	static const struct mt_writer_block block = {0x1000, 5, 11, 2, 5, 1};
	static const struct mt_writer_owner owner = {2, 0, 4096, 1, 2};

	(void)state;
	mt_writer_begin(writer);
	for (uint32_t id = 1; id <= 2; id++) {
		struct mt_writer_owners key = {id, "live", 0x1000, 0};

		mt_writer_snapshot(writer, &(struct mt_writer_snapshot){id, 1, "asked", 30, 2, 12});
		for (uint32_t number = 0; number < 3; number++) {
			key.number = number;
			assert_int_equal(mt_writer_blocks(writer, id, number, &block, 1), 0);
			assert_int_equal(mt_writer_owners(writer, &key, &owner, 1), 0);
		}
	}
	assert_int_equal(mt_writer_drop_snapshot(writer, 1), 0);
	assert_int_equal(mt_writer_commit(writer), 0);
	close_writer("complete");
	rows_are("SELECT (SELECT group_concat(id) FROM snapshot),"
	         " (SELECT group_concat(DISTINCT snapshot) FROM block_pack),"
	         " (SELECT group_concat(DISTINCT snapshot) FROM owner_pack),"
	         " (SELECT count(*) FROM block), (SELECT count(*) FROM owner)",
	         "2|2|2|3|3\n");
}

static bool is_there(const char *suffix)
{
	char name[300];

	snprintf(name, sizeof(name), "%s%s", path, suffix);
	return access(name, F_OK) == 0;
}

static void one_file_is_left_that_says_whose_it_is(void **state)
{
	struct stat status;
	int fd;

	(void)state;
	mt_writer_begin(writer);
	mt_writer_module(writer, &(struct mt_writer_module){1, "/lib/a.so", NULL});
	mt_writer_commit(writer);
	assert_true(is_there("-wal"));
	close_writer("complete");
	assert_false(is_there("-wal"));
	assert_false(is_there("-shm"));
	assert_false(is_there("-journal"));
	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(status.st_mode & 0777, 0600);
	fd = open(path, O_RDONLY);
	assert_int_equal(mt_store_is_ours(fd), 1);
	close(fd);
	rows_are("PRAGMA user_version", "2\n");
	rows_are("PRAGMA integrity_check", "ok\n");
}

static void a_reader_sees_a_state_between_two_commits(void **state)
{
	(void)state;
	mt_writer_begin(writer);
	mt_writer_module(writer, &(struct mt_writer_module){1, "/lib/a.so", NULL});
	rows_are("SELECT count(*) FROM module", "0\n");
	mt_writer_commit(writer);
	mt_writer_begin(writer);
	mt_writer_module(writer, &(struct mt_writer_module){2, "/lib/b.so", NULL});
	rows_are("SELECT count(*) FROM module", "1\n");
	mt_writer_rollback(writer);
	rows_are("SELECT count(*) FROM module", "1\n");
	close_writer("complete");
}

/* A new session's file under the name of one that was removed while its writer still had it open. */
static struct mt_writer *replace_file(bool with_journals)
{
	struct mt_writer *second;
	struct mt_error error;
	char resolved[PATH_MAX];
	int lock_fd;

	unlink(path);
	for (int i = 0; with_journals && i < 2; i++) {
		char name[300];

		snprintf(name, sizeof(name), "%s%s", path, i ? "-shm" : "-wal");
		assert_int_equal(unlink(name), 0);
	}
	assert_int_equal(mt_output_claim(path, true, resolved, &lock_fd, &error), 0);
	close(lock_fd);
	assert_int_equal(mt_writer_create(path, &session, &error, &second), 0);
	return second;
}

static void write_note(struct mt_writer *to, uint32_t id, const char *text)
{
	struct mt_writer_note note = {.id = id, .kind = "test", .count = 1, .text = text};

	assert_int_equal(mt_writer_begin(to), 0);
	assert_int_equal(mt_writer_note(to, &note), 0);
	assert_int_equal(mt_writer_commit(to), 0);
}

static void a_new_file_of_the_same_name_is_left_alone(void **state)
{
	static const char notes_sql[] = "SELECT text FROM note ORDER BY id";
	static const char both_notes[] = "of the second\nafter the first has closed\n";
	char command[2048];

	for (int turn = 0; turn < 8; turn++) {
		bool rests = turn & 1, with_journals = turn & 2, goes_on = turn & 4;
		struct mt_writer *second;

		open_writer(state);
		write_note(writer, 1, "of the first");
		if (rests && !goes_on)
			rest();
		second = replace_file(with_journals && !rests);
		write_note(second, 1, "of the second");
		if (rests && goes_on)
			rest();
		if (goes_on)
			write_note(writer, 2, "late");
		close_writer("complete");
		write_note(second, 2, "after the first has closed");
		/* What is there if the second one is killed now. */
		snprintf(command, sizeof(command),
		         "rm -f %1$s.copy*; cp %1$s %1$s.copy && cp %1$s-wal %1$s.copy-wal", path);
		assert_int_equal(system(command), 0);
		strcat(path, ".copy");
		rows_are(notes_sql, both_notes);
		path[strlen(path) - strlen(".copy")] = '\0';
		writer = second;
		close_writer("complete");
		rows_are(notes_sql, both_notes);
		snprintf(command, sizeof(command), "rm -f %1$s.copy*; test \"$(ls %1$s*)\" = %1$s",
		         path);
		assert_int_equal(system(command), 0);
	}
}

static void a_row_that_is_there_twice_is_an_error_in_words(void **state)
{
	(void)state;
	mt_writer_begin(writer);
	assert_int_equal(mt_writer_frame(writer, &(struct mt_writer_frame){1, 0, 1}), 0);
	assert_true(mt_writer_frame(writer, &(struct mt_writer_frame){1, 0, 2}) < 0);
	assert_non_null(strstr(mt_writer_error(writer), "UNIQUE"));
	mt_writer_rollback(writer);
	close_writer("complete");
}

static void a_full_disk_is_said_and_the_file_stays_readable(void **state)
{
	struct rlimit limit, saved;
	int r = 0;

	(void)state;
	signal(SIGXFSZ, SIG_IGN);
	mt_writer_begin(writer);
	mt_writer_module(writer, &(struct mt_writer_module){1, "/lib/a.so", NULL});
	assert_int_equal(mt_writer_commit(writer), 0);
	/* A limit on the size of files is a disk that is full. */
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &saved), 0);
	limit = saved;
	limit.rlim_cur = 400000;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	mt_writer_begin(writer);
	for (uint32_t i = 1; i < 200000 && r == 0; i++)
		r = mt_writer_frame(writer, &(struct mt_writer_frame){i, 0, i});
	if (r == 0)
		r = mt_writer_commit(writer);
	assert_true(r < 0);
	assert_true(strlen(mt_writer_error(writer)) > 0);
	mt_writer_rollback(writer);
	setrlimit(RLIMIT_FSIZE, &saved);
	close_writer("incomplete");
	rows_are("SELECT state, (SELECT count(*) FROM module), (SELECT count(*) FROM frame)"
	         " FROM session",
	         "incomplete|1|0\n");
}

/* A row that finds room in its page is written by hand, a longer one by SQL: nobody is to see which. */
static void the_sessions_row_is_the_same_whether_it_is_long_or_short(void **state)
{
	static const size_t lengths[] = {0, 1, 57, 58, 59, 130, 3900, 4000, 4500, 9000};
	struct mt_writer_session other = session;
	struct mt_error error;
	char wanted[9200], *options = calloc(1, 9001);

	(void)state;
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		memset(options, 'x', lengths[i]);
		other.options = options;
		other.sample_bytes = i == 1 ? 0 : UINT64_C(1) << 7 * (i % 9);
		other.page_bytes = i == 2 ? -129 : 1 << i;
		unlink(path);
		close(open(path, O_CREAT | O_EXCL | O_RDWR, 0600));
		assert_int_equal(mt_writer_create(path, &other, &error, &writer), 0);
		/* before and after SQLite has opened it for writing */
		for (int opened = 0; opened < 2; opened++) {
			snprintf(wanted, sizeof(wanted),
			         "ok|1|%s|%lld|%s|%s|%s|%s|%lld|%lld|%lld|recording|%zu|%llu|%d\n",
			         other.memtrace, (long long)other.origin_utc_ns, other.clock,
			         other.host, other.kernel, other.machine,
			         (long long)other.page_bytes, (long long)other.collector_pid,
			         (long long)other.collector_start, lengths[i],
			         (unsigned long long)other.sample_bytes, MT_KIND_COUNT);
			rows_are(
			        "SELECT (SELECT group_concat(integrity_check) FROM"
			        " pragma_integrity_check), id, memtrace, origin_utc_ns, clock, "
			        "host,"
			        " kernel, machine, page_bytes, collector_pid, collector_start,"
			        " state, length(options), sample_bytes, (SELECT count(*) FROM kind)"
			        " FROM session",
			        wanted);
			assert_int_equal(mt_writer_open(writer), 0);
		}
		close_writer("complete");
	}
	free(options);
	open_writer(state);
	close_writer("complete");
}

static void a_file_that_moves_before_sqlite_opens_it_is_followed(void **state)
{
	char moved[300], journals[310];

	open_writer(state);
	snprintf(moved, sizeof(moved), "%s/moved", folder);
	assert_int_equal(mkdir(moved, 0700), 0);
	snprintf(moved, sizeof(moved), "%s/moved/file.db", folder);
	assert_int_equal(rename(path, moved), 0);
	assert_int_equal(mt_writer_open(writer), 0);
	snprintf(journals, sizeof(journals), "%s-wal", moved);
	assert_int_equal(access(journals, F_OK), 0);
	snprintf(journals, sizeof(journals), "%s-wal", path);
	assert_int_equal(access(journals, F_OK), -1);
	close_writer("complete");
	assert_int_equal(access(path, F_OK), -1);
	assert_int_equal(rename(moved, path), 0);
	rows_are("SELECT state FROM session", "complete\n");
}

static void a_file_that_goes_before_sqlite_opens_it_is_not_mixed_up(void **state)
{
	open_writer(state);
	unlink(path);
	/* Another one of the name, which is not to be written to. */
	assert_int_equal(symlink("/dev/null", path), 0);
	assert_int_equal(mt_writer_open(writer), -ENOENT);
	unlink(path);
	close(open(path, O_CREAT | O_EXCL | O_RDWR, 0600));
	assert_int_equal(mt_writer_open(writer), -ENOENT);
	assert_non_null(strstr(mt_writer_error(writer), "removed"));
	assert_int_equal(mt_writer_close(writer, "incomplete", NULL), -ENOENT);
	open_writer(state);
	close_writer("complete");
}

static void a_missing_file_is_an_error_with_its_name(void **state)
{
	struct mt_writer *none = NULL;
	struct mt_error error;

	(void)state;
	assert_true(mt_writer_create("/nowhere/at/all.db", &session, &error, &none) < 0);
	assert_null(none);
	assert_non_null(strstr(error.text, "/nowhere/at/all.db"));
}

static void foreign_files_are_told_from_ours(void **state)
{
	char other[300];
	FILE *out;
	int fd;

	(void)state;
	snprintf(other, sizeof(other), "%s/other", folder);
	out = fopen(other, "w+");
	assert_int_equal(mt_store_is_ours(fileno(out)), 0);
	fprintf(out, "%-200s", "SQLite format 3");
	fflush(out);
	assert_int_equal(mt_store_is_ours(fileno(out)), 0);
	fclose(out);
	fd = open(folder, O_RDONLY);
	assert_true(mt_store_is_ours(fd) < 0);
	close(fd);
}

/* Other threads take all that are left, after the file was made. */
static void where_descriptors_are_few_those_of_sqlite_are_there_from_the_start(void **state)
{
	struct rlimit before, few;
	int taken[64];
	size_t count = 0;

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	few = before;
	few.rlim_cur = 64;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	open_writer(NULL);
	while (count < 64 && (taken[count] = dup(STDIN_FILENO)) >= 0)
		count++;
	assert_true(count < 64);
	assert_int_equal(mt_writer_begin(writer), 0);
	assert_int_equal(
	        mt_writer_note(writer, &(struct mt_writer_note){.id = 1, .kind = "k", .text = "t"}),
	        0);
	assert_int_equal(mt_writer_commit(writer), 0);
	while (count > 0)
		close(taken[--count]);
	close_writer("complete");
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	rows_are("SELECT state, (SELECT count(*) FROM note) FROM session", "complete|1\n");
}

#define TEST(name) cmocka_unit_test_setup(name, open_writer)

int main(void)
{
	const struct CMUnitTest tests[] = {
	        TEST(every_figure_lands_in_the_column_of_its_name),
	        TEST(the_other_tables_hold_what_was_written),
	        TEST(any_number_of_blocks_is_written_whole),
	        TEST(a_snapshot_is_taken_out_with_all_its_packs),
	        TEST(the_session_and_the_words_of_kinds_are_there_from_the_start),
	        TEST(one_file_is_left_that_says_whose_it_is),
	        TEST(a_reader_sees_a_state_between_two_commits),
	        cmocka_unit_test(a_new_file_of_the_same_name_is_left_alone),
	        TEST(a_row_that_is_there_twice_is_an_error_in_words),
	        TEST(a_full_disk_is_said_and_the_file_stays_readable),
	        cmocka_unit_test(the_sessions_row_is_the_same_whether_it_is_long_or_short),
	        cmocka_unit_test(
	                where_descriptors_are_few_those_of_sqlite_are_there_from_the_start),
	        cmocka_unit_test(a_file_that_moves_before_sqlite_opens_it_is_followed),
	        cmocka_unit_test(a_file_that_goes_before_sqlite_opens_it_is_not_mixed_up),
	        cmocka_unit_test(a_missing_file_is_an_error_with_its_name),
	        cmocka_unit_test(foreign_files_are_told_from_ours),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
