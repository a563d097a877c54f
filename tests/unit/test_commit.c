/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test_commit.c - collect/batch.h, snapshot.h, kept.h and commit.h: from the books into the file, once, and what
 * happens when the file can take no more.
 */
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>

#include "collect/batch.h"
#include "collect/kept.h"
#include "collect/resident.h"
#include "store/reader.h"
#include "tests/unit/producer.h"
#include "wire/moments.h"

#define A 0x10000u
#define B 0x20000u
#define C 0x30000u

static char folder[] = "/tmp/memtrace-test-XXXXXX";
static char path[256];
static struct bench bench;
static struct producer p;
static struct mt_writer *writer;
static struct mt_commit commit;

static void wake(void *unused)
{
	(void)unused;
}

static int make_folder(void **state)
{
	(void)state;
	return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
	(void)state;
	snprintf(path, sizeof(path), "rm -rf %s", folder);
	return system(path);
}

static int set_up(void **state)
{
	static const struct mt_writer_session session = {"1",  0, "monotonic", "h", "k", "m",
	                                                 4096, 1, 1,           "",  0};
	struct mt_error error;
	static int number;

	(void)state;
	bench_open(&bench, 100);
	bench_start(&bench, 100, &p);
	snprintf(path, sizeof(path), "%s/%d.db", folder, ++number);
	close(open(path, O_CREAT | O_EXCL | O_RDWR, 0600));
	assert_int_equal(mt_writer_create(path, &session, &error, &writer), 0);
	mt_commit_init(&commit, writer, bench.segment, &bench.to_service, wake, NULL);
	assert_int_equal(mt_commit_start(&commit), 0);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	mt_commit_stop(&commit);
	mt_commit_free(&commit);
	mt_writer_close(writer, NULL, NULL);
	bench_close(&bench);
	return 0;
}

/* Hands over what there is, and waits for it. */
static void write_all(void)
{
	struct mt_batch *batch = mt_batch_build(&bench.collector->ledger);

	assert_non_null(batch);
	assert_true(mt_commit_is_idle(&commit));
	mt_commit_offer(&commit, batch);
	assert_false(mt_commit_is_idle(&commit));
	assert_ptr_equal(mt_commit_collect(&commit, true), batch);
	mt_batch_settle(batch);
}

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

static enum mt_committed committed(void)
{
	return (enum mt_committed)atomic_load(&mt_segment_slots(bench.segment)[p.slot].committed);
}

static void what_changes_is_written_and_what_does_not_is_not(void **state)
{
	struct mt_batch *batch;

	(void)state;
	producer_alloc(&p, A, 10, 1);
	producer_alloc(&p, B, 20, 2);
	bench_round(&bench);
	write_all();
	rows_are("SELECT allocations, frees, live_bytes, peak_bytes, ended_ns FROM process",
	         "2|0|30|30|-\n");
	rows_are("SELECT stack, kind, allocations, frees, peak_bytes FROM total ORDER BY stack",
	         "1|1|1|0|10\n2|1|1|0|20\n");
	rows_are("SELECT count(*) FROM block", "0\n");
	rows_are("SELECT tid, ended_ns FROM thread", "100|-\n");
	batch = mt_batch_build(&bench.collector->ledger);
	assert_true(mt_batch_is_empty(batch));
	mt_batch_settle(batch);
	/* One of two totals changes: its pack goes out, and no other one. */
	producer_free(&p, A);
	bench_round(&bench);
	batch = mt_batch_build(&bench.collector->ledger);
	assert_int_equal(batch->total_packs_count, 1);
	assert_int_equal(batch->processes_count, 1);
	assert_int_equal(batch->stack_packs_count, 0);
	mt_commit_offer(&commit, batch);
	mt_batch_settle(mt_commit_collect(&commit, true));
	rows_are("SELECT stack, frees, peak_bytes FROM total ORDER BY stack", "1|1|10\n2|0|20\n");
	assert_int_equal(committed(), MT_COMMITTED_NOT_YET);
}

static void a_total_that_did_not_change_follows_a_later_peak(void **state)
{
	(void)state;
	producer_alloc(&p, A, 10, 1);
	producer_alloc(&p, B, 20, 2);
	producer_free(&p, A);
	bench_round(&bench);
	write_all();
	rows_are("SELECT stack, peak_bytes FROM total ORDER BY stack", "1|10\n2|20\n");
	/* A new peak, at which the first stack holds nothing. */
	producer_alloc(&p, C, 100, 2);
	bench_round(&bench);
	write_all();
	rows_are("SELECT stack, peak_bytes FROM total ORDER BY stack", "1|0\n2|120\n");
	rows_are("SELECT peak_bytes - (SELECT sum(peak_bytes) FROM total) FROM process", "0\n");
}

/* A stack whose frames come late, when its pack is full and long written. */
static void a_stack_that_is_settled_late_is_so_in_its_pack(void **state)
{
	struct mt_stacks *stacks = &bench.collector->ledger.stacks;
	struct mt_batch *batch;
	uint32_t first = 0, node, last = 0;

	(void)state;
	producer_alloc(&p, A, 10, 1);
	bench_round(&bench);
	for (uint32_t i = 0; i < 2 * MT_WRITER_STACKS_PACK; i++) {
		assert_int_equal(mt_stacks_promise(stacks, &node), 0);
		first = first ? first : node;
		last = node;
	}
	write_all();
	rows_are("SELECT count(*), sum(cut = 'lost') FROM stack", "8194|8192\n");
	rows_are("SELECT number FROM stack_pack", "0\n1\n2\n");
	/* The first pack's become the like of the one with frames; of the others nothing is new. */
	assert_int_equal(mt_stacks_settle(stacks, first + 1, 1), 0);
	assert_int_equal(mt_stacks_settle(stacks, first, 1), 0);
	batch = mt_batch_build(&bench.collector->ledger);
	assert_int_equal(batch->stack_packs_count, 1);
	assert_int_equal(batch->stacks_count, MT_WRITER_STACKS_PACK);
	mt_commit_offer(&commit, batch);
	mt_batch_settle(mt_commit_collect(&commit, true));
	rows_are("SELECT count(*), sum(cut = 'lost') FROM stack", "8194|8190\n");
	/* Of the last and a new one the last pack alone. */
	assert_int_equal(mt_stacks_settle(stacks, last, 1), 0);
	assert_int_equal(mt_stacks_promise(stacks, &node), 0);
	batch = mt_batch_build(&bench.collector->ledger);
	assert_int_equal(batch->stack_packs_count, 1);
	assert_int_equal(batch->stack_packs[0].number, 2);
	mt_commit_offer(&commit, batch);
	mt_batch_settle(mt_commit_collect(&commit, true));
	rows_are("SELECT count(*), sum(cut = 'lost') FROM stack", "8195|8190\n");
}

static void the_end_is_written_with_its_blocks_and_then_told(void **state)
{
	struct mt_mail *mail;
	bool is_told = false;

	(void)state;
	producer_alloc(&p, B, 20, 2);
	producer_alloc(&p, A, 10, 1);
	producer_fixed(&p, MT_EVENT_ALLOC, MT_KIND_MALLOC, C, 77, 0, MT_ALLOC_OWN);
	producer_fixed(&p, MT_EVENT_EXIT, MT_EXIT_QUICK, 0, 4, 0, 0);
	bench_round(&bench);
	assert_int_equal(committed(), MT_COMMITTED_NOT_YET);
	write_all();
	assert_int_equal(committed(), MT_COMMITTED);
	rows_are("SELECT end_reason, exit_status, live_blocks, live_bytes, own_allocations FROM "
	         "process",
	         "quick_exit|4|2|30|1\n");
	rows_are("SELECT reason, live_blocks, live_bytes FROM snapshot", "exit|2|30\n");
	rows_are("SELECT addr, size_bytes, stack, kind, thread FROM block ORDER BY addr",
	         "65536|10|1|1|1\n131072|20|2|1|1\n");
	rows_are("SELECT count(*) FROM leak", "2\n");
	mail = mt_mailbox_take(&bench.to_service);
	while (mail) {
		struct mt_mail *next = mail->next;

		if (mail->type == MT_MAIL_ENDED) {
			is_told = true;
			assert_int_equal(mail->pid, 100);
			assert_int_equal(mail->outcome.live_blocks, 2);
			assert_int_equal(mail->outcome.peak_bytes, 30);
			assert_true(mail->outcome.has_row);
		}
		mt_mail_free(mail);
		mail = next;
	}
	assert_true(is_told);
	assert_int_equal(mt_commit_failure(&commit, NULL), 0);
}

static void late_events_are_written_after_the_end_and_change_no_figure(void **state)
{
	(void)state;
	producer_alloc(&p, A, 10, 1);
	producer_fixed(&p, MT_EVENT_EXIT, MT_EXIT_RETURN, 0, 0, 0, 0);
	bench_round(&bench);
	write_all();
	producer_free(&p, A);
	bench_round(&bench);
	write_all();
	rows_are("SELECT allocations, frees, live_blocks, live_bytes, late_events FROM process",
	         "1|0|1|10|1\n");
	rows_are("SELECT count(*) FROM block", "1\n");
}

static void nobody_waits_for_a_file_that_is_full(void **state)
{
	struct rlimit limit, saved;
	struct mt_error error;

	(void)state;
	signal(SIGXFSZ, SIG_IGN);
	bench_round(&bench);
	write_all();
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &saved), 0);
	limit = saved;
	limit.rlim_cur = 60000;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	for (uint64_t i = 1; i <= 20000; i++) {
		/* Of any size, so that packs of them are not small. */
		producer_alloc(&p, i * 16, (uint32_t)(i * 2654435761u) >> 8, 1);
		if (i % 100 == 0)
			bench_round(&bench);
	}
	producer_fixed(&p, MT_EVENT_EXIT, MT_EXIT_RETURN, 0, 0, 0, 0);
	bench_round(&bench);
	write_all();
	assert_int_equal(committed(), MT_COMMITTED_LOST);
	assert_true(mt_commit_failure(&commit, &error) < 0);
	assert_true(strlen(error.text) > 0);
	/* And no more is tried. */
	producer_free(&p, 16);
	bench_round(&bench);
	write_all();
	setrlimit(RLIMIT_FSIZE, &saved);
	rows_are("SELECT allocations, (SELECT count(*) FROM block) FROM process", "0|0\n");
	rows_are("PRAGMA integrity_check", "ok\n");
}

/* A snapshot of pages has come; its number. */
static uint32_t arrive(enum mt_resident_reason reason, uint64_t resident_bytes)
{
	static const char *const names[] = {"asked", "exit", "peak", "periodic"};
	struct mt_ledger *ledger = &bench.collector->ledger;
	struct mt_resident *resident =
	        mt_resident_new(bench.collector, p.slot, p.generation, 100, reason);
	uint32_t id = ++ledger->snapshot_ids;

	assert_non_null(resident);
	resident->snapshot.id = id;
	resident->snapshot.process = bench_process(&bench, &p)->id;
	resident->snapshot.reason = names[reason];
	resident->owners.resident_bytes = resident_bytes;
	mt_kept_arrived(ledger, resident);
	return id;
}

static void a_higher_peak_takes_the_place_of_the_last_one(void **state)
{
	(void)state;
	bench_round(&bench);
	arrive(MT_RESIDENT_PEAK, 1000);
	/* Before the first one is written, and after. */
	arrive(MT_RESIDENT_PEAK, 2000);
	write_all();
	rows_are("SELECT id, resident_bytes FROM snapshot JOIN resident ON snapshot = id",
	         "2|2000\n");
	arrive(MT_RESIDENT_ASKED, 7);
	arrive(MT_RESIDENT_PEAK, 3000);
	write_all();
	rows_are("SELECT id, resident_bytes FROM snapshot JOIN resident ON snapshot = id",
	         "3|7\n4|3000\n");
	/* It was over when it could be looked at. */
	arrive(MT_RESIDENT_PEAK, 2500);
	write_all();
	rows_are("SELECT id, reason FROM snapshot", "3|asked\n4|peak\n");
}

static void periodic_snapshots_are_bounded(void **state)
{
	uint32_t last = 0;

	(void)state;
	bench_round(&bench);
	for (unsigned int i = 0; i < MT_PROCESS_PERIODIC_MAX; i++) {
		arrive(MT_RESIDENT_PERIODIC, 1);
		if (i % 7 == 0)
			write_all();
	}
	write_all();
	rows_are("SELECT count(*) FROM snapshot JOIN resident ON snapshot = id", "128\n");
	last = arrive(MT_RESIDENT_PERIODIC, 1);
	write_all();
	assert_int_equal(last, 129);
	rows_are("SELECT count(*), min(id), max(id), sum(id % 2) FROM snapshot", "65|1|129|65\n");
	rows_are("SELECT count(*) FROM resident", "65\n");
}

static void an_end_waits_for_its_pages_and_goes_on_without(void **state)
{
	struct mt_ledger *ledger = &bench.collector->ledger;
	struct mt_snapshots *snapshots = &bench.collector->snapshots;

	(void)state;
	ledger->moments = MT_MOMENT_EXIT;
	ledger->snapshots = snapshots;
	assert_int_equal(mt_snapshots_start(snapshots, NULL), 0);
	producer_alloc(&p, A, 10, 1);
	producer_fixed(&p, MT_EVENT_EXIT, MT_EXIT_RETURN, 0, 0, 0, 0);
	bench_round(&bench);
	write_all();
	assert_int_equal(committed(), MT_COMMITTED_NOT_YET);
	/* No such process: that is what its pages come to, and the reason is kept. */
	mt_snapshots_stop(snapshots);
	bench_round(&bench);
	assert_true(ledger->is_urgent);
	write_all();
	assert_int_equal(committed(), MT_COMMITTED);
	rows_are("SELECT reason, live_bytes, (SELECT count(*) FROM resident) FROM snapshot",
	         "exit|10|0\n");
	rows_are(
	        "SELECT kind, count, text LIKE 'what was resident at the end was not found out: %' "
	        "FROM note",
	        "snapshot|1|1\n");
}

static void an_end_does_not_wait_for_ever(void **state)
{
	struct mt_ledger *ledger = &bench.collector->ledger;

	(void)state;
	ledger->moments = MT_MOMENT_EXIT;
	/* Nobody takes them: there is no thread. */
	ledger->snapshots = &bench.collector->snapshots;
	pthread_mutex_init(&ledger->snapshots->mutex, NULL);
	producer_fixed(&p, MT_EVENT_EXIT, MT_EXIT_RETURN, 0, 0, 0, 0);
	bench_round(&bench);
	write_all();
	assert_int_equal(committed(), MT_COMMITTED_NOT_YET);
	bench_process(&bench, &p)->pages_until_ns = 1;
	bench_round(&bench);
	write_all();
	assert_int_equal(committed(), MT_COMMITTED);
	rows_are("SELECT end_reason FROM process", "exit\n");
	mt_resident_free(ledger->snapshots->first);
}

static void a_long_timeline_loses_every_second_point(void **state)
{
	struct mt_ledger *ledger = &bench.collector->ledger;
	struct mt_mail mail = {.type = MT_MAIL_USAGE, .usage = mt_usage_nothing()};
	struct mt_process *process;
	uint64_t ticks;

	(void)state;
	bench_round(&bench);
	process = bench_process(&bench, &p);
	ticks = process->point_ticks;
	mail.slot = p.slot;
	mail.generation = p.generation;
	write_all();
	/* Its start, and what was due since. */
	rows_are("SELECT count(*) FROM timeline", "2\n");
	for (int i = 3; i <= 4096; i++) {
		mail.usage.rss_anon_bytes = i;
		ledger->cut_stamp += ticks;
		mt_kept_usage(ledger, &mail);
		/* Too early for another one. */
		ledger->cut_stamp += 1;
		mt_kept_usage(ledger, &mail);
		if (i % 1000 == 0)
			write_all();
	}
	assert_true(process->point_ticks == ticks);
	write_all();
	rows_are("SELECT count(*), min(rss_anon_bytes), max(rss_anon_bytes), sum(rss_anon_bytes % "
	         "2) "
	         "FROM timeline",
	         "2048|4|4096|0\n");
	assert_true(process->point_ticks == 2 * ticks);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	        TEST(what_changes_is_written_and_what_does_not_is_not),
	        TEST(a_total_that_did_not_change_follows_a_later_peak),
	        TEST(a_stack_that_is_settled_late_is_so_in_its_pack),
	        TEST(the_end_is_written_with_its_blocks_and_then_told),
	        TEST(late_events_are_written_after_the_end_and_change_no_figure),
	        TEST(a_higher_peak_takes_the_place_of_the_last_one),
	        TEST(periodic_snapshots_are_bounded),
	        TEST(an_end_waits_for_its_pages_and_goes_on_without),
	        TEST(an_end_does_not_wait_for_ever),
	        TEST(a_long_timeline_loses_every_second_point),
	        TEST(nobody_waits_for_a_file_that_is_full),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
