/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test_frees.c - collect/frees.h: which frees are bad, what is kept of them, and when stacks are asked for. */
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

static void drain(void)
{
	bench_round(&bench);
	process = bench_process(&bench, &p);
	assert_non_null(process);
}

static void allocate(unsigned int kind, uint64_t addr, uint32_t stack)
{
	producer_fixed(&p, MT_EVENT_ALLOC, kind, addr, 64, stack, 0);
}

static void release(unsigned int kind, uint64_t addr)
{
	producer_fixed(&p, MT_EVENT_FREE, kind, addr, 0, 0, 0);
}

static void stack_of_free(uint64_t addr, uint32_t stack)
{
	producer_fixed(&p, MT_EVENT_FREE_STACK, MT_KIND_FREE, addr, 0, stack, 0);
}

static bool stacks_are_wanted(void)
{
	return atomic_load(&mt_segment_slots(bench.segment)[p.slot].gate) & MT_GATE_FREE_STACKS;
}

static uint32_t node(uint32_t stack)
{
	uint32_t found = mt_totals_node(&process->totals, stack);

	assert_int_not_equal(found, 0);
	return found;
}

static void each_family_frees_its_own(void **state)
{
	static const unsigned int right[][2] = {
	        {MT_KIND_MALLOC, MT_KIND_FREE},
	        {MT_KIND_CALLOC, MT_KIND_FREE},
	        {MT_KIND_REALLOC, MT_KIND_FREE},
	        {MT_KIND_MEMALIGN, MT_KIND_FREE},
	        {MT_KIND_MALLOC, MT_KIND_REALLOC},
	        {MT_KIND_NEW, MT_KIND_DELETE},
	        {MT_KIND_NEW_ARRAY, MT_KIND_DELETE_ARRAY},
	};
	static const unsigned int wrong[][2] = {
	        {MT_KIND_MALLOC, MT_KIND_DELETE},  {MT_KIND_CALLOC, MT_KIND_DELETE_ARRAY},
	        {MT_KIND_NEW, MT_KIND_FREE},       {MT_KIND_NEW, MT_KIND_DELETE_ARRAY},
	        {MT_KIND_NEW, MT_KIND_REALLOC},    {MT_KIND_NEW_ARRAY, MT_KIND_DELETE},
	        {MT_KIND_NEW_ARRAY, MT_KIND_FREE},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(right) / sizeof(right[0]); i++) {
		assert_true(mt_frees_match(right[i][0], right[i][1]));
		assert_true(mt_frees_match(right[i][0], right[i][1] | MT_FREE_LATER));
	}
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_false(mt_frees_match(wrong[i][0], wrong[i][1]));
	assert_false(mt_frees_match(MT_KIND_MALLOC, 0x7f));
	assert_false(mt_frees_match(255, MT_KIND_FREE));
}

static void good_frees_ask_for_nothing(void **state)
{
	(void)state;
	allocate(MT_KIND_NEW, A, 1);
	release(MT_KIND_DELETE, A);
	allocate(MT_KIND_MALLOC, A, 1);
	release(MT_KIND_FREE, A);
	drain();
	assert_int_equal(process->frees.count, 0);
	assert_int_equal(process->frees.mismatched, 0);
	assert_false(stacks_are_wanted());
}

static void a_second_free_knows_the_first(void **state)
{
	const struct mt_bad_free *row;

	(void)state;
	allocate(MT_KIND_CALLOC, A, 1);
	release(MT_KIND_FREE, A);
	stack_of_free(A, 2);
	release(MT_KIND_FREE, A);
	stack_of_free(A, 1);
	drain();
	assert_int_equal(process->frees.count, 1);
	assert_int_equal(process->unmatched_frees, 1);
	row = &process->frees.rows[0];
	assert_int_equal(row->problem, MT_FREE_DOUBLE);
	assert_int_equal(row->addr, A);
	assert_int_equal(row->kind, MT_KIND_FREE);
	assert_int_equal(row->alloc_kind, MT_KIND_CALLOC);
	assert_int_equal(row->alloc_node, node(1));
	assert_int_equal(row->freed_node, node(2));
	assert_int_equal(row->node, node(1));
	assert_true(stacks_are_wanted());
}

static void without_stacks_a_second_free_still_knows_its_block(void **state)
{
	(void)state;
	allocate(MT_KIND_MALLOC, A, 2);
	release(MT_KIND_FREE, A);
	release(MT_KIND_FREE, A);
	drain();
	assert_int_equal(process->frees.rows[0].problem, MT_FREE_DOUBLE);
	assert_int_equal(process->frees.rows[0].alloc_node, node(2));
	assert_int_equal(process->frees.rows[0].node, 0);
	assert_int_equal(process->frees.rows[0].freed_node, 0);
}

static void an_address_that_is_allocated_again_is_no_second_free(void **state)
{
	(void)state;
	for (int i = 0; i < 3; i++) {
		allocate(MT_KIND_MALLOC, A, 1);
		release(MT_KIND_FREE, A);
	}
	drain();
	assert_int_equal(process->frees.count, 0);
}

static void the_stack_goes_to_the_free_before_it_only(void **state)
{
	(void)state;
	allocate(MT_KIND_MALLOC, A, 1);
	allocate(MT_KIND_MALLOC, B, 1);
	release(MT_KIND_DELETE, A);
	release(MT_KIND_FREE, B);
	stack_of_free(B, 2);
	stack_of_free(A, 2);
	drain();
	assert_int_equal(process->frees.count, 1);
	assert_int_equal(process->frees.rows[0].problem, MT_FREE_MISMATCHED);
	assert_int_equal(process->frees.rows[0].node, 0);
}

static void a_mismatched_free_frees(void **state)
{
	const struct mt_bad_free *row;

	(void)state;
	allocate(MT_KIND_NEW_ARRAY, A, 2);
	release(MT_KIND_FREE, A);
	drain();
	assert_int_equal(process->frees.mismatched, 1);
	assert_int_equal(process->unmatched_frees, 0);
	assert_int_equal(process->totals.live_blocks, 0);
	row = &process->frees.rows[0];
	assert_int_equal(row->problem, MT_FREE_MISMATCHED);
	assert_int_equal(row->size_bytes, 64);
	assert_int_equal(row->alloc_kind, MT_KIND_NEW_ARRAY);
	assert_int_equal(row->alloc_node, node(2));
}

static void a_realloc_of_nothing_is_a_bad_free(void **state)
{
	(void)state;
	producer_fixed(&p, MT_EVENT_REALLOC, MT_KIND_REALLOC, A, 0, 0, 0);
	stack_of_free(A, 2);
	allocate(MT_KIND_REALLOC, B, 1);
	drain();
	assert_int_equal(process->frees.count, 1);
	assert_int_equal(process->frees.rows[0].problem, MT_FREE_UNKNOWN);
	assert_int_equal(process->frees.rows[0].kind, MT_KIND_REALLOC);
	assert_int_equal(process->frees.rows[0].node, node(2));
	assert_int_equal(process->frees.rows[0].alloc_kind, MT_KIND_NONE);
}

static void only_the_first_hundred_are_kept(void **state)
{
	(void)state;
	for (uint64_t i = 0; i < 150; i++) {
		allocate(MT_KIND_NEW, A, 1);
		release(MT_KIND_FREE, A);
	}
	drain();
	assert_int_equal(process->frees.count, MT_FREES_KEPT);
	assert_int_equal(process->frees.mismatched, 150);
	/* Nothing would be done with them. */
	assert_false(stacks_are_wanted());
}

static void a_block_may_be_from_a_time_without_tracing(void **state)
{
	(void)state;
	allocate(MT_KIND_MALLOC, A, 1);
	drain();
	process->was_off = true;
	release(MT_KIND_FREE, B);
	release(MT_KIND_FREE, A);
	drain();
	assert_int_equal(process->frees.count, 0);
	/* This one is bad for certain. */
	release(MT_KIND_FREE, A);
	drain();
	assert_int_equal(process->frees.count, 1);
	assert_int_equal(process->frees.rows[0].problem, MT_FREE_DOUBLE);
}

static void no_free_is_bad_that_may_be_of_a_lost_allocation(void **state)
{
	(void)state;
	atomic_store(&mt_segment_slots(bench.segment)[p.slot].dropped, 1);
	release(MT_KIND_FREE, B);
	drain();
	assert_int_equal(process->unmatched_frees, 1);
	assert_int_equal(process->frees.count, 0);
}

static void the_oldest_are_forgotten(void **state)
{
	(void)state;
	for (uint64_t i = 0; i < MT_FREES_REMEMBERED + 1; i++) {
		allocate(MT_KIND_MALLOC, A + 64 * i, 1);
		release(MT_KIND_FREE, A + 64 * i);
		if (i % 100 == 0)
			drain();
	}
	release(MT_KIND_FREE, A);
	release(MT_KIND_FREE, A + 64);
	release(MT_KIND_FREE, A + 64 * MT_FREES_REMEMBERED);
	drain();
	assert_int_equal(process->frees.count, 3);
	assert_int_equal(process->frees.rows[0].problem, MT_FREE_UNKNOWN);
	assert_int_equal(process->frees.rows[1].problem, MT_FREE_DOUBLE);
	assert_int_equal(process->frees.rows[2].problem, MT_FREE_DOUBLE);
}

static void an_unheard_of_kind_does_no_harm(void **state)
{
	(void)state;
	allocate(MT_KIND_MALLOC, A, 1);
	release(0x7f, A);
	release(0x7f, A);
	stack_of_free(A, 0xfffffff0u);
	drain();
	assert_int_equal(process->frees.count, 2);
	assert_int_equal(process->frees.rows[0].kind, MT_KIND_NONE);
	assert_int_equal(process->frees.rows[1].node, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	        TEST(each_family_frees_its_own),
	        TEST(good_frees_ask_for_nothing),
	        TEST(a_second_free_knows_the_first),
	        TEST(without_stacks_a_second_free_still_knows_its_block),
	        TEST(an_address_that_is_allocated_again_is_no_second_free),
	        TEST(the_stack_goes_to_the_free_before_it_only),
	        TEST(a_mismatched_free_frees),
	        TEST(a_realloc_of_nothing_is_a_bad_free),
	        TEST(only_the_first_hundred_are_kept),
	        TEST(a_block_may_be_from_a_time_without_tracing),
	        TEST(no_free_is_bad_that_may_be_of_a_lost_allocation),
	        TEST(the_oldest_are_forgotten),
	        TEST(an_unheard_of_kind_does_no_harm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
