/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test_apply.c - collect/apply.h: what each record does to the books of one process. */
#include "tests/unit/producer.h"

#define A 0x10000u
#define B 0x20000u

static struct bench bench;
static struct producer p;
static struct mt_process *process;

static int set_up(void **state)
{
	(void)state;
	bench_open(&bench, 100);
	bench_start(&bench, 100, &p);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	bench_close(&bench);
	return 0;
}

/* Applies what was written. */
static void drain(void)
{
	bench_round(&bench);
	process = bench_process(&bench, &p);
	assert_non_null(process);
}

static void figures_are(uint64_t allocations, uint64_t frees, uint64_t live_blocks,
                        uint64_t live_bytes)
{
	assert_int_equal(process->totals.allocations, allocations);
	assert_int_equal(process->totals.frees, frees);
	assert_int_equal(process->totals.live_blocks, live_blocks);
	assert_int_equal(process->totals.live_bytes, live_bytes);
	assert_int_equal(process->totals.bytes_allocated - process->totals.bytes_freed, live_bytes);
}

static void a_block_lives_until_it_is_freed(void **state)
{
	(void)state;
	producer_alloc(&p, A, 100, 1);
	producer_alloc(&p, B, 0, 1);
	drain();
	figures_are(2, 0, 2, 100);
	assert_int_equal(mt_live_find(&process->live, A)->size_bytes, 100);
	producer_free(&p, A);
	drain();
	figures_are(2, 1, 1, 0);
	assert_null(mt_live_find(&process->live, A));
	assert_non_null(mt_live_find(&process->live, B));
	assert_int_equal(process->totals.peak_bytes, 100);
	/* begin, two stacks, three */
	assert_int_equal(process->events, 6);
}

static void a_free_of_what_is_not_live_is_counted_apart(void **state)
{
	(void)state;
	producer_free(&p, A);
	producer_alloc(&p, A, 10, 1);
	producer_free(&p, A);
	producer_free(&p, A);
	drain();
	figures_are(1, 1, 0, 0);
	assert_int_equal(process->unmatched_frees, 2);
}

static void a_block_is_temporary_when_its_thread_allocates_nothing_before_its_end(void **state)
{
	(void)state;
	producer_alloc(&p, A, 10, 1);
	producer_free(&p, A); /* temporary */
	producer_alloc(&p, A, 10, 1);
	producer_alloc(&p, B, 10, 1);
	producer_free(&p, A); /* not */
	producer_free(&p, B); /* temporary */
	drain();
	assert_int_equal(process->totals.temporary, 2);
}

static void a_block_that_another_thread_frees_is_not_temporary(void **state)
{
	struct producer other = p;

	(void)state;
	memset(&other.writer, 0, sizeof(other.writer));
	other.stamp = p.stamp + 1000;
	producer_begin(&other, 101);
	producer_alloc(&p, A, 10, 1);
	p.stamp = other.stamp + 1000;
	producer_free(&other, A);
	drain();
	figures_are(1, 1, 0, 0);
	assert_int_equal(process->totals.temporary, 0);
	/* The other one's block at the same address is not the first one's last allocation. */
	other.stamp = p.stamp;
	producer_alloc(&other, A, 10, 1);
	p.stamp = other.stamp + 1000;
	producer_free(&p, A);
	drain();
	assert_int_equal(process->totals.temporary, 0);
}

static void a_realloc_is_a_free_and_an_allocation(void **state)
{
	(void)state;
	producer_alloc(&p, A, 10, 1);
	producer_alloc(&p, B, 5, 1);
	producer_fixed(&p, MT_EVENT_REALLOC, MT_KIND_REALLOC, A, 0, 0, 0);
	producer_fixed(&p, MT_EVENT_ALLOC, MT_KIND_REALLOC, A, 30, 2, 0);
	drain();
	figures_are(3, 1, 2, 35);
	assert_int_equal(mt_live_find(&process->live, A)->size_bytes, 30);
	/* A failure later on does not bring the old block back. */
	producer_fixed(&p, MT_EVENT_REALLOC_FAILED, MT_KIND_REALLOC, A, 0, 0, 0);
	drain();
	figures_are(3, 1, 2, 35);
}

static void a_realloc_that_fails_has_not_happened(void **state)
{
	(void)state;
	producer_alloc(&p, A, 10, 1);
	producer_fixed(&p, MT_EVENT_REALLOC, MT_KIND_REALLOC, A, 0, 0, 0);
	drain();
	figures_are(1, 1, 0, 0);
	assert_int_equal(process->totals.temporary, 1);
	producer_fixed(&p, MT_EVENT_REALLOC_FAILED, MT_KIND_REALLOC, A, 0, 0, 0);
	drain();
	figures_are(1, 0, 1, 10);
	assert_int_equal(process->totals.temporary, 0);
	assert_int_equal(mt_live_find(&process->live, A)->size_bytes, 10);
	/* And only once. */
	producer_free(&p, A);
	producer_fixed(&p, MT_EVENT_REALLOC_FAILED, MT_KIND_REALLOC, A, 0, 0, 0);
	drain();
	figures_are(1, 1, 0, 0);
}

static void a_failed_realloc_of_what_is_not_live_is_no_unmatched_free(void **state)
{
	(void)state;
	producer_fixed(&p, MT_EVENT_REALLOC, MT_KIND_REALLOC, A, 0, 0, 0);
	drain();
	assert_int_equal(process->unmatched_frees, 1);
	producer_fixed(&p, MT_EVENT_REALLOC_FAILED, MT_KIND_REALLOC, A, 0, 0, 0);
	producer_fixed(&p, MT_EVENT_REALLOC_FAILED, MT_KIND_REALLOC, A, 0, 0, 0);
	drain();
	assert_int_equal(process->unmatched_frees, 0);
	figures_are(0, 0, 0, 0);
}

static void a_block_was_live_at_the_peak_while_its_realloc_failed(void **state)
{
	struct producer other = p;

	(void)state;
	memset(&other.writer, 0, sizeof(other.writer));
	other.stamp = p.stamp + 1000;
	producer_begin(&other, 101);
	producer_alloc(&p, A, 100, 1);
	producer_fixed(&p, MT_EVENT_REALLOC, MT_KIND_REALLOC, A, 0, 0, 0);
	producer_alloc(&other, B, 50, 2);
	p.stamp = other.stamp + 1000;
	producer_fixed(&p, MT_EVENT_REALLOC_FAILED, MT_KIND_REALLOC, A, 0, 0, 0);
	drain();
	assert_int_equal(process->totals.peak_bytes, 150);
	assert_int_equal(process->totals.peak_blocks, 2);
}

static void an_allocation_of_what_is_live_is_a_missed_free(void **state)
{
	(void)state;
	producer_alloc(&p, A, 10, 1);
	producer_alloc(&p, A, 30, 2);
	drain();
	figures_are(2, 1, 1, 30);
	assert_int_equal(process->overwritten, 1);
}

static void memtraces_own_blocks_are_in_no_other_figure(void **state)
{
	(void)state;
	producer_fixed(&p, MT_EVENT_ALLOC, MT_KIND_MALLOC, A, 77, 0, MT_ALLOC_OWN);
	producer_fixed(&p, MT_EVENT_ALLOC, MT_KIND_MALLOC, B, 5, 0, MT_ALLOC_OWN);
	producer_free(&p, A);
	producer_fixed(&p, MT_EVENT_REALLOC, MT_KIND_REALLOC, B, 0, 0, 0);
	producer_fixed(&p, MT_EVENT_REALLOC_FAILED, MT_KIND_REALLOC, B, 0, 0, 0);
	drain();
	figures_are(0, 0, 0, 0);
	assert_int_equal(process->own_allocations, 2);
	assert_int_equal(process->own_frees, 1);
	assert_int_equal(process->own_bytes, 82);
	assert_int_equal(process->unmatched_frees, 0);
	assert_int_equal(process->totals.peak_bytes, 0);
}

static void mappings_are_counted_beside_the_heap(void **state)
{
	const struct mt_total *row;

	(void)state;
	producer_fixed(&p, MT_EVENT_MAP, MT_KIND_MMAP, 0x700000, 8192, 1, 3);
	producer_fixed(&p, MT_EVENT_UNMAP, MT_KIND_MUNMAP, 0x700000, 8192, 0, 0);
	producer_fixed(&p, MT_EVENT_BREAK, MT_KIND_SBRK, 0x900000, 4096, 2, 0);
	producer_fixed(&p, MT_EVENT_BREAK, MT_KIND_SBRK, 0x900000, (uint64_t)-4096, 2, 0);
	drain();
	figures_are(0, 0, 0, 0);
	row = &process->totals.rows[mt_totals_find(&process->totals, 1, MT_KIND_MMAP)];
	assert_int_equal(row->allocations, 1);
	assert_int_equal(row->bytes_allocated, 8192);
	row = &process->totals.rows[mt_totals_find(&process->totals, 2, MT_KIND_SBRK)];
	assert_int_equal(row->allocations, 2);
	assert_int_equal(row->bytes_allocated, 4096);
	assert_int_equal(process->totals.peak_bytes, 0);
}

static void a_stack_may_be_defined_after_it_is_used(void **state)
{
	const struct mt_stacks *stacks;
	uint32_t total;

	(void)state;
	producer_alloc(&p, A, 10, 9);
	drain();
	figures_are(1, 0, 1, 10);
	assert_int_equal(process->lost_stacks, 1);
	producer_stack(&p, 9, 0x9999);
	producer_alloc(&p, B, 10, 9);
	drain();
	assert_int_equal(process->lost_stacks, 0);
	stacks = &bench.collector->ledger.stacks;
	total = mt_totals_find(&process->totals, 9, MT_KIND_MALLOC);
	assert_int_equal(process->totals.rows[total].allocations, 2);
	assert_int_equal(
	        stacks->frames[stacks->nodes[process->totals.rows[total].node].frame].offset,
	        0x9999);
}

static void a_stack_id_beyond_the_limit_is_the_one_defined_last(void **state)
{
	const struct mt_stacks *stacks = &bench.collector->ledger.stacks;
	const uint32_t beyond = MT_TOTALS_IDS_MAX + 5;
	const struct mt_total *row;

	(void)state;
	producer_stack(&p, beyond, 0x7777);
	producer_alloc(&p, A, 10, beyond);
	producer_stack(&p, beyond + 1, 0x7777);
	producer_alloc(&p, B, 10, beyond + 1);
	drain();
	figures_are(2, 0, 2, 20);
	assert_int_equal(process->lost_stacks, 0);
	/* One and the same row. */
	assert_int_equal(mt_live_find(&process->live, A)->total,
	                 mt_live_find(&process->live, B)->total);
	row = &process->totals.rows[mt_live_find(&process->live, A)->total];
	assert_int_equal(stacks->frames[stacks->nodes[row->node].frame].offset, 0x7777);
	/* Long after nobody can say what it was. */
	producer_alloc(&p, 0x30000, 10, beyond);
	drain();
	figures_are(3, 0, 3, 30);
	assert_int_equal(process->lost_stacks, 1);
}

static void threads_without_number_take_bounded_room(void **state)
{
	uint32_t tid = 1000;

	(void)state;
	/* One that has ended and owns a block. */
	producer_fixed(&p, MT_EVENT_THREAD_END, 0, 0, 0, 0, 0);
	producer_begin(&p, tid);
	producer_stack(&p, 1, 0x1000);
	producer_alloc(&p, A, 10, 1);
	for (; tid < 1000 + 3 * MT_PROCESS_THREADS_KEPT; tid++) {
		producer_fixed(&p, MT_EVENT_THREAD_END, 0, 0, 0, 0, 0);
		producer_begin(&p, tid + 1);
		producer_alloc(&p, B, 10, 1);
		producer_free(&p, B);
		if (tid % 64 == 0)
			drain();
	}
	drain();
	assert_true(process->thread_count <= MT_PROCESS_THREADS_KEPT + 2);
	assert_int_equal(process->replaced_threads,
	                 3 * MT_PROCESS_THREADS_KEPT + 2 - process->thread_count);
	assert_int_equal(process->totals.temporary, 3 * MT_PROCESS_THREADS_KEPT);
	/* The block's thread is still the one that it was. */
	assert_int_equal(process->threads[mt_live_find(&process->live, A)->thread].tid, 1000);
	/* Once the block is freed, another thread may have the place. */
	producer_free(&p, A);
	drain();
	assert_int_equal(process->idle_threads[process->idle_count - 1], 1);
}

static void threads_with_names_take_bounded_room_while_a_batch_is_written(void **state)
{
	uint32_t tid = 1000, owner;

	(void)state;
	producer_stack(&p, 1, 0x1000);
	producer_alloc(&p, A, 10, 1);
	drain();
	owner = process->threads[mt_live_find(&process->live, A)->thread].tid;
	process->is_in_batch = true;
	for (; tid < 1000 + 8 * MT_PROCESS_THREADS_KEPT; tid++) {
		producer_fixed(&p, MT_EVENT_THREAD_END, 0, 0, 0, 0, 0);
		producer_begin(&p, tid);
		producer_large(&p, MT_EVENT_NAME, 0, 0, "a-thread-s-name", 15);
		if (tid % 64 == 0)
			drain();
	}
	drain();
	assert_true(process->thread_count <= MT_PROCESS_THREADS_KEPT + 2);
	assert_string_equal(process->threads[process->thread_count - 1].name, "a-thread-s-name");
	/* Nor does the index of tids keep those that are no more. */
	assert_true(process->thread_index.count <= 4 * MT_PROCESS_THREADS_KEPT + 4);
	assert_int_equal(process->threads[mt_live_find(&process->live, A)->thread].tid, owner);
	/* Every thread that has its place is found by its tid. */
	for (size_t i = 0; i < process->thread_count; i++) {
		uint32_t index;

		assert_true(
		        mt_map_find(&process->thread_index, process->threads[i].tid, 0, &index));
		assert_int_equal(index, i);
	}
	process->is_in_batch = false;
}

static void a_relative_module_is_found_from_the_working_folder(void **state)
{
	struct {
		struct mt_module_payload module;
		char path[16];
	} payload = {.module = {.base = 0x1000,
	                        .start = 0x1000,
	                        .end = 0x9000,
	                        .build_id_bytes = 2,
	                        .build_id = {0x12, 0xff},
	                        .path_bytes = 11},
	             .path = "./lib/a.so"};
	const struct mt_modules *modules = &bench.collector->ledger.modules;

	(void)state;
	payload.module.path_bytes = (uint32_t)strlen(payload.path);
	producer_large(&p, MT_EVENT_MODULE, 0, 0, &payload,
	               (uint32_t)sizeof(payload.module) + payload.module.path_bytes);
	drain();
	assert_int_equal(modules->count, 2);
	assert_string_equal(modules->rows[1].path, "/home/somebody/lib/a.so");
	assert_string_equal(modules->rows[1].build_id, "12ff");
}

static void what_comes_after_the_exit_is_late(void **state)
{
	struct producer other = p;

	(void)state;
	memset(&other.writer, 0, sizeof(other.writer));
	other.stamp = p.stamp + 1000;
	producer_begin(&other, 101);
	producer_alloc(&p, A, 10, 1);
	p.stamp = other.stamp + 1;
	producer_fixed(&p, MT_EVENT_EXIT, MT_EXIT_RETURN, 0, 259, 0, 0);
	other.stamp = p.stamp + 1;
	producer_alloc(&other, B, 10, 1);
	producer_free(&other, A);
	drain();
	figures_are(1, 0, 1, 10);
	assert_int_equal(process->late_events, 2);
	assert_true(process->has_ended);
	assert_string_equal(process->end_reason, "exit");
	/* What wait() shows of 259. */
	assert_int_equal(process->exit_status, 3);
	assert_string_equal(process->snapshot_reason, "exit");
}

static void a_signal_handlers_ring_is_of_the_same_thread(void **state)
{
	struct producer handler = p;

	(void)state;
	memset(&handler.writer, 0, sizeof(handler.writer));
	handler.stamp = p.stamp + 1000;
	producer_begin(&handler, 100);
	producer_alloc(&handler, A, 10, 1);
	producer_fixed(&handler, MT_EVENT_THREAD_END, 0, 0, 0, 0, 0);
	drain();
	assert_int_equal(process->thread_count, 1);
	assert_false(process->threads[0].has_ended);
	p.stamp = handler.stamp + 1;
	producer_fixed(&p, MT_EVENT_THREAD_END, 0, 0, 0, 0, 0);
	drain();
	assert_true(process->threads[0].has_ended);
}

static void a_handler_between_realloc_and_its_end_does_not_end_it(void **state)
{
	struct producer handler = p;

	(void)state;
	memset(&handler.writer, 0, sizeof(handler.writer));
	producer_alloc(&p, A, 10, 1);
	producer_fixed(&p, MT_EVENT_REALLOC, MT_KIND_REALLOC, A, 0, 0, 0);
	handler.stamp = p.stamp + 1;
	producer_begin(&handler, 100);
	producer_alloc(&handler, B, 7, 1);
	p.stamp = handler.stamp + 1;
	producer_fixed(&p, MT_EVENT_REALLOC_FAILED, MT_KIND_REALLOC, A, 0, 0, 0);
	drain();
	figures_are(2, 0, 2, 17);
}

/* A handler that interrupts outside of memtrace writes to the same ring. */
static void a_handler_s_reallocs_do_not_end_the_one_that_fails(void **state)
{
	(void)state;
	producer_alloc(&p, A, 10, 1);
	producer_fixed(&p, MT_EVENT_REALLOC, MT_KIND_REALLOC, A, 0, 0, 0);
	producer_alloc(&p, B, 7, 1);
	producer_fixed(&p, MT_EVENT_REALLOC, MT_KIND_REALLOC, B, 0, 0, 0);
	producer_alloc(&p, B, 8, 1);
	producer_free(&p, B);
	producer_fixed(&p, MT_EVENT_REALLOC_FAILED, MT_KIND_REALLOC, A, 0, 0, 0);
	drain();
	figures_are(3, 2, 1, 10);
	assert_int_equal(process->unmatched_frees, 0);
	producer_free(&p, A);
	drain();
	figures_are(3, 3, 0, 0);
}

/* A ring that several threads of p's process write to. */
static void share_ring(struct producer *sharers)
{
	*sharers = p;
	memset(&sharers->writer, 0, sizeof(sharers->writer));
	producer_ring(sharers, MT_RING_BYTES_MIN);
	sharers->writer.ring->is_shared = 1;
	sharers->stamp = p.stamp + 100;
}

static void write_as(struct producer *sharers, uint32_t tid, uint32_t flags)
{
	producer_fixed(sharers, MT_EVENT_THREAD_BEGIN, 0, tid, sharers->slot, sharers->generation,
	               flags);
}

static void threads_that_share_a_ring_are_kept_apart(void **state)
{
	struct producer sharers;

	(void)state;
	share_ring(&sharers);
	write_as(&sharers, 201, 0);
	producer_alloc(&sharers, A, 10, 1);
	write_as(&sharers, 202, 0);
	producer_alloc(&sharers, B, 7, 1);
	write_as(&sharers, 201, MT_THREAD_AGAIN);
	/* Its own last allocation, although the other thread's came in between. */
	producer_free(&sharers, A);
	producer_fixed(&sharers, MT_EVENT_THREAD_END, 0, 0, 0, 0, 0);
	write_as(&sharers, 202, MT_THREAD_AGAIN);
	drain();
	figures_are(2, 1, 1, 7);
	assert_int_equal(process->totals.temporary, 1);
	assert_int_equal(process->thread_count, 3);
	assert_true(process->threads[1].has_ended);
	assert_false(process->threads[2].has_ended);
	producer_fixed(&sharers, MT_EVENT_THREAD_END, 0, 0, 0, 0, 0);
	drain();
	assert_true(process->threads[2].has_ended);
}

static void a_realloc_that_fails_in_a_shared_ring_has_not_happened(void **state)
{
	struct producer sharers;

	(void)state;
	share_ring(&sharers);
	write_as(&sharers, 201, 0);
	producer_alloc(&sharers, A, 10, 1);
	producer_fixed(&sharers, MT_EVENT_REALLOC, MT_KIND_REALLOC, A, 0, 0, 0);
	write_as(&sharers, 202, 0);
	producer_alloc(&sharers, B, 7, 1);
	producer_fixed(&sharers, MT_EVENT_REALLOC, MT_KIND_REALLOC, B, 0, 0, 0);
	write_as(&sharers, 201, MT_THREAD_AGAIN);
	producer_fixed(&sharers, MT_EVENT_REALLOC_FAILED, MT_KIND_REALLOC, A, 0, 0, 0);
	write_as(&sharers, 202, MT_THREAD_AGAIN);
	producer_alloc(&sharers, B, 8, 1);
	drain();
	figures_are(3, 1, 2, 18);
	assert_int_equal(process->unmatched_frees, 0);
}

static void what_was_pending_in_a_shared_ring_is_not_its_next_process_s(void **state)
{
	struct producer sharers, next;

	(void)state;
	share_ring(&sharers);
	write_as(&sharers, 201, 0);
	producer_alloc(&sharers, A, 10, 1);
	producer_fixed(&sharers, MT_EVENT_REALLOC, MT_KIND_REALLOC, A, 0, 0, 0);
	bench_start(&bench, 300, &next);
	next.writer = sharers.writer;
	next.stamp = sharers.stamp + 100;
	write_as(&next, 301, 0);
	write_as(&next, 201, MT_THREAD_AGAIN);
	producer_fixed(&next, MT_EVENT_REALLOC_FAILED, MT_KIND_REALLOC, A, 0, 0, 0);
	drain();
	figures_are(1, 1, 0, 0);
	assert_int_equal(bench_process(&bench, &next)->totals.allocations, 0);
	assert_int_equal(bench_process(&bench, &next)->live.count, 0);
}

static void events_of_nobody_are_dropped_and_counted(void **state)
{
	struct producer nobody = p;

	(void)state;
	memset(&nobody.writer, 0, sizeof(nobody.writer));
	producer_ring(&nobody, MT_RING_BYTES_MIN);
	producer_alloc(&nobody, A, 10, 1);
	nobody.generation++;
	producer_begin(&nobody, 5);
	producer_alloc(&nobody, A, 10, 1);
	drain();
	figures_are(0, 0, 0, 0);
	/* The two, and the stack of each: none was written; so two. */
	assert_int_equal(bench.collector->ledger.orphans, 2);
}

static void points_of_the_timeline_are_exact(void **state)
{
	const uint64_t ms = 1000000;
	uint64_t origin_ns = bench.collector->ledger.stamps.origin_ns;
	uint64_t start = bench.past;

	(void)state;
	p.stamp = start + 10 * ms;
	producer_alloc(&p, A, 100, 1);
	p.stamp = start + 99 * ms;
	producer_alloc(&p, B, 50, 1);
	/* The first point is due at 100 ms. */
	p.stamp = start + 130 * ms;
	producer_free(&p, A);
	/* Then silence; 200 ms is the next point, 500 ms the last one before this. */
	p.stamp = start + 510 * ms;
	producer_alloc(&p, A, 1, 1);
	drain();
	assert_int_equal(process->point_count, 4);
	assert_int_equal(process->points[0].live_bytes, 0);
	assert_int_equal(process->points[0].time_ns, start - origin_ns);
	assert_int_equal(process->points[1].time_ns, start + 100 * ms - origin_ns);
	assert_int_equal(process->points[1].live_bytes, 150);
	assert_int_equal(process->points[1].live_blocks, 2);
	assert_int_equal(process->points[1].allocations, 2);
	assert_int_equal(process->points[2].time_ns, start + 200 * ms - origin_ns);
	assert_int_equal(process->points[2].live_bytes, 50);
	assert_int_equal(process->points[3].time_ns, start + 500 * ms - origin_ns);
	assert_int_equal(process->points[3].live_bytes, 50);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	        TEST(a_block_lives_until_it_is_freed),
	        TEST(a_free_of_what_is_not_live_is_counted_apart),
	        TEST(a_block_is_temporary_when_its_thread_allocates_nothing_before_its_end),
	        TEST(a_block_that_another_thread_frees_is_not_temporary),
	        TEST(a_realloc_is_a_free_and_an_allocation),
	        TEST(a_realloc_that_fails_has_not_happened),
	        TEST(a_failed_realloc_of_what_is_not_live_is_no_unmatched_free),
	        TEST(a_block_was_live_at_the_peak_while_its_realloc_failed),
	        TEST(an_allocation_of_what_is_live_is_a_missed_free),
	        TEST(memtraces_own_blocks_are_in_no_other_figure),
	        TEST(mappings_are_counted_beside_the_heap),
	        TEST(a_stack_may_be_defined_after_it_is_used),
	        TEST(a_stack_id_beyond_the_limit_is_the_one_defined_last),
	        TEST(threads_without_number_take_bounded_room),
	        TEST(threads_with_names_take_bounded_room_while_a_batch_is_written),
	        TEST(a_relative_module_is_found_from_the_working_folder),
	        TEST(what_comes_after_the_exit_is_late),
	        TEST(a_signal_handlers_ring_is_of_the_same_thread),
	        TEST(a_handler_between_realloc_and_its_end_does_not_end_it),
	        TEST(a_handler_s_reallocs_do_not_end_the_one_that_fails),
	        TEST(threads_that_share_a_ring_are_kept_apart),
	        TEST(a_realloc_that_fails_in_a_shared_ring_has_not_happened),
	        TEST(what_was_pending_in_a_shared_ring_is_not_its_next_process_s),
	        TEST(events_of_nobody_are_dropped_and_counted),
	        TEST(points_of_the_timeline_are_exact),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
